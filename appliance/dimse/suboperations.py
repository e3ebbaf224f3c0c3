"""The C-STORE sub-operations of one C-MOVE or C-GET request: their counts, and the answers that tell them."""

from io import BytesIO
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dsutils import encode
from pynetdicom.events import Event

from appliance.dimse.status import CANCEL, PENDING, SOME_FAILED, SUCCESS, UNABLE_TO_PERFORM
from appliance.dimse.streaming import StreamingDimse

Outcome = Literal["completed", "warning", "failed"]


def outcome_of(status: int | None) -> Outcome:
    """What a C-STORE status means for the sub-operation (PS3.4 B.2.3); None is no answer."""
    if status == SUCCESS:
        return "completed"
    return "warning" if status is not None and (status >> 12 == 0xB or status in (0x0001, 0x0107, 0x0116)) else "failed"


class SubOperations:
    """Counts by PS3.7 9.3.3.2 and 9.3.4.2."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self.remaining = 0
        self.completed = 0
        self.warnings = 0
        self.failed_uids: list[str] = []

    def note(self, sop_instance_uid: str, outcome: Outcome) -> None:
        """Count one sub-operation."""
        self.remaining -= 1
        if outcome == "failed":
            self.failed_uids.append(sop_instance_uid)
        elif outcome == "warning":
            self.warnings += 1
        else:
            self.completed += 1

    @property
    def outcome(self) -> int:
        """The final status when none remain (PS3.4 C.4.2.1.5)."""
        if not self.failed_uids and not self.warnings:
            return SUCCESS
        return SOME_FAILED if self.completed or self.warnings else UNABLE_TO_PERFORM

    def answer_pending(self) -> None:
        """Tell how far it is."""
        dimse, context_id = self._event.assoc.dimse, self._event.context.context_id
        dimse.send_msg(self._response(PENDING), context_id)

    def answer_finally(self, status: int) -> None:
        """Tell how it ended; failed instances are listed (C.4.2.1.4.2)."""
        dimse, context = self._event.assoc.dimse, self._event.context
        response = self._response(status)
        if status in (CANCEL, SOME_FAILED, UNABLE_TO_PERFORM):
            ds = Dataset()
            ds.FailedSOPInstanceUIDList = self.failed_uids
            syntax = UID(context.transfer_syntax)
            content = encode(ds, syntax.is_implicit_VR, syntax.is_little_endian)
            response.Identifier = BytesIO(content) if content is not None else None
        assert isinstance(dimse, StreamingDimse)  # noqa: S101 - the listener gave it to every association
        dimse.finish(response, context.context_id)

    def _response(self, status: int) -> C_GET | C_MOVE:
        request = self._event.request
        response = C_GET() if isinstance(request, C_GET) else C_MOVE()
        response.MessageID = response.MessageIDBeingRespondedTo = request.MessageID
        response.AffectedSOPClassUID = request.AffectedSOPClassUID
        response.Status = status
        if status in (PENDING, CANCEL):
            response.NumberOfRemainingSuboperations = self.remaining
        response.NumberOfCompletedSuboperations = self.completed
        response.NumberOfFailedSuboperations = len(self.failed_uids)
        response.NumberOfWarningSuboperations = self.warnings
        return response
