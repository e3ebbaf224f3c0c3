"""The whole story in a real browser: exam, exposure, case, reading, question, critical finding, addendum."""

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.phantom.dataset import PhantomPatient, phantom_study
from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.browser.album import picture
from tests.browser.light_table import drawings, key_drawing, shown
from tests.conftest import SENTINEL
from tests.waiting import wait_for

LONG_MS = 120_000
IDLE_LINE_S = 5.0
CUTS = int(os.environ.get("BUCKY_STORY_CUTS", "4"))


class Cutter:
    """A line between box and reader that somebody pulls out again and again."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.plugged = True
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.plugged:
                near.close()
                continue
            far = socket.create_connection((HOST, self._target))
            self._open |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            self._open.discard(end)
            end.close()

    def cut(self) -> None:
        """Pull it out: all connections die."""
        self.plugged = False
        for end in list(self._open):
            with_reset = struct.pack("ii", 1, 0)
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_reset)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def plug(self) -> None:
        """Put it back in."""
        self.plugged = True

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """The radiologist's own browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def _log_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def _pair(make_box: Callable[..., Box]) -> tuple[Box, Box, Cutter]:
    box, reader = make_box().set_up("ann"), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "Paw Clinic", "--role", "technician")
    line = Cutter(reader.http_port)
    box.deliver_to("Far Reader", f"http://{HOST}:{line.port}/dicom-web", token=token, auto=False)
    box.accept("PHANTOM-DX")
    return box.start(), reader, line


def _expose(box: Box) -> None:
    """The exam from the worklist, as the phantom unit makes it."""
    box.bucky("worklist", "add", "--patient", f"{SENTINEL}^Rex")
    patient = PhantomPatient(name=f"{SENTINEL}^Rex", owner=f"{SENTINEL}^Ann")
    assert set(send(phantom_study(scale=0.1, patient=patient), HOST, box.dicom_port)) == {0}


def _fill(page: Page) -> None:
    page.get_by_label("Question").fill("Pneumonia? Heart size?")
    page.get_by_label("History").fill("Coughs at night for two weeks.")
    page.get_by_label("Medication").fill("none")


def _measure(desk: Page) -> None:
    """A length by the keys, kept in the study."""
    shown(desk)
    key_drawing(desk)
    for key in ("l", "Enter", *["Shift+ArrowRight"] * 5, "Enter", "Control+s"):
        desk.keyboard.press(key)
    expect(desk.get_by_text("Saved in the study.")).to_be_visible(timeout=LONG_MS)
    assert len(drawings(desk)) == 1


def _sign(desk: Page, impression: str, *, critical: bool = False) -> float:
    desk.get_by_label("Findings").fill("Alveolar pattern in the right middle lobe.")
    desk.get_by_label("Impression").fill(impression)
    if critical:
        desk.get_by_label("Critical").check()
    desk.get_by_label("Your password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign the report").click()
    expect(desk.get_by_text("The report is signed.")).to_be_visible(timeout=LONG_MS)
    return time.monotonic()


