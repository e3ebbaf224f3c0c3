"""What the structured reports of a study say, each read once: reports and notes, told apart, newest first."""

import warnings
from dataclasses import dataclass
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.dicom.names import shown_name
from appliance.dicom.record import text
from appliance.errors import NotDicom
from appliance.reading.workitem import OUR_CODES, long_text

_ADDENDUM, _CRITICAL = "55107-7", "RID49480"
_NOTES = ("request", "question", "answer", "acknowledgement", "late pictures", "withdrawal")
_MEASURED = ("126000", "113000")  # Imaging Measurement Report; a key object selection's title begins the same way
MAX_DEPTH = 8


@dataclass(frozen=True)
class Document:
    """A report or note; `from_far` if it came from the other side of the case."""

    instance_id: int
    sop_instance_uid: str
    kind: str
    status: str
    critical: bool
    refers_to: str | None
    author: str
    text: str
    written_at: str
    seen_at: str | None
    from_far: bool

    @property
    def is_report(self) -> bool:
        """Whether it is a radiologist's report."""
        return self.kind == "report"


class Documents:
    """The documents of one archive. `far` names the kinds of sender that are the other side: 'result' at a clinic,
    'dicomweb' at a reader."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def of_study(self, study_id: int) -> list[Document]:
        """All of a study, newest first; new ones are read now."""
        self.read_new(study_id)
        rows = self._database.read.query(
            "SELECT document.*, sop_instance_uid, sender.kind AS sender_kind FROM document"
            " JOIN instance ON instance.id = instance_id JOIN sender ON sender.id = sender_id"
            " WHERE document.study_id = ? ORDER BY written_at DESC, instance_id DESC",
            [study_id],
        )
        return [_document(row) for row in rows]

    def read_new(self, study_id: int) -> None:
        """Read what has come since the last time, so that it is news before anybody opens the study."""
        known = {
            row["instance_id"]
            for row in self._database.read.query("SELECT instance_id FROM document WHERE study_id = ?", [study_id])
        }
        for instance in self._catalogue.instances(study_id):
            if instance.report_kind == "SR" and instance.id not in known:
                self._keep(instance)

    def _keep(self, instance: Instance) -> None:
        facts = read(instance)
        if facts["status"] == "corrected":
            facts["status"] = self._by_predecessor(str(facts["refers_to"]))
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO document (instance_id, study_id, kind, status, critical, refers_to, author, text,"
                " written_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    *(instance.id, instance.study_id, facts["kind"], facts["status"], int(facts["critical"])),
                    *(facts["refers_to"], facts["author"], facts["text"], instance.received_at),
                ],
            )

    def _by_predecessor(self, sop_instance_uid: str) -> str:
        """What follows a preliminary report is the final one; what follows a final one corrects it."""
        row = next(
            self._database.read.query(
                "SELECT status FROM document JOIN instance ON instance.id = instance_id WHERE sop_instance_uid = ?",
                [sop_instance_uid],
            ),
            None,
        )
        return "final" if row and row["status"] == "preliminary" else "corrected"

    def seen(self, study_id: int) -> None:
        """A person of this side has opened the study."""
        unseen = "study_id = ? AND seen_at IS NULL"
        sql = f"SELECT 1 FROM document WHERE {unseen}"  # noqa: S608 - our own condition
        if self._database.read.conn.execute(sql, [study_id]).fetchone():
            with self._database.write() as db:
                db.conn.execute(f"UPDATE document SET seen_at = ? WHERE {unseen}", [stamp(), study_id])  # noqa: S608 - our own names

    def unseen(self, sender_kind: str) -> list[tuple[int, str, bool]]:
        """Study, kind and critical flag of what the other side wrote and nobody here has opened."""
        rows = self._database.read.query(
            "SELECT document.study_id, document.kind, critical FROM document JOIN instance ON instance.id = instance_id"
            " JOIN sender ON sender.id = sender_id WHERE seen_at IS NULL AND sender.kind = ?"
            " AND document.kind <> 'measurements'",
            [sender_kind],
        )
        return [(row["study_id"], row["kind"], bool(row["critical"])) for row in rows]

    def unacknowledged(self, study_id: int) -> list[Document]:
        """Critical reports that nobody of the clinic has acknowledged."""
        found = self.of_study(study_id)
        done = {d.refers_to for d in found if d.kind == "acknowledgement"}
        return [d for d in found if d.critical and d.is_report and d.sop_instance_uid not in done]

    def open_question(self, study_id: int) -> Document | None:
        """The reader's last question if it is not answered yet."""
        found = self.of_study(study_id)
        answered = {d.refers_to for d in found if d.kind == "answer"}
        return next((d for d in found if d.kind == "question" and d.sop_instance_uid not in answered), None)


