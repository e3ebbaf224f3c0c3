"""A workstation made of dcmtk's tools and pynetdicom, and a clinic whose archive it queries."""

import sqlite3
import subprocess
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

from appliance.phantom.unit import send, write
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.orthanc import free_port
from tests.pictures import small_study

UMLAUT = f"{SENTINEL}müller^Rex"
JAPANESE = "Zzsentinelzz^Tarou=山田^太郎=やまだ^たろう"
TITLE = "WORKSTATION"
COMPRESSORS = {
    "1.2.840.10008.1.2.4.70": ["dcmcjpeg", "+e1"],
    "1.2.840.10008.1.2.4.80": ["dcmcjpls", "+el"],
    "1.2.840.10008.1.2.5": ["dcmcrle"],
}
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def studies() -> list[Dataset]:
    """Two dogs with three views each, one neck."""
    found = []
    for kind, name, number in (
        ("canine-thorax", UMLAUT, "1"),
        ("canine-thorax", JAPANESE, "2"),
        ("cervical-spine", f"{SENTINEL}^Ann", "3"),
    ):
        for ds in small_study(kind):
            ds.SpecificCharacterSet = "ISO_IR 192"
            ds.PatientName, ds.PatientID = name, f"ID-{number}"
            ds.StudyID, ds.StudyDate = number, f"2024010{number}"
            found.append(ds)
    return found


def many(count: int) -> list[Dataset]:
    """One study of small instances."""
    (ds,) = small_study("cervical-spine", 0.02)
    copies = []
    for number in range(count):
        copy = deepcopy(ds)
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        copy.InstanceNumber = str(number + 1)
        copy.PatientID = "MANY"
        copies.append(copy)
    return copies


def compressed(ds: Dataset, transfer_syntax_uid: str, folder: Path) -> Dataset:
    """A copy in a lossless transfer syntax with UIDs of its own, made by another implementation than ours if there is
    one.
    """
    copy = deepcopy(ds)
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    copy.StudyInstanceUID, copy.PatientID = generate_uid(), f"TS-{transfer_syntax_uid[-2:]}"
    if transfer_syntax_uid not in COMPRESSORS:
        copy.PixelData = encapsulate([imagecodecs.jpeg2k_encode(copy.pixel_array, level=0, codecformat="j2k")])
        copy["PixelData"].VR, copy["PixelData"].is_undefined_length = "OB", True
        copy.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
        return copy
    (plain,) = write([copy], folder)
    target = folder / f"{transfer_syntax_uid}.dcm"
    subprocess.run([*COMPRESSORS[transfer_syntax_uid], str(plain), str(target)], check=True, timeout=60)
    found = dcmread(target)
    found.SOPInstanceUID = copy.SOPInstanceUID
    found.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
    assert found.file_meta.TransferSyntaxUID == transfer_syntax_uid
    return found


@dataclass
class Clinic:
    """A running box with pictures, and a workstation's tools."""

    box: Box
    stored: list[Dataset]
    move_port: int

    def tool(
        self, name: str, *arguments: str, title: str = TITLE, files: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run one of dcmtk's tools against the box; `files` hold queries."""
        return subprocess.run(
            [
                name,
                "-v",
                "-aet",
                title,
                "-aec",
                "BUCKY",
                "-to",
                "10",
                *arguments,
                HOST,
                str(self.box.dicom_port),
                *files,
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
        )

    def find(self, folder: Path, root: str, level: str, *keys: str, title: str = TITLE) -> list[Dataset]:
        """C-FIND by findscu; the answers as data sets."""
        folder.mkdir(exist_ok=True)
        options = [part for key in (f"QueryRetrieveLevel={level}", *keys) for part in ("-k", key)]
        self.tool("findscu", root, "-X", "-od", str(folder), *options, title=title)
        return [dcmread(path) for path in sorted(folder.glob("rsp*.dcm"))]

    def move(self, folder: Path, *arguments: str, to: str = TITLE) -> subprocess.CompletedProcess[str]:
        """C-MOVE by movescu, which receives at its own port."""
        folder.mkdir(exist_ok=True)
        return self.tool("movescu", "-aem", to, "+P", str(self.move_port), "-od", str(folder), *arguments)

    def get(self, folder: Path, *arguments: str, title: str = TITLE) -> subprocess.CompletedProcess[str]:
        """C-GET by getscu."""
        folder.mkdir(exist_ok=True)
        return self.tool("getscu", "-od", str(folder), "+B", *arguments, title=title)

    def listen_at(self, title: str, port: int | None) -> None:
        """Accept a peer, and tell the box where it listens."""
        self.box.accept(title)
        with sqlite3.connect(self.box.data / "bucky.sqlite", timeout=10) as db:
            db.execute("UPDATE sender SET listen_port = ? WHERE name = ?", [port, title])
        db.close()

    def send(self, datasets: Sequence[Dataset], title: str = "PHANTOM-DX") -> None:
        """Store pictures in the box."""
        assert set(send(datasets, HOST, self.box.dicom_port, calling_ae=title)) == {0}


def open_clinic(folder: Path) -> Clinic:
    """Started, with three studies and one of a stranger."""
    box = Box(folder / "box").set_up().start()
    box.accept("PHANTOM-DX")
    clinic = Clinic(box, studies(), free_port())
    clinic.listen_at(TITLE, clinic.move_port)
    clinic.send(clinic.stored)
    stranger = small_study("cervical-spine")
    stranger[0].PatientID = "STRANGE"
    clinic.send(stranger, title="STRANGER")
    return clinic
