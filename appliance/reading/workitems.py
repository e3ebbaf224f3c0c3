"""The worklist of a reader: workitems by the rules of unified procedure steps (PS3.4 CC, PS3.18 11).

A worklist holds the workitems of one clinic; a clinic's credential reaches one worklist and no other.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import moment, now, stamp
from appliance.dicom.matching import matches
from appliance.dicom.record import text
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.reading.story import Urgency
from appliance.reading.workitem import UPS_PUSH_SOP_CLASS, URGENCY_OF, clock_start, code, dicom_time, expected_uids
from appliance.validators import valid_ae_title, valid_uid

STATES = ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED")
FINAL = ("COMPLETED", "CANCELED")
GLOBAL_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5"  # PS3.4 CC.2.3
FILTERED_SUBSCRIPTION = "1.2.840.10008.5.1.4.34.5.1"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5  # PS3.4 table CC.2.4-1
_KEPT_EVENTS = 10_000
CLOCK_RUNS = "The reading clock runs."
# What the requester may not change (PS3.4 CC.2.6.3): the state has a service of its own
_FIXED = ("ProcedureStepState", "TransactionUID", "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID")


class WorkitemConflict(BuckyError):
    """The workitem's state or its transaction UID does not allow this (PS3.4 CC.2.1.3)."""

    code = "workitem-conflict"
    message = "{reason}"
    hint = "Ask for the workitem again and look at its state."


@dataclass(frozen=True)
class Workitem:
    """A row of the worklist; `document` is DICOM JSON, its changing attributes set from the columns."""

    workitem_uid: str
    study_instance_uid: str
    priority: str
    state: str
    document: dict[str, Any]
    received_at: str
    requester: str
    transaction_uid: str | None
    claimed_by: str | None
    claimed_at: str | None
    started_at: str | None
    due_at: str | None
    paused_at: str | None
    pause_reason: str | None
    completed_at: str | None
    completed_by: str | None

    @property
    def urgency(self) -> Urgency:
        """STAT, urgent or routine."""
        return URGENCY_OF[self.priority]

    @property
    def is_open(self) -> bool:
        """Whether it still waits for a report."""
        return self.state not in FINAL

    @property
    def expected(self) -> list[str]:
        """SOP Instance UIDs of the pictures that it names."""
        return expected_uids(self.document)

    def after_pause(self) -> dict[str, str | None]:
        """Start and due time if its clock goes on now: both move on by the time that it stood still, which is not the
        reader's."""
        times = {"started_at": self.started_at, "due_at": self.due_at}
        if self.paused_at is None:
            return times
        stood = now() - moment(self.paused_at)
        return {name: at and stamp(moment(at) + stood) for name, at in times.items()}

    def shown(self) -> dict[str, Any]:
        """The workitem as the service gives it: with its state and progress, without its transaction UID."""
        ds = Dataset.from_json(self.document)
        ds.SOPClassUID, ds.SOPInstanceUID = UPS_PUSH_SOP_CLASS, self.workitem_uid
        ds.ProcedureStepState = self.state
        ds.ScheduledProcedureStepPriority = self.priority
        if self.due_at:
            ds.ExpectedCompletionDateTime = dicom_time(moment(self.due_at))
        if self.started_at:
            progress = Dataset()
            progress.ProcedureStepProgressDescription = self.pause_reason or CLOCK_RUNS
            progress.ProcedureStepProgressParametersSequence = [clock_start(moment(self.started_at))]
            ds.ProcedureStepProgressInformationSequence = [progress]
        return dict(ds.to_json_dict())


@dataclass(frozen=True)
class Event:
    """What happened to a workitem; `number` grows."""

    number: int
    workitem_uid: str
    document: dict[str, Any]


