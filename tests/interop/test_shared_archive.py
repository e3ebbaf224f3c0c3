"""A reader service that keeps its pictures in an existing archive: Orthanc on PostgreSQL."""

import contextlib
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.box import HOST, Box
from tests.orthanc import Orthanc
from tests.pictures import small_study
from tests.postgres import postgres
from tests.waiting import wait_for

PLUGINS = Path("/usr/share/orthanc/plugins")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    """Orthanc with index and files in PostgreSQL."""
    plugins = [PLUGINS / f"libOrthancPostgreSQL{kind}.so" for kind in ("Index", "Storage")]
    if not all(p.exists() for p in plugins):
        pytest.skip("needs orthanc-postgresql; `make system` installs it")
    with postgres() as url:
        database = urlsplit(url)
        facts = {
            "PostgreSQL": {
                "EnableIndex": True,
                "EnableStorage": True,
                "Host": HOST,
                "Port": database.port,
                "Database": database.path.strip("/"),
                "Username": database.username,
                "Password": "",
                "Lock": False,
            }
        }
        orthanc = Orthanc(tmp_path / "orthanc", plugins=plugins, facts=facts).start()
        yield orthanc
        orthanc.stop()


def _stow(reader: Box, token: str, ds: Dataset) -> int:
    body = io.BytesIO()
    ds.save_as(body, enforce_file_format=True)
    content = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body.getvalue() + b"\r\n--b--\r\n"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
    }
    return requests.post(f"{reader.dicomweb}/studies", data=content, headers=headers, timeout=60).status_code


def test_two_readers_keep_their_pictures_in_one_archive(
    make_box: Callable[..., Box], archive: Orthanc, tmp_path: Path
) -> None:
    """What clinics send to either is in the archive, proved by its content, and the readers' own disks can be freed;
    another clinic's picture with the same UID is never taken for it."""
    readers = [make_box(name, "reader").set_up("rita") for name in ("first", "second")]
    for reader in readers:
        (reader.data / "settings.toml").write_text(f'archive_url = "{archive.dicomweb}"\n')
        reader.start()
    tokens = [reader.bucky("token", "create", "Paw", "--role", "technician") for reader in readers]
    studies = [small_study("cervical-spine")[0] for _ in readers]
    for reader, token, ds in zip(readers, tokens, studies, strict=True):
        assert _stow(reader, token, ds) == 200
    for reader, ds in zip(readers, studies, strict=True):
        clinic = Box(reader.data / "clinics" / "1")
        wait_for(lambda c=clinic: _complete(c), 120, "the proof that the archive has it")
        there = dcmread(io.BytesIO(archive.file(str(ds.SOPInstanceUID))))
        assert there.PixelData == ds.PixelData
    twin = small_study("cervical-spine")[0]
    twin.SOPInstanceUID = twin.file_meta.MediaStorageSOPInstanceUID = studies[0].SOPInstanceUID
    twin.StudyInstanceUID, twin.PatientComments = studies[0].StudyInstanceUID, "another clinic's"
    twin.SeriesInstanceUID, twin.PixelData = studies[0].SeriesInstanceUID, bytes(reversed(twin.PixelData))
    other = readers[1].bucky("token", "create", "Claw", "--role", "technician")
    assert _stow(readers[1], other, twin) == 200
    claw = Box(readers[1].data / "clinics" / "2")
    wait_for(lambda: "altered" in _codes(claw), 120, "a word on the collision")
    assert not _complete(claw)
    assert dcmread(io.BytesIO(archive.file(str(studies[0].SOPInstanceUID)))).PixelData == studies[0].PixelData


def _facts(clinic: Box, *arguments: str) -> list[dict[str, object]]:
    text = clinic.bucky(*arguments, "--json", expect=None)
    found: list[dict[str, object]] = json.loads(text) if text else []
    return found


def _complete(clinic: Box) -> bool:
    studies = _facts(clinic, "study", "list") if (clinic.data / "bucky.sqlite").exists() else []
    rows = [r for s in studies for r in _facts(clinic, "study", "verify", str(s["study_instance_uid"]))]
    return bool(rows) and all(row["complete"] for row in rows)


def _codes(clinic: Box) -> set[str]:
    """What stands against the clinic's deliveries."""
    if not (clinic.data / "bucky.sqlite").exists():
        return set()
    with contextlib.closing(sqlite3.connect(clinic.data / "bucky.sqlite")) as db:
        return {row[0] for row in db.execute("SELECT code FROM delivery WHERE code IS NOT NULL")}