def test_exam_to_signed_report(page: Page, desk: Page, make_box: Callable[..., Box]) -> None:
    """Four clicks from the open study to the sent case; the report stands at the clinic seconds after it is signed;
    questions, the critical finding and the addendum go both ways."""
    box, reader, line = _pair(make_box)
    failed: list[str] = []
    for each in (page, desk):
        each.on("response", lambda got: failed.append(f"{got.status} {got.url}") if got.status in (404, 500) else None)
    _expose(box)
    _log_in(page, box.url, "ann")
    page.locator(".study").first.click()
    clicks = [
        page.get_by_role("button", name="Ask a reader"),
        page.get_by_role("radio", name="Urgent"),
        page.get_by_role("button", name="Send the case"),
    ]
    assert len(clicks) <= 4
    clicks[0].click()
    page.get_by_role("button", name="Send the case").click()  # the gate holds
    expect(page.get_by_role("alert")).to_contain_text("Still to tell: Question, History, Medication")
    picture(page, "clinic-case-form", whole=True)
    _fill(page)
    for click in clicks[1:]:
        click.click()
    expect(page.get_by_text("At Far Reader: all 3 confirmed")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("Due in 4 h")).to_be_visible(timeout=LONG_MS)  # the reader's clock, also on this side
    _log_in(desk, reader.url, "rita")
    expect(desk.locator(".study").first).to_contain_text("Paw Clinic", timeout=LONG_MS)
    expect(desk.locator(".study").first).to_contain_text("Due in", timeout=LONG_MS)
    picture(desk, "reader-list", whole=True)
    desk.locator(".study").first.click()
    desk.get_by_role("button", name="Take this case").click()
    expect(desk.get_by_label("Story")).to_contain_text("Pneumonia? Heart size?")
    expect(page.get_by_text("A radiologist is reading it")).to_be_visible(timeout=LONG_MS)
    _measure(desk)
    picture(desk, "reader-measured", whole=True)
    desk.get_by_text("Ask the clinic").click()
    desk.get_by_label("Question to the clinic").fill("Any fever?")
    desk.get_by_role("button", name="Send the question").click()
    question = page.get_by_label("Question of the reader")
    expect(question).to_contain_text("Any fever?", timeout=LONG_MS)
    expect(page.get_by_text("the reader waits for the clinic's answer")).to_be_visible(timeout=LONG_MS)
    question.get_by_label("Your answer").fill("39.8 since Monday.")
    question.get_by_role("button", name="Send the answer").click()
    expect(desk.get_by_text("39.8 since Monday.")).to_be_visible(timeout=LONG_MS)
    picture(desk, "reader-case", whole=True)
    page.get_by_role("link", name="Cases").click()  # somebody does other things
    desk.get_by_label("Findings").fill("Typed and not lost")
    expect(desk.get_by_text("Saved.")).to_be_visible(timeout=LONG_MS)
    desk.reload()
    expect(desk.get_by_label("Findings")).to_have_value("Typed and not lost")
    signed = _sign(desk, "Pneumonia.", critical=True)
    page.get_by_role("link", name="Studies").click()
    page.locator(".study").first.click()
    expect(page.get_by_text("Pneumonia.", exact=True)).to_be_visible(timeout=LONG_MS)
    took_s = time.monotonic() - signed
    print(f"report at the clinic {took_s:.1f} s after the signature")
    assert took_s < IDLE_LINE_S * float(os.environ.get("BUCKY_SLOWNESS", "1"))
    wait_for(lambda: len(drawings(page)) == 1, 60, "the reader's measurement at the clinic")
    picture(page, "clinic-critical", whole=True)
    page.get_by_role("button", name="I have read it").click()
    expect(desk.get_by_text("acknowledged by the clinic", exact=True)).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("The report is signed").first).to_be_visible(timeout=LONG_MS)
    desk.get_by_label("Findings").fill("Compared with last year: new.")
    desk.get_by_label("Your password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign the report").click()
    expect(desk.get_by_text("addendum", exact=True).first).to_be_visible(timeout=LONG_MS)
    assert not failed, failed
    line.close()


def test_the_story_with_cuts_of_the_line(page: Page, desk: Page, make_box: Callable[..., Box]) -> None:
    """Whenever the line is pulled out, nothing is lost and nothing is said twice."""
    box, reader, line = _pair(make_box)
    _expose(box)
    chance = random.Random(7)
    stop = threading.Event()

    def pull() -> None:
        for _ in range(CUTS):
            if stop.wait(chance.uniform(0.2, 3.0)):
                break
            line.cut()
            stop.wait(chance.uniform(0.2, 2.0))
            line.plug()
        line.plug()

    line.cut()  # sent while there is no line at all
    _log_in(page, box.url, "ann")
    page.locator(".study").first.click()
    page.get_by_role("button", name="Ask a reader").click()
    _fill(page)
    page.get_by_role("button", name="Send the case").click()
    expect(page.get_by_text("Waits for the line to the reader")).to_be_visible(timeout=LONG_MS)
    puller = threading.Thread(target=pull, daemon=True)
    line.plug()
    puller.start()
    _log_in(desk, reader.url, "rita")
    expect(desk.locator(".study").first).to_contain_text("3 of 3 pictures here", timeout=LONG_MS)
    desk.locator(".study").first.click()
    desk.get_by_role("button", name="Take this case").click()
    _sign(desk, "Normal thorax.")
    expect(page.get_by_text("Normal thorax.", exact=True)).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("At Far Reader: all 3 confirmed")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_text("The report is signed").first).to_be_visible(timeout=LONG_MS)
    stop.set()
    puller.join(30)
    uid = box.facts("study", "list")[0]["study_instance_uid"]
    wait_for(lambda: len(box.facts("study", "show", uid)) == 5, 60, "three pictures, the report and its PDF, each once")
    line.close()
