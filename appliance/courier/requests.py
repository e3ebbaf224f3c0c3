"""Reading requests on the clinic's side: released through the gate, announced to the reader, watched for results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue
from appliance.archive.database import Database
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import after, stamp
from appliance.courier.queue import FIRST_LOOK_S, PRIORITIES, queue_study
from appliance.courier.uplink import ArchiveClient
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.reading.casebook import Casebook, ReadingCase, evidence
from appliance.reading.gate import CaseGate
from appliance.reading.note import TITLES, Note
from appliance.reading.prices import Prices
from appliance.reading.story import LABELS
from appliance.reading.workitem import Request, workitem

LOOK_GROWTH = 1.3
LONGEST_LOOK_S = 300.0  # reconciliation: whatever was missed is found within five minutes
OLD_LOOK_S = 6 * 3600.0  # of a study with no open case, a day after it was asked for: an addendum may still come
_FRESH_S = 86_400.0


@dataclass(frozen=True)
class ReadingRequest:
    """A study at a destination, and when to look for results next."""

    id: int
    study_id: int
    destination_id: int
    workitem_uid: str
    priority: int
    asked_by: str
    asked_at: str
    workitem_state: str
    next_look_at: str
    last_look_at: str | None
    look_interval_s: float


class NotComplete(BuckyError):
    """The case does not tell what the clinic's rules ask for."""

    code = "case-not-complete"
    message = "Still to tell: {fields}."
    hint = "The reader needs it; fill it in and send again."


