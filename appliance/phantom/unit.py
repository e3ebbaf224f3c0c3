"""The phantom unit's network side: C-STORE to a box, or Part 10 files for other tools."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.dataset import Dataset
from pynetdicom import AE

from appliance.errors import BuckyError

NETWORK_TIMEOUT_S = 60


class NotAccepted(BuckyError):
    """The box could not be reached, or it rejected the association."""

    code = "not-accepted"
    message = "{called_ae} at {host}:{port} did not accept the association."
    hint = "Check that the box runs, its address and its port."


def send(
    datasets: Sequence[Dataset],
    host: str,
    port: int,
    *,
    calling_ae: str = "PHANTOM-DX",
    called_ae: str = "BUCKY",
    progress: Callable[[int, int], None] | None = None,
) -> list[int]:
    """Send by C-STORE; returns the statuses. Raises NotAccepted."""
    ae = AE(ae_title=calling_ae)
    ae.network_timeout = ae.dimse_timeout = NETWORK_TIMEOUT_S
    for sop_class in {ds.SOPClassUID for ds in datasets}:
        ae.add_requested_context(sop_class, [ds.file_meta.TransferSyntaxUID for ds in datasets][:1])
    association = ae.associate(host, port, ae_title=called_ae)
    if not association.is_established:
        raise NotAccepted(called_ae=called_ae, host=host, port=port)
    statuses = []
    try:
        for number, ds in enumerate(datasets, start=1):
            answer = association.send_c_store(ds)
            statuses.append(int(getattr(answer, "Status", 0x0110)))
            if progress:
                progress(number, len(datasets))
    finally:
        association.release()
    return statuses


def write(datasets: Sequence[Dataset], folder: Path) -> list[Path]:
    """Write Part 10 files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ds in datasets:
        path = folder / f"{ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
