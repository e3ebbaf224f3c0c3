"""The reader's side of a case: workitems that clinics placed, and the reading list made of them."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydicom.dataset import Dataset

from appliance.archive.catalogue import Catalogue, StudyLine
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.dicom.record import text
from appliance.errors import BadInput, NotFound
from appliance.validators import valid_uid

Urgency = Literal["STAT", "urgent", "routine"]
_URGENCY: dict[str, Urgency] = {"HIGH": "STAT", "MEDIUM": "urgent", "LOW": "routine"}
_ORDER: tuple[Urgency, ...] = ("STAT", "urgent", "routine")


@dataclass(frozen=True)
class Case:
    """A study to read: how urgent it is, and how many of the announced pictures are there."""

    line: StudyLine
    urgency: Urgency
    asked_at: str | None
    expected: int
    """Instances that the request names; 0 when the study came without a request."""

    @property
    def arrived(self) -> int:
        """Original instances that are here."""
        return sum(1 for i in (*self.line.images, *self.line.others) if i.is_original)

    @property
    def is_read(self) -> bool:
        """Whether a report is in the study."""
        return any(i.report_kind == "SR" for i in self.line.reports)


class Cases:
    """The reading list of a reader service."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def place(self, workitem_uid: str, document: dict[str, Any]) -> bool:
        """Keep a workitem (DICOM JSON); False if there is one with this UID. Raises BadInput."""
        try:
            ds = Dataset.from_json(document)
            uid = valid_uid(workitem_uid)
            study_instance_uid = valid_uid(_study_instance_uid(ds))
        except Exception as error:  # whatever a peer sends as JSON may break anywhere in the parser
            raise BadInput(field="Workitem", reason="it is not DICOM JSON that names a study") from error
        priority = text(ds, "ScheduledProcedureStepPriority")
        with self._database.write() as db:
            changed = db.conn.execute(
                "INSERT INTO workitem (workitem_uid, study_instance_uid, priority, state, document, received_at)"
                " VALUES (?, ?, ?, 'SCHEDULED', ?, ?) ON CONFLICT DO NOTHING",
                [uid, study_instance_uid, priority if priority in _URGENCY else "LOW", json.dumps(document), stamp()],
            )
        return changed.rowcount > 0

    def document(self, workitem_uid: str) -> dict[str, Any]:
        """A workitem as DICOM JSON; raises NotFound."""
        row = next(
            self._database.read.query("SELECT document FROM workitem WHERE workitem_uid = ?", [workitem_uid]), None
        )
        if row is None:
            raise NotFound(what="workitem")
        document: dict[str, Any] = json.loads(row["document"])
        return document

    def open(self, *, limit: int = 100) -> list[Case]:
        """The most recent studies: unread before read, then by urgency, then the longest waiting first."""
        cases = [self._case(line) for line in self._catalogue.recent(limit=limit)]
        return sorted(cases, key=lambda c: (c.is_read, _ORDER.index(c.urgency), c.line.study.received_at))

    def case(self, study_id: int) -> Case:
        """One case by its study; raises NotFound."""
        return self._case(self._catalogue.line(self._catalogue.study(study_id)))

    def signed(self, study_instance_uid: str) -> None:
        """Note that the study's workitems are completed by a signed report."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE workitem SET state = 'COMPLETED' WHERE study_instance_uid = ? AND state <> 'CANCELED'",
                [study_instance_uid],
            )

    def _case(self, line: StudyLine) -> Case:
        row = next(
            self._database.read.query(
                "SELECT priority, document, received_at FROM workitem WHERE study_instance_uid = ?"
                " ORDER BY CASE priority WHEN 'HIGH' THEN 0 WHEN 'MEDIUM' THEN 1 ELSE 2 END, received_at LIMIT 1",
                [line.study.study_instance_uid],
            ),
            None,
        )
        if row is None:
            return Case(line, "routine", None, 0)
        return Case(line, _URGENCY[row["priority"]], row["received_at"], _expected(json.loads(row["document"])))


def _study_instance_uid(ds: Dataset) -> str:
    direct = text(ds, "StudyInstanceUID")
    return direct or text(ds.InputInformationSequence[0], "StudyInstanceUID") or ""


def _expected(document: dict[str, Any]) -> int:
    inputs = Dataset.from_json(document).get("InputInformationSequence") or []
    return sum(len(item.get("ReferencedSOPSequence") or []) for item in inputs)
