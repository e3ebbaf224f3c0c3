"""Helpers that write files anew die with their picture, and with nothing else."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from appliance.archive.workshop import CannotMake, Workshop
from appliance.phantom.unit import write
from tests.pictures import small_study


@pytest.fixture
def picture(tmp_path: Path) -> Iterator[Path]:
    """A compressed picture."""
    (ds,) = small_study("cervical-spine")
    ds.compress(RLELossless)
    yield write([ds], tmp_path / "files")[0]
    for helper in _helpers():
        helper.kill()


def _helpers() -> list[psutil.Process]:
    living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if "--serve" in child.cmdline()]


def _make(workshop: Workshop, picture: Path, target: Path) -> None:
    workshop.make(picture, target, transfer_syntax_uid=ExplicitVRLittleEndian, max_bytes=1 << 30)


def test_a_helper_that_dies_over_a_picture_fails_this_picture_only(picture: Path, tmp_path: Path) -> None:
    """Killed while it reads; the next picture gets a new helper."""
    workshop, ended, endless = Workshop(), [], tmp_path / "endless.dcm"
    os.mkfifo(endless)

    def attempt() -> None:
        with pytest.raises(CannotMake) as error:
            _make(workshop, endless, tmp_path / "never.dcm")
        ended.append(error.value)

    maker = threading.Thread(target=attempt)
    maker.start()
    with endless.open("wb"):  # returns when the helper has opened it
        (helper,) = _helpers()
        helper.kill()
        maker.join(60)
    assert [error.code for error in ended] == ["cannot-transcode"]
    _make(workshop, picture, tmp_path / "made.dcm")
    assert dcmread(tmp_path / "made.dcm").file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert [found.pid for found in _helpers()] != [helper.pid]


def test_a_helper_that_died_at_rest_is_replaced_unnoticed(picture: Path, tmp_path: Path) -> None:
    """No picture is given up for it."""
    workshop = Workshop()
    _make(workshop, picture, tmp_path / "first.dcm")
    (helper,) = _helpers()
    helper.kill()
    helper.wait(10)
    _make(workshop, picture, tmp_path / "second.dcm")
    assert (tmp_path / "first.dcm").read_bytes() == (tmp_path / "second.dcm").read_bytes()