class Requests:
    """The requests of one box."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        *,
        intake: Intake,
        casebook: Casebook,
        gate: CaseGate,
        prices: Prices,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._intake = intake
        self._casebook = casebook
        self._gate = gate
        self._prices = prices

    def of_study(self, study_id: int) -> list[ReadingRequest]:
        """All requests for a study."""
        return self._select("study_id = ? ORDER BY id", [study_id])

    def _select(self, condition: str, values: list[Any]) -> list[ReadingRequest]:
        sql = f"SELECT * FROM reading_request WHERE {condition}"  # noqa: S608 - our own condition
        return [ReadingRequest(**row) for row in self._database.read.query(sql, values)]

    def release(self, case_id: int, by: str) -> ReadingCase:
        """Send a draft: what it asks and shows is fixed now. Works offline. Raises NotComplete, BadInput, NotFound."""
        case = self._casebook.get(case_id)
        missing = self._gate.missing(case.story, case.urgency)
        if missing:
            raise NotComplete(fields=", ".join(LABELS[name] for name in missing))
        if case.destination_id is None:
            raise BadInput(field="Reader", reason="choose who shall read it")
        document = json.dumps(self._document(case, by))
        price = self._prices.quote(case.destination_id, case.urgency, stamp()[:7])
        with self._database.write() as db:
            changed = db.conn.execute(
                "UPDATE reading_case SET state = 'released', announced = 'waiting', document = ?, released_by = ?,"
                " released_at = ?, price_cents = ?, currency = ?, price_basis = ? WHERE id = ? AND state = 'draft'",
                [
                    *(document, by, stamp()),
                    *((price.cents, price.currency, price.basis) if price else (None, None, None)),
                    case_id,
                ],
            )
            if changed.rowcount == 0:
                raise NotFound(what="draft")
            queue_study(db, case.study_id, case.destination_id, PRIORITIES[case.urgency], by, case.workitem_uid)
        return self._casebook.get(case_id)

    def _document(self, case: ReadingCase, by: str) -> dict[str, Any]:
        study = self._catalogue.study(case.study_id)
        instances = [i for i in self._catalogue.instances(study.id) if not i.conflict or i.is_image]
        evidence(tuple(i for i in instances if i.is_image))
        clinic = self._database.setting("clinic_name") or "Clinic"
        request = Request(case.urgency, case.story, clinic, by, _moment(case.story.wanted_by))
        return workitem(study, instances, request)

    def add_late(self, case_id: int, instance_ids: Sequence[int], reason: str, by: str) -> None:
        """Pictures that came after the release join the open case, with a reason that the reader is told."""
        case = self._casebook.get(case_id)
        if not reason.strip():
            raise BadInput(field="Reason", reason="tell the reader why the pictures came later")
        late = [i for i in self._casebook.late_pictures(case) if i.id in instance_ids]
        if not late or case.destination_id is None:
            raise BadInput(field="Pictures", reason="none of them is waiting")
        told = [("Reason", reason.strip()), ("Pictures", "\n".join(f"{i.view}: {i.sop_instance_uid}" for i in late))]
        self._casebook.note(case.study_id, Note("late pictures", told, by, self._clinic()))
        with self._database.write() as db:
            queue_study(db, case.study_id, case.destination_id, PRIORITIES[case.urgency], by, case.workitem_uid)

    def _clinic(self) -> str:
        return self._database.setting("clinic_name") or "Clinic"

    def announce_next(self, destination_id: int, client: ArchiveClient) -> bool:
        """Create the workitem of one case that still waits for it; raises PeerError. False if there was none."""
        waiting = next((c for c in self._casebook.open(destination_id) if c.announced == "waiting"), None)
        if waiting is None or waiting.document is None:
            return False
        created = client.create_workitem(waiting.workitem_uid, json.loads(waiting.document))
        if not created:
            self._tell_in_the_study(waiting)
        self._casebook.followed(waiting.id, announced="created" if created else "unsupported")
        return True

    def _tell_in_the_study(self, case: ReadingCase) -> None:
        """The far side knows no worklist: the story goes as Basic Text SR and as a PDF, which any viewer shows."""
        from appliance.reading.attachments import pdf_in_study
        from appliance.reading.report_pdf import request_pdf

        title, by = TITLES["request"], case.released_by or case.created_by
        told = [("Urgency", case.urgency), *case.story.told()]
        headers = evidence(self._catalogue.line(self._catalogue.study(case.study_id)).images)
        pdf = pdf_in_study(
            request_pdf(title, told, headers, self._clinic()), headers[0], title=title, description=title, number=9030
        )
        take_dataset(self._intake, pdf, Provenance("local", by, "", stamp()))
        self._casebook.note(case.study_id, Note("request", told, by, self._clinic()))

    def due_for_a_look(self, destination_id: int) -> ReadingRequest | None:
        """The request whose results should be looked for now."""
        due = self._select(
            "destination_id = ? AND next_look_at <= ? ORDER BY next_look_at LIMIT 1", [destination_id, stamp()]
        )
        return due[0] if due else None

    def look_now(self, destination_id: int, workitem_uids: Sequence[str] | None = None) -> None:
        """Something may have come for these workitems, or, with None, for any open case of the destination."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE reading_request SET next_look_at = ? WHERE destination_id = ? AND study_id IN"
                " (SELECT study_id FROM reading_case WHERE destination_id = ? AND"
                " CASE WHEN ? THEN state = 'released' ELSE workitem_uid IN (SELECT value FROM json_each(?)) END)",
                [stamp(), destination_id, destination_id, workitem_uids is None, json.dumps(list(workitem_uids or []))],
            )

    def looked(self, request: ReadingRequest, *, found: bool) -> None:
        """Note a look: soon again after news, ever more seldom while there are none."""
        longest_s = LONGEST_LOOK_S if self._is_fresh(request) else OLD_LOOK_S
        interval_s = FIRST_LOOK_S if found else min(longest_s, request.look_interval_s * LOOK_GROWTH)
        change = "last_look_at = ?, next_look_at = ?, look_interval_s = ?"
        self._update(request.id, change, [stamp(), after(interval_s), interval_s])

    def _is_fresh(self, request: ReadingRequest) -> bool:
        cases = self._casebook.of_study(request.study_id)
        newest = max([request.asked_at, *(case.released_at or "" for case in cases)])
        return any(case.is_open for case in cases) or newest > after(-_FRESH_S)

    def look_later(self, request: ReadingRequest, delay_s: float) -> None:
        """The destination could not be asked."""
        self._update(request.id, "next_look_at = ?", [after(delay_s)])

    def _update(self, request_id: int, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE reading_request SET {change} WHERE id = ?", [*values, request_id])  # noqa: S608 - our own names


def _moment(text: str) -> datetime | None:
    """'2026-11-25T16:00' of a form, in the box's own time zone; None if it is not given or no time."""
    try:
        return datetime.fromisoformat(text).astimezone() if text else None
    except ValueError:
        return None
