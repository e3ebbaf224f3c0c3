"""Somebody else's worklist (PS3.18 11): one attempt a call, each failure a typed error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from appliance.clock import stamp
from appliance.dicom.record import text
from appliance.dicomweb.client import DicomWebClient
from appliance.reading.workitem import clock_started, read_time
from appliance.reading.workitems import CLOCK_RUNS, GLOBAL_SUBSCRIPTION
from appliance.validators import valid_uid

_HEADER = "Bucky-Last-Event"


@dataclass(frozen=True)
class FarWorkitem:
    """What the far side says of a workitem; times as `appliance.clock.stamp` writes them."""

    state: str
    started_at: str | None
    due_at: str | None
    pause_reason: str | None


class UpsClient:
    """The worklist service beside an archive."""

    def __init__(self, client: DicomWebClient) -> None:
        self._client = client

    def get(self, workitem_uid: str) -> FarWorkitem | None:
        """A workitem as it is now; None if the service does not have it."""
        status, _, document = self._client.ask("GET", f"/workitems/{valid_uid(workitem_uid)}")
        if status != 200 or not isinstance(document, list) or not document:
            return None
        try:
            return _read(Dataset.from_json(document[0]))
        except Exception:  # whatever a peer sends as JSON may break anywhere in the parser
            return None

    def cancel(self, workitem_uid: str, reason: str) -> bool:
        """Ask to cancel; False if the service does not know it or has completed it."""
        ds = Dataset()
        ds.ReasonForCancellation = reason
        path = f"/workitems/{valid_uid(workitem_uid)}/cancelrequest"
        status, _, _ = self._client.ask("POST", path, document=[ds.to_json_dict()])
        return status in (200, 202)

    def subscribe(self, ae_title: str) -> bool:
        """Subscribe to all workitems of this credential; False if the service offers no events."""
        path = f"/workitems/{GLOBAL_SUBSCRIPTION}/subscribers/{ae_title}"
        status, _, _ = self._client.ask("POST", path)
        return status in (200, 201)

    def events(self, ae_title: str, after: int) -> tuple[int, Sequence[str]]:
        """The last event's number and the workitems that something happened to."""
        status, headers, document = self._client.ask(
            "GET", f"/subscribers/{ae_title}", parameters={"after": str(after)}
        )
        if status == 200 and not isinstance(document, list):  # the answer broke off: these events come again
            return after, []
        last = headers.get(_HEADER, "")
        number = int(last) if status in (200, 204) and last.isdecimal() else after
        return number, [uid for item in document if (uid := _affected(item))] if status == 200 else []


def _affected(item: Any) -> str | None:
    try:
        return str(item["00001000"]["Value"][0])
    except (KeyError, IndexError, TypeError):
        return None


def _read(ds: Dataset) -> FarWorkitem:
    progress = (ds.get("ProcedureStepProgressInformationSequence") or [Dataset()])[0]
    started = clock_started(progress)
    due = read_time(text(ds, "ExpectedCompletionDateTime"))
    said = text(progress, "ProcedureStepProgressDescription")
    return FarWorkitem(
        state=text(ds, "ProcedureStepState") or "SCHEDULED",
        started_at=stamp(started) if started else None,
        due_at=stamp(due) if due and started else None,
        pause_reason=said if said and said != CLOCK_RUNS else None,
    )