class Workitems:
    """One worklist."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- requester -----------------------------------------------------------------------------------------------

    def create(self, workitem_uid: str, document: dict[str, Any], requester: str = "") -> bool:
        """Keep a workitem (PS3.18 11.4); False if there is one with this UID. Raises BadInput."""
        try:
            ds = Dataset.from_json(document)
            uid = valid_uid(workitem_uid)
            study_instance_uid = valid_uid(_study_instance_uid(ds))
            priority = text(ds, "ScheduledProcedureStepPriority")
            expected_uids(document)
        except Exception as error:  # whatever a peer sends as JSON may break anywhere in the parser
            raise BadInput(field="Workitem", reason="it is not DICOM JSON that names a study") from error
        if text(ds, "ProcedureStepState") not in (None, "SCHEDULED"):
            raise BadInput(field="Procedure Step State", reason="a new workitem is SCHEDULED (PS3.4 CC.2.5.1)")
        with self._database.write() as db:
            changed = db.conn.execute(
                "INSERT INTO workitem (workitem_uid, study_instance_uid, priority, state, document, received_at,"
                " requester) VALUES (?, ?, ?, 'SCHEDULED', ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    *(uid, study_instance_uid, priority if priority in URGENCY_OF else "LOW"),
                    *(json.dumps(document), stamp(), requester),
                ],
            )
            if changed.rowcount:
                _report(db, uid, STATE_REPORT, ProcedureStepState="SCHEDULED")
        return changed.rowcount > 0

    def request_cancel(self, workitem_uid: str, reason: str = "") -> bool:
        """Ask to cancel (PS3.18 11.8): done at once while nobody works on it, else the performer is told; returns
        whether it is canceled. Raises NotFound, WorkitemConflict."""
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if item.state == "COMPLETED":
                raise WorkitemConflict(reason="The workitem is already COMPLETED.")
            if item.state == "SCHEDULED":
                _set(db, workitem_uid, state="CANCELED", completed_at=stamp(), pause_reason=None)
                _report(db, workitem_uid, STATE_REPORT, ProcedureStepState="CANCELED", ReasonForCancellation=reason)
            elif item.state == "IN PROGRESS":
                _report(db, workitem_uid, CANCEL_REQUESTED, ReasonForCancellation=reason)
            return item.state != "IN PROGRESS"

    # -- performer -----------------------------------------------------------------------------------------------

    def change_state(self, workitem_uid: str, state: str, transaction_uid: str) -> bool:
        """PS3.18 11.7; False if it is in this final state already. Raises BadInput, NotFound, WorkitemConflict."""
        if state not in STATES[1:]:
            raise BadInput(field="Procedure Step State", reason="IN PROGRESS, COMPLETED or CANCELED")
        if not transaction_uid:
            raise BadInput(field="Transaction UID", reason="it is missing")
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if item.state == state and state in FINAL:
                return False
            _check_transition(item, state, transaction_uid)
            columns: dict[str, object] = {"state": state, "transaction_uid": transaction_uid}
            if state in FINAL:
                columns |= {"completed_at": stamp(), "claimed_by": None, **item.after_pause()}
                columns |= {"pause_reason": None, "paused_at": None}
            _set(db, workitem_uid, **columns)
            _report(db, workitem_uid, STATE_REPORT, ProcedureStepState=state)
        return True

    def update(self, workitem_uid: str, changes: dict[str, Any], transaction_uid: str | None = None) -> None:
        """PS3.18 11.6: before the work anybody of this worklist, during it the performer. Raises as above."""
        try:
            changed = Dataset.from_json(changes)
        except Exception as error:
            raise BadInput(field="Workitem", reason="it is not DICOM JSON") from error
        fixed = next((keyword for keyword in _FIXED if keyword in changed), None)
        if fixed:
            raise BadInput(field=fixed, reason="it cannot be changed here (PS3.4 CC.2.6.3)")
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if item.state in FINAL:
                raise WorkitemConflict(reason=f"The workitem is {item.state} and can no longer be updated.")
            if item.state == "IN PROGRESS" and transaction_uid != item.transaction_uid:
                raise WorkitemConflict(reason="The Transaction UID is missing or not that of the performer.")
            priority = text(changed, "ScheduledProcedureStepPriority") or item.priority
            if priority not in URGENCY_OF:
                raise BadInput(field="Scheduled Procedure Step Priority", reason="HIGH, MEDIUM or LOW")
            document = json.dumps({**item.document, **changed.to_json_dict()})
            _set(db, workitem_uid, document=document, priority=priority)
            _report(db, workitem_uid, PROGRESS_REPORT)

    def claim(self, workitem_uid: str, by: str) -> None:
        """A radiologist of this service takes it; raises WorkitemConflict if somebody else has it."""
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if not item.is_open:
                raise WorkitemConflict(reason=f"This case is {item.state.lower()}.")
            if item.claimed_by not in (None, by):
                raise WorkitemConflict(reason=f"{item.claimed_by} has this case.")
            if item.state == "IN PROGRESS" and item.claimed_at is None:
                raise WorkitemConflict(reason="Another system has this case.")
            _set(
                db,
                workitem_uid,
                state="IN PROGRESS",
                claimed_by=by,
                claimed_at=stamp(),
                transaction_uid=item.transaction_uid or str(generate_uid()),
            )
            if item.state == "SCHEDULED":
                _report(db, workitem_uid, STATE_REPORT, ProcedureStepState="IN PROGRESS")

    def release(self, workitem_uid: str, by: str, *, force: bool = False) -> None:
        """Give it back to the list. To the clinic it stays IN PROGRESS, which has no way back (PS3.4 CC.1.1)."""
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if item.claimed_by not in (None, by) and not force:
                raise WorkitemConflict(reason=f"{item.claimed_by} has this case.")
            _set(db, workitem_uid, claimed_by=None)

    def complete(self, workitem_uid: str, by: str, outputs: list[Dataset]) -> None:
        """A signed report: COMPLETED with references to it (PS3.4 CC.2.5, Performed Procedure Sequence)."""
        performed = Dataset()
        performed.PerformedProcedureStepEndDateTime = dicom_time(datetime.now().astimezone())
        performed.PerformedWorkitemCodeSequence = [code("110005", "DCM", "Interpretation")]
        performed.OutputInformationSequence = outputs
        addition = Dataset()
        addition.UnifiedProcedureStepPerformedProcedureSequence = [performed]
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if not item.is_open:
                return
            document = json.dumps({**item.document, **addition.to_json_dict()})
            done = {"completed_at": stamp(), "completed_by": by, "claimed_by": None, **item.after_pause()}
            _set(db, workitem_uid, state="COMPLETED", document=document, pause_reason=None, paused_at=None, **done)
            _report(db, workitem_uid, STATE_REPORT, ProcedureStepState="COMPLETED")

    def set_clock(self, workitem_uid: str, **columns: str | None) -> None:
        """Change the reading clock: started_at, due_at, paused_at, pause_reason; the requester is told."""
        with self._database.write() as db:
            item = _locked(db, workitem_uid)
            if item.is_open and any(getattr(item, name) != value for name, value in columns.items()):
                _set(db, workitem_uid, **columns)
                _report(db, workitem_uid, PROGRESS_REPORT)

    def tell(self, study_instance_uid: str) -> None:
        """Something for the requester is new in the study, e.g. a question or an addendum."""
        with self._database.write() as db:
            rows = list(
                db.query("SELECT workitem_uid FROM workitem WHERE study_instance_uid = ?", [study_instance_uid])
            )
            for row in rows:
                _report(db, row["workitem_uid"], PROGRESS_REPORT)

    # -- looking ---------------------------------------------------------------------------------------------------

    def get(self, workitem_uid: str) -> Workitem:
        """One workitem; raises NotFound."""
        return _one(self._database.read, workitem_uid)

    def of_study(self, study_instance_uid: str) -> list[Workitem]:
        """The workitems of a study, newest first."""
        return self._select("study_instance_uid = ? ORDER BY received_at DESC", [study_instance_uid])

    def open(self) -> list[Workitem]:
        """All that wait for a report."""
        return self._select("state IN ('SCHEDULED', 'IN PROGRESS') ORDER BY received_at", [])

    def done(self, month: str) -> list[Workitem]:
        """All completed in a month (YYYY-MM)."""
        return self._select("state = 'COMPLETED' AND substr(completed_at, 1, 7) = ? ORDER BY completed_at", [month])

    def _select(self, condition: str, values: list[Any]) -> list[Workitem]:
        sql = f"SELECT * FROM workitem WHERE {condition}"  # noqa: S608 - our own condition
        return [_workitem(row) for row in self._database.read.query(sql, values)]

    def search(self, query: Dataset, *, limit: int, offset: int) -> list[dict[str, Any]]:
        """Workitems that match a query (PS3.18 11.9), oldest first."""
        found = []
        for item in self._select("1 = 1 ORDER BY received_at", []):
            shown = item.shown()
            if matches(query, Dataset.from_json(shown)):
                found.append(shown)
        return found[offset : offset + limit]

    # -- subscriptions ---------------------------------------------------------------------------------------------

    def subscribe(self, ae_title: str, workitem_uid: str, *, deletion_lock: bool = False) -> None:
        """PS3.18 11.10, to one workitem or to all (GLOBAL_SUBSCRIPTION). Raises BadInput, NotFound."""
        if workitem_uid not in (GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION):
            self.get(workitem_uid)
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO subscription (ae_title, workitem_uid, deletion_lock, created_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET deletion_lock = excluded.deletion_lock",
                [_ae_title(ae_title), workitem_uid, int(deletion_lock), stamp()],
            )

    def unsubscribe(self, ae_title: str, workitem_uid: str) -> None:
        """PS3.18 11.11; from all when it names the worklist as a whole."""
        everything = workitem_uid in (GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION)
        with self._database.write() as db:
            db.conn.execute(
                "DELETE FROM subscription WHERE ae_title = ? AND (workitem_uid = ? OR ?)",
                [_ae_title(ae_title), workitem_uid, int(everything)],
            )

    def suspend(self, ae_title: str) -> None:
        """PS3.18 11.12: no new workitems are added to a global subscription."""
        with self._database.write() as db:
            db.conn.execute(
                "DELETE FROM subscription WHERE ae_title = ? AND workitem_uid IN (?, ?)",
                [_ae_title(ae_title), GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION],
            )

    def events(self, ae_title: str, after: int, *, limit: int = 100) -> list[Event]:
        """Events for a subscriber with a number above `after`, in order."""
        rows = self._database.read.query(
            "SELECT id, workitem_uid, document FROM workitem_event WHERE id > ? AND EXISTS (SELECT 1 FROM subscription"
            " WHERE ae_title = ? AND subscription.workitem_uid IN (workitem_event.workitem_uid, ?, ?))"
            " ORDER BY id LIMIT ?",
            [after, _ae_title(ae_title), GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION, limit],
        )
        return [Event(row["id"], row["workitem_uid"], json.loads(row["document"])) for row in rows]

    def last_event(self) -> int:
        """The number of the last event."""
        return int(self._database.read.conn.execute("SELECT coalesce(max(id), 0) FROM workitem_event").fetchone()[0])


def _check_transition(item: Workitem, state: str, transaction_uid: str) -> None:
    """PS3.4 table CC.1.1-2."""
    if state == "IN PROGRESS":
        if item.state != "SCHEDULED":
            raise WorkitemConflict(reason=f"The workitem is already {item.state}.")
        return
    if item.state != "IN PROGRESS":
        raise WorkitemConflict(reason=f"The workitem is {item.state}, not IN PROGRESS.")
    if transaction_uid != item.transaction_uid:
        raise WorkitemConflict(reason="The Transaction UID is not that of the performer.")


def _one(db: SqliteUtils, workitem_uid: str) -> Workitem:
    row = next(db.query("SELECT * FROM workitem WHERE workitem_uid = ?", [workitem_uid]), None)
    if row is None:
        raise NotFound(what="workitem")
    return _workitem(row)


_locked: Callable[[SqliteUtils, str], Workitem] = _one  # inside a transaction the row cannot change under us


def _workitem(row: Mapping[str, Any]) -> Workitem:
    return Workitem(**{**row, "document": json.loads(row["document"])})


def _set(db: SqliteUtils, workitem_uid: str, **columns: object) -> None:
    change = ", ".join(f"{name} = ?" for name in columns)
    db.conn.execute(
        f"UPDATE workitem SET {change} WHERE workitem_uid = ?",  # noqa: S608 - our own column names
        [*columns.values(), workitem_uid],
    )


def _report(db: SqliteUtils, workitem_uid: str, event_type: int, **facts: str) -> None:
    """Note an event (PS3.4 CC.2.4) inside the caller's transaction."""
    ds = Dataset()
    ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID = UPS_PUSH_SOP_CLASS, workitem_uid
    ds.EventTypeID = event_type
    for keyword, value in facts.items():
        setattr(ds, keyword, value)
    last = db.conn.execute(
        "INSERT INTO workitem_event (workitem_uid, event_type, document, at) VALUES (?, ?, ?, ?) RETURNING id",
        [workitem_uid, event_type, json.dumps(ds.to_json_dict()), stamp()],
    ).fetchone()[0]
    db.conn.execute("DELETE FROM workitem_event WHERE id <= ?", [last - _KEPT_EVENTS])


def _ae_title(text: str) -> str:
    try:
        return valid_ae_title(text)
    except ValueError as error:
        raise BadInput(field="AE title", reason=str(error)) from None


def _study_instance_uid(ds: Dataset) -> str:
    direct = text(ds, "StudyInstanceUID")
    return direct or text(ds.InputInformationSequence[0], "StudyInstanceUID") or ""
