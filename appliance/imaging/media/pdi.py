"""A medium by IHE Portable Data for Imaging: DICOMDIR, files, and pages that open from the stick without a server."""

import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileInstance, FileSet
from pydicom.uid import ExplicitVRLittleEndian

from appliance.imaging.helper import transcode_apart
from appliance.imaging.media import web_view
from appliance.imaging.media.content import Content, Item, NotWrittenWell, Step

_ROOM_BYTES = 0xFFFFFFFE
# Type 1 keys of the directory (PS3.3 F.5) that poor files leave out; only the directory gets these values
_DEFAULTS = {
    "PatientID": "UNKNOWN",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "Modality": "OT",
    "SeriesNumber": "1",
    "CompletionFlag": "PARTIAL",
    "VerificationFlag": "UNVERIFIED",
    "ContentDate": "19000101",
    "ContentTime": "000000",
    "PresentationCreationDate": "19000101",
    "PresentationCreationTime": "000000",
}


@dataclass(frozen=True)
class Written:
    """What is on the medium: how many files, how many stayed compressed, and how many could not be listed."""

    files: int
    compressed: int
    left_out: int


def write_medium(content: Content, folder: Path, step: Step) -> Written:
    """Write into an empty folder, then read everything back; raises NotWrittenWell."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 2 * len(content.items) + len(content.images)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".medium-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = FileSet()
        files.ID = "BUCKY"
        placed = list(_placed(content, files, Path(scratch), lambda done: step(done, total)))
        files.write(folder)
        digests = _put(files, {i.SOPInstanceUID: path for i, path in placed}, folder)
    written = Written(len(digests), _compressed(files), len(content.items) - len(placed))
    web_view.write(content, folder, written.files, lambda done: step(len(content.items) + done, total))
    _verify(folder, digests, lambda done: step(len(content.items) + len(content.images) + done, total))
    step(total, total)
    return written


def _placed(
    content: Content, files: FileSet, scratch: Path, step: web_view.Count
) -> Iterator[tuple[FileInstance, Path]]:
    """Each file in Explicit VR Little Endian, which the media profiles ask for, and its place in the directory."""
    for done, item in enumerate(content.items):
        step(done)
        path = _prepared(item, scratch / f"{done}.dcm")
        header = _listed(dcmread(path, stop_before_pixels=True, defer_size=1 << 20), done + 1)
        try:
            yield files.add(header), path
        except (AttributeError, KeyError, TypeError, ValueError):  # an object that no directory record fits
            continue


def _prepared(item: Item, target: Path) -> Path:
    """The file itself, or an uncompressed copy; one that cannot be decoded goes as it is."""
    syntax = dcmread(item.path, specific_tags=[], stop_before_pixels=True).file_meta.get("TransferSyntaxUID")
    if syntax == ExplicitVRLittleEndian:
        return item.path
    room = min(_ROOM_BYTES, shutil.disk_usage(target.parent).free // 3)
    done = transcode_apart(item.path, target, str(ExplicitVRLittleEndian), max_bytes=room)
    return target if done else item.path


def _listed(header: Dataset, number: int) -> Dataset:
    """The header as the directory needs it."""
    for keyword, value in _DEFAULTS.items():
        if not header.get(keyword):
            setattr(header, keyword, value)
    if not header.get("InstanceNumber"):
        header.InstanceNumber = str(number)
    if "ContentSequence" in header:
        _list_report(header)
    return header


def _list_report(header: Dataset) -> None:
    """Of a report's content the directory takes what modifies its title (F.5.23), and when it was verified."""
    modifiers = [i for i in header.ContentSequence if i.get("RelationshipType") == "HAS CONCEPT MOD"]
    header.ContentSequence = modifiers
    if not modifiers:
        del header.ContentSequence
    observers = header.get("VerifyingObserverSequence") or []
    if header.VerificationFlag == "VERIFIED" and observers:
        header.VerificationDateTime = observers[0].get("VerificationDateTime")


def _put(files: FileSet, sources: dict[str, Path], folder: Path) -> dict[Path, str]:
    """Copy the files to their places, byte by byte; returns the SHA-256 of each."""
    digests = {}
    for instance in files:
        target = Path(instance.path)
        shutil.copyfile(sources[instance.SOPInstanceUID], target)
        digests[target] = _sha256(sources[instance.SOPInstanceUID])
    for path in (*digests, folder / "DICOMDIR"):
        _sync(path)
    return digests


def _sync(path: Path) -> None:
    """Onto the medium, before it is read back or pulled out."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compressed(files: FileSet) -> int:
    return sum(instance.ReferencedTransferSyntaxUIDInFile != ExplicitVRLittleEndian for instance in files)


def _verify(folder: Path, digests: dict[Path, str], step: web_view.Count) -> None:
    """Read the directory and every file back."""
    listed = {Path(instance.path) for instance in FileSet(folder / "DICOMDIR")}
    bad = len(listed ^ set(digests))
    for done, (path, digest) in enumerate(digests.items()):
        step(done)
        bad += _sha256(path) != digest
    if bad:
        raise NotWrittenWell(count=bad)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
