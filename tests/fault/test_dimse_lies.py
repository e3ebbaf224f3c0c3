"""A DIMSE destination that says what is not so: nothing is green meanwhile, and all is there in the end, once."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.courier import uplink as uplink_module
from appliance.courier.delivery import ConfirmWorker, DeliveryWorker
from appliance.courier.uplink import Uplink
from appliance.settings import load
from appliance.wiring import Box
from tests.liar import EVENT_LIES, QUERY_LIES, Liar
from tests.pictures import small_study

LIES = 2
DEADLINE_S = 120.0
SETTINGS = {"stall_timeout_s": "2", "answer_timeout_s": "2"}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds would only make this long."""
    monkeypatch.setattr(uplink_module, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(uplink_module, "LONGEST_RETRY_S", 0.2)


class Delivery:
    """A box with one picture on its way to a liar."""

    def __init__(self, folder: Path, liar: Liar) -> None:
        self.box = box = Box(load(folder, command_line=SETTINGS, environ={}))
        self.destination = box.destinations.add("Far", liar.address, protocol="dimse", auto=True)
        (self.picture,) = small_study("cervical-spine", 0.1)
        receipt = take_dataset(box.intake, self.picture, Provenance("local", "test", "", stamp()))
        self._study_id = box.catalogue.instance(receipt.instance_id).study_id
        box.queue.route_new()
        uplink = Uplink(box.queue, box.copies, box.destinations)
        common = {"destinations": box.destinations, "queue": box.queue, "uplink": uplink, "client_for": box.client_for}
        self._workers = [
            DeliveryWorker(self.destination.id, requests=box.requests, copies=box.copies, **common),
            ConfirmWorker(self.destination.id, evidence=box.evidence, **common),
        ]

    @property
    def green(self) -> bool:
        """What the page would say."""
        return self.box.queue.progress(self._study_id)[0].complete

    def go_on(self, until: Callable[[], bool]) -> None:
        """Let both workers work until it is so, or for two minutes."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline and not until():
            rests = [worker.run_once() or 0.0 for worker in self._workers]
            time.sleep(min(0.02, *rests))


@pytest.mark.parametrize(
    ("query", "lie"), [*((True, lie) for lie in QUERY_LIES), *((False, lie) for lie in EVENT_LIES)]
)
def test_a_lie_is_never_green_and_the_truth_is(tmp_path: Path, query: bool, lie: str) -> None:
    """It lies until it has done so twice; only what it really holds turns green, and it holds it once, unchanged."""
    liar = Liar(lie, query=query)
    liar.lies_left = LIES
    delivery = Delivery(tmp_path / "box", liar)
    delivery.go_on(lambda: delivery.green)
    liar.close()
    assert delivery.green, delivery.box.destinations.get(delivery.destination.id).trouble
    enough = 1 if lie == "breaks-off-stored" else LIES  # it was there although nobody said so
    assert liar.told == enough, "it turned green before the truth was told"
    uid = delivery.picture.SOPInstanceUID
    assert list(liar.held) == [uid]
    assert dcmread(io.BytesIO(liar.held[uid])).PixelData == delivery.picture.PixelData


@pytest.mark.parametrize(
    ("query", "lie"), [(True, "stored-nothing"), (True, "gives-other-pixels"), (False, "no-event")]
)
def test_who_never_stops_lying_never_turns_green(tmp_path: Path, query: bool, lie: str) -> None:
    """However often the box asks and sends."""
    liar = Liar(lie, query=query)
    liar.lies_left = 1000
    delivery = Delivery(tmp_path / "box", liar)
    delivery.go_on(lambda: liar.told >= 3 or delivery.green)
    liar.close()
    assert liar.told >= 3
    assert not delivery.green
