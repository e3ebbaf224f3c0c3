"""What was lost on the box is had back from the real archive that it was sent to: Orthanc, and our reader service."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.orthanc import Orthanc
from tests.pictures import small_study
from tests.waiting import wait_for

Far = Callable[[Box], None]


@pytest.fixture(params=["Orthanc", "our reader"])
def far(request: pytest.FixtureRequest, make_box: Callable[..., Box]) -> Far:
    """Makes the far side a destination of a box."""
    if request.param == "Orthanc":
        orthanc: Orthanc = request.getfixturevalue("orthanc")
        return lambda box: box.deliver_to("Far", orthanc.dicomweb)
    reader = make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    return lambda box: box.deliver_to("Far", reader.dicomweb, token=token)


def _sent(box: Box, far: Far) -> tuple[str, list[Path]]:
    """A study that the far side has confirmed; its UID and files."""
    box.start()
    box.accept("PHANTOM-DX")
    far(box)
    pictures = small_study("canine-thorax", 0.1)
    assert set(send(pictures, HOST, box.dicom_port)) == {0}
    uid = str(pictures[0].StudyInstanceUID)
    box.wait_verified(uid)
    return uid, [Path(row["file"]) for row in box.facts("study", "show", uid)]


def _contents(box: Box, uid: str) -> dict[str, Any]:
    return {row["sop_instance_uid"]: row["dataset_sha256"] for row in box.facts("study", "show", uid)}


def test_a_damaged_and_a_missing_file_come_back_as_they_were(make_box: Callable[..., Box], far: Far) -> None:
    """Bit by bit, without a person; the page tells."""
    box = make_box().set_up()
    _, files = _sent(box, far)
    before = [path.read_bytes() for path in files]
    spoilt = bytearray(before[0])
    spoilt[-100] ^= 1
    files[0].write_bytes(spoilt)
    files[1].unlink()
    box.bucky("check", expect=1)
    wait_for(lambda: all(path.exists() for path in files), 90, "the files")
    assert [path.read_bytes()[-1000:] for path in files] == [content[-1000:] for content in before]
    assert box.facts("check")["damaged"] == 0


def test_a_bare_box_has_everything_from_the_reader_alone(make_box: Callable[..., Box], far: Far) -> None:
    """No backup: the studies of the former box, instance by instance."""
    former = make_box("former").set_up()
    uid, _ = _sent(former, far)
    before = _contents(former, uid)
    former.stop()
    fresh = make_box("fresh").set_up()
    far(fresh)
    fresh.bucky("restore", "--from-reader", "Far")
    assert _contents(fresh, uid).keys() == before.keys()
