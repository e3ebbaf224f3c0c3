"""The phantom unit's network side: C-STORE to a box (PS3.4 B), or Part 10 files for other tools."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from pydicom.dataset import Dataset
from pynetdicom.association import Association

from appliance.association import RequestorAE
from appliance.errors import BuckyError
from appliance.validators import valid_ae_title, valid_port

CONNECTION_TIMEOUT_S, NETWORK_TIMEOUT_S = 10, 60
# PS3.8 9.3.4: result and reason of an A-ASSOCIATE-RJ
_REASONS = {
    (1, 1): "no reason given",
    (1, 3): "it does not know this unit's AE title",
    (1, 7): "it is called by another AE title",
    (3, 1): "it is busy at the moment",
    (3, 2): "it has reached its limit of associations",
}


class UnitError(BuckyError):
    """The phantom unit could not send."""

    code: ClassVar[str] = "phantom-send"


class Unreachable(UnitError):
    """Nothing answers as a DICOM node at the address."""

    code = "phantom-unreachable"
    message = "Nothing answers at {host}:{port}."
    hint = "Check that the box runs, its address and its DICOM port."


class AssociationRejected(UnitError):
    """The box answered, and refused the association."""

    code = "phantom-rejected"
    message = "{called_ae} at {host}:{port} rejected the association from {calling_ae}: {reason}."
    hint = "Check both AE titles, and that the box has accepted this unit."


class AssociationLost(UnitError):
    """The association ended before everything was sent."""

    code = "phantom-association-lost"
    message = "The association with {called_ae} ended after {sent} of {total} pictures."
    hint = "Look at the log of the box, then send again: what arrived already is recognised."


class NotOffered(UnitError):
    """The box accepted the association, but not the kind of object."""

    code = "phantom-not-offered"
    message = "{called_ae} does not accept {sop_class}."
    hint = "Choose a box that receives radiographs."


def send(
    datasets: Sequence[Dataset],
    host: str,
    port: int,
    *,
    calling_ae: str = "PHANTOM-DX",
    called_ae: str = "BUCKY",
    progress: Callable[[int, int], None] | None = None,
) -> list[int]:
    """Send on one association; returns each instance's C-STORE status.

    Raises Unreachable, AssociationRejected, NotOffered, AssociationLost.
    """
    peer = Peer(host, valid_port(port), valid_ae_title(called_ae), valid_ae_title(calling_ae))
    association = _association(datasets, peer)
    statuses: list[int] = []
    try:
        for ds in datasets:
            statuses.append(_stored(association, ds, peer, len(statuses), len(datasets)))
            if progress:
                progress(len(statuses), len(datasets))
    finally:
        association.release()
    return statuses


@dataclass(frozen=True)
class Peer:
    """Whom the unit calls, and as whom."""

    host: str
    port: int
    called_ae: str
    calling_ae: str


def _association(datasets: Iterable[Dataset], peer: Peer) -> Association:
    ae = RequestorAE(ae_title=peer.calling_ae)
    ae.connection_timeout = CONNECTION_TIMEOUT_S
    ae.network_timeout = ae.dimse_timeout = NETWORK_TIMEOUT_S
    for sop_class, syntax in sorted({(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in datasets}):
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate(peer.host, peer.port, ae_title=peer.called_ae)
    if association.is_established:
        return association
    answer = association.acceptor.primitive
    if answer is None:
        raise Unreachable(**asdict(peer))
    if association.is_rejected:
        reason = _REASONS.get((answer.result_source or 0, answer.diagnostic or 0), "no known reason")
        raise AssociationRejected(reason=reason, **asdict(peer))
    raise NotOffered(sop_class="this kind of picture", **asdict(peer))


def _stored(association: Association, ds: Dataset, peer: Peer, sent: int, total: int) -> int:
    try:
        answer = association.send_c_store(ds)
    except ValueError as error:
        raise NotOffered(called_ae=peer.called_ae, sop_class=ds.SOPClassUID.name) from error
    except RuntimeError as error:
        raise AssociationLost(called_ae=peer.called_ae, sent=sent, total=total) from error
    if "Status" not in answer:
        raise AssociationLost(called_ae=peer.called_ae, sent=sent, total=total)
    return int(answer.Status)


def write(datasets: Iterable[Dataset], folder: Path) -> list[Path]:
    """Write Part 10 files, named by SOP Instance UID; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ds in datasets:
        path = folder / f"{ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths
