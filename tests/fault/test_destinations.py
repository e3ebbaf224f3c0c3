"""Destinations that are unreachable, refuse, hang, lie or half-close: nothing is lost, nothing is green."""

from collections.abc import Callable

import pytest

from appliance.courier.uplink import REFUSALS_BEFORE_PARKING
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.orthanc import free_port
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for

WORDS = {
    "lying": "does not list it",
    "empty": "did not confirm",
    "refusing": "in trouble",
    "unauthorized": "token",
    "half-closing": "reached",
    "html": "no DICOMweb service",
}


@pytest.mark.parametrize("mode", WORDS)
def test_a_faulty_destination_gets_no_green_and_everything_once_it_is_mended(
    mode: Mode, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """The list says in plain words what is wrong; after the cure the picture is delivered without a person."""
    box, peer = make_box(), make_peer(mode)
    box.set_up()
    box.deliver_to("Reader", peer.url)
    uid = _exposed_after_setup(box)

    def trouble() -> str:
        return box.facts("destination", "list")[0]["trouble"] or ""

    text = wait_for(trouble, 40, "a trouble in words")
    assert WORDS[mode] in text
    assert box.facts("study", "verify", uid, expect=1)[0]["verified"] == 0
    peer.mode = "healthy"
    box.wait_verified(uid, 90)
    assert len(peer.stored) == 1


def _exposed_after_setup(box: Box) -> str:
    box.start()
    box.accept("PHANTOM-DX")
    study = small_study("cervical-spine")
    assert send(study, HOST, box.dicom_port) == [0]
    return str(study[0].StudyInstanceUID)


def test_a_hanging_destination_delays_no_other(make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]) -> None:
    """While one destination never answers, another gets its pictures, and the X-ray unit is served."""
    box, hanging, healthy = make_box(), make_peer("hanging"), make_peer("healthy")
    box.set_up()
    box.deliver_to("Hanging", hanging.url)
    box.deliver_to("Healthy", healthy.url)
    uid = _exposed_after_setup(box)
    wait_for(lambda: healthy.stored, 20, "the delivery to the healthy one")

    def states() -> dict[str, int]:
        return {row["destination"]: row["verified"] for row in box.facts("study", "verify", uid, expect=1)}

    wait_for(lambda: states() == {"Hanging": 0, "Healthy": 1}, 20, "one verified and one not")
    assert len(healthy.stored) == 1
    assert not hanging.stored


def test_a_picture_that_the_far_side_rejects_is_parked_with_the_reason_and_others_go_on(
    make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """A refusal of one instance is not tried for ever; a person may try again."""
    box, peer = make_box(), make_peer("rejecting")
    box.set_up()
    box.deliver_to("Reader", peer.url)
    uid = _exposed_after_setup(box)
    wait_for(lambda: peer.stores > REFUSALS_BEFORE_PARKING, 60, "the last attempt")
    assert box.facts("study", "verify", uid, expect=1)[0]["complete"] is False
    peer.mode = "healthy"
    second = small_study("cervical-spine")
    assert send(second, HOST, box.dicom_port) == [0]
    box.wait_verified(str(second[0].StudyInstanceUID))
    assert box.facts("study", "verify", uid, expect=1)[0]["verified"] == 0


def test_delivery_survives_a_restart_and_an_unreachable_address(make_box: Callable[..., Box]) -> None:
    """What waits for a dead line is delivered after the box was stopped and the line came back."""
    box, reader = make_box(), make_box("reader", "reader").set_up()
    reader.http_port = free_port()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    box.set_up()
    box.deliver_to("Reader", reader.dicomweb, token=token)
    uid = _exposed_after_setup(box)
    wait_for(lambda: box.facts("destination", "list")[0]["trouble"], 30, "the trouble")
    box.stop()
    reader.start()
    box.start()
    box.wait_verified(uid)
    (delivery,) = box.facts("study", "verify", uid)
    assert (delivery["destination"], delivery["verified"]) == ("Reader", 1)
