"""The physical reset on a real box: everything goes, also when the power goes in the middle, and the code is new."""

from collections.abc import Callable

import requests

from appliance.archive import wipe
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.pictures import small_study


def _with_pictures(box: Box) -> Box:
    box.set_up().start()
    box.accept("DX1")
    assert send(small_study(), HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    assert len(box.facts("study", "list")) == 1
    return box


def _patients_left(box: Box) -> list[str]:
    return [str(p) for p in box.data.rglob("*") if p.is_file() and SENTINEL.encode() in p.read_bytes()]


def test_a_reset_box_is_as_new(make_box: Callable[..., Box]) -> None:
    """Not while it runs, not without --yes; then no patient is left in any file, and only the new code opens it."""
    box = _with_pictures(make_box())
    (box.data / "vendor").mkdir(exist_ok=True)
    (box.data / "vendor" / "identity.key").write_text("kept")
    assert _patients_left(box)
    box.bucky("reset", "--yes", expect=1)
    assert len(box.facts("study", "list")) == 1
    box.stop()
    box.bucky("reset", expect=2)
    code = box.facts("reset", "--yes")["setup_code"]
    assert _patients_left(box) == []
    assert (box.data / "vendor" / "identity.key").read_text() == "kept"
    box.start()
    assert box.setup_code == code
    assert box.facts("study", "list") == []
    assert "/setup" in requests.get(f"{box.url}/", timeout=20, allow_redirects=False).headers["Location"]


def test_a_reset_that_lost_its_power_goes_on_at_the_next_start(make_box: Callable[..., Box]) -> None:
    """The index is gone and the pictures are there still: without the note the new owner would get them."""
    box = _with_pictures(make_box())
    box.stop()
    wipe.begin(box.data)
    for path in box.data.glob("bucky.sqlite*"):
        path.unlink()
    assert list((box.data / "instances").rglob("*.dcm"))
    box.start()
    assert box.facts("study", "list") == []
    assert _patients_left(box) == []
    assert box.setup_code


def test_the_code_of_the_label_outlives_a_reset(make_box: Callable[..., Box]) -> None:
    """A device has it printed on its case."""
    box = make_box()
    (box.data / "vendor").mkdir(parents=True)
    (box.data / "vendor" / "setup-code").write_text("ABCD-2345\n")
    box.start()
    assert box.setup_code == "ABCD-2345"
    box.stop()
    assert box.facts("reset", "--yes")["setup_code"] == "ABCD-2345"
