"""Modality performed procedure step service class (PS3.4 annex F) as SCP."""

from collections.abc import Callable, Mapping
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_CREATE, N_SET
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityPerformedProcedureStep  # type: ignore[attr-defined]  # pynetdicom makes the name when it is imported

from appliance.dimse.listener import FindHandler
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import NOT_AUTHORIZED, PROCESSING_FAILURE, STEP_HAS_ENDED, SUCCESS
from appliance.errors import BuckyError
from appliance.exams.procedure_steps import ProcedureSteps, StepRefused
from appliance.logs import Log

Answer = tuple[int | Dataset, Dataset | None]


class ProcedureStepService:
    """N-CREATE and N-SET of performed procedure steps."""

    abstract_syntaxes = frozenset({str(ModalityPerformedProcedureStep)})

    def __init__(self, *, steps: ProcedureSteps, policy: Policy, log: Log) -> None:
        self._steps = steps
        self._policy = policy
        self._log = log

    def handlers(self) -> list[evt.EventHandlerType]:
        """The two services of the class."""
        return [(evt.EVT_N_CREATE, self.create), (evt.EVT_N_SET, self.change)]

    def find_handlers(self) -> Mapping[str, FindHandler]:
        """No C-FIND."""
        return {}

    def create(self, event: Event) -> Answer:
        """A step begins."""
        uid = str(cast(N_CREATE, event.request).AffectedSOPInstanceUID or generate_uid(prefix=None))
        sender = provenance_of(event.assoc)

        def run() -> Dataset:
            ds = event.attribute_list
            self._steps.create(uid, ds, station_name=sender.name, address=sender.address)
            result = Dataset()
            result.SOPInstanceUID = uid
            result.SOPClassUID = ModalityPerformedProcedureStep
            return result

        return self._answered(event, "step-begun", run)

    def change(self, event: Event) -> Answer:
        """A step goes on or ends."""

        def run() -> Dataset:
            ds = event.modification_list
            self._steps.change(str(cast(N_SET, event.request).RequestedSOPInstanceUID), ds)
            return ds

        return self._answered(event, "step-changed", run)

    def _answered(self, event: Event, name: str, run: Callable[[], Dataset]) -> Answer:
        peer = str(event.assoc.requestor.ae_title).strip()
        try:
            self._policy.check_accepted(event.assoc)
            result = run()
        except StepRefused as error:
            status = int(str(error.fields["status"]))
            self._log.event("step-refused", status=f"0x{status:04X}", peer=peer)
            return (_ended() if status == PROCESSING_FAILURE else status), None
        except BuckyError as error:
            self._log.event("step-refused", code=error.code, peer=peer)
            return NOT_AUTHORIZED, None
        except Exception as error:  # an edge: hostile data sets raise anything
            self._log.event("step-failed", code=type(error).__name__, peer=peer)
            return PROCESSING_FAILURE, None
        self._log.event(name, peer=peer)
        return SUCCESS, result


def _ended() -> Dataset:
    """PS3.4 F.7.2.2.2: processing failure with the error ID that says why."""
    status = Dataset()
    status.Status = PROCESSING_FAILURE
    status.ErrorID = STEP_HAS_ENDED
    status.ErrorComment = "Performed Procedure Step Object may no longer be updated"
    return status
