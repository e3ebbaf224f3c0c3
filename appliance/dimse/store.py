"""Verification and storage service classes (PS3.4 annexes A and B) as handlers."""

import time

from pynetdicom.events import Event

from appliance.archive.intake import Intake
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import SUCCESS, status_of
from appliance.dimse.streaming import DataSetSink, StreamingDimse
from appliance.errors import BuckyError, NotDicom
from appliance.logs import Log

# code of an error -> reason for the page
_REASONS = {
    "quarantine-full": "quarantine-full",
    "disk-full": "disk-full",
    "not-dicom": "not-usable",
    "sender-blocked": "blocked",
}


def handle_echo(event: Event) -> int:
    """C-ECHO: always success."""
    return SUCCESS


def handle_store(event: Event, intake: Intake, policy: Policy, log: Log) -> int:
    """C-STORE: success only when the instance is kept (invariant 1); any failure has its status."""
    began = time.monotonic()
    provenance = provenance_of(event.assoc)
    sink = getattr(event.request, "DataSet", None)
    size_bytes = 0
    try:
        policy.check_store(provenance)
        if not isinstance(sink, DataSetSink) or (sink.incoming is None and sink.failure is None):
            raise NotDicom(reason="its data set is empty")
        if sink.failure is not None:
            raise sink.failure
        assert sink.incoming is not None  # noqa: S101 - for the type checker; the two lines above ensure it
        size_bytes = sink.incoming.size_bytes
        receipt = intake.commit(sink.incoming)
    except Exception as error:  # an edge: every failure becomes a status, and the association goes on
        status = status_of(error)
        code = error.code if isinstance(error, BuckyError) else type(error).__name__
        if code in _REASONS:
            policy.note(provenance, _REASONS[code])
        log.event("store-refused", code=code, status=f"0x{status:04X}", peer=provenance.name, size_bytes=size_bytes)
        return status
    finally:
        if isinstance(sink, DataSetSink):
            sink.discard()
    if isinstance(event.assoc.dimse, StreamingDimse):
        event.assoc.dimse.studies.add(receipt.study_instance_uid)
    duration_ms = round((time.monotonic() - began) * 1000)
    log.event(
        receipt.outcome, row=receipt.instance_id, peer=provenance.name, size_bytes=size_bytes, duration_ms=duration_ms
    )
    return SUCCESS