def _document(row: dict[str, Any]) -> Document:
    return Document(
        instance_id=row["instance_id"],
        sop_instance_uid=row["sop_instance_uid"],
        kind=row["kind"],
        status=row["status"],
        critical=bool(row["critical"]),
        refers_to=row["refers_to"],
        author=row["author"],
        text=row["text"],
        written_at=row["written_at"],
        seen_at=row["seen_at"],
        from_far=row["sender_kind"] in ("result", "dicomweb"),
    )


def read(instance: Instance) -> dict[str, Any]:
    """Kind, status, flags and text of a structured report; odd content never raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds = dcmread(instance.path)
            return _facts(ds)
        except (NotDicom, OSError, ValueError, AttributeError, KeyError, TypeError, IndexError):
            return {"kind": "other", "status": "", "critical": False, "refers_to": None, "author": "—", "text": ""}


def _facts(ds: Dataset) -> dict[str, Any]:
    title = _code(ds, "ConceptNameCodeSequence")
    items = list(_items(ds, 0))
    codes = {_code(item, "ConceptNameCodeSequence")[0] for item in items}
    values = {_code(item, "ConceptCodeSequence")[0] for item in items}
    ours = title[1] == OUR_CODES and title[0] in _NOTES
    refers_to = next((str(item.get("UID")) for item in items if text(item, "ValueType") == "UIDREF"), None)
    return {
        "kind": title[0] if ours else "measurements" if title[0].startswith(_MEASURED[0]) else "report",
        "status": "" if ours else _status(ds, codes),
        "critical": _CRITICAL in values,
        "refers_to": refers_to if ours else _predecessor(ds),
        "author": _author(ds, items),
        "text": "\n".join(value for item in items if (value := long_text(item, "TextValue"))),
    }


def _status(ds: Dataset, codes: set[str]) -> str:
    if _ADDENDUM in codes:
        return "addendum"
    if text(ds, "PreliminaryFlag") == "PRELIMINARY" or text(ds, "CompletionFlag") == "PARTIAL":
        return "preliminary"
    return "corrected" if _predecessor(ds) else "final"


def _items(ds: Dataset, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return
    for item in ds.get("ContentSequence") or []:
        yield item
        yield from _items(item, depth + 1)


def _code(item: Dataset, keyword: str) -> tuple[str, str]:
    codes = item.get(keyword) or []
    return (text(codes[0], "CodeValue") or "", text(codes[0], "CodingSchemeDesignator") or "") if codes else ("", "")


def _predecessor(ds: Dataset) -> str | None:
    for study in ds.get("PredecessorDocumentsSequence") or []:
        for series in study.get("ReferencedSeriesSequence") or []:
            for reference in series.get("ReferencedSOPSequence") or []:
                return text(reference, "ReferencedSOPInstanceUID")
    return None


def _author(ds: Dataset, items: list[Dataset]) -> str:
    observers = ds.get("VerifyingObserverSequence") or []
    verified = text(observers[0], "VerifyingObserverName") if observers else None
    named = next((text(item, "PersonName") for item in items if text(item, "ValueType") == "PNAME"), None)
    return shown_name(verified or named)
