"""From unboxing to the first picture at the pace of a person, the reader by pairing code, and an attacker beside it."""

import time
from collections.abc import Callable

import requests
from playwright.sync_api import Locator, Page, expect

from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.browser.axe import violations
from tests.conftest import SENTINEL
from tests.pictures import small_study

MOST_S = 180.0
A_KEY_S, A_CLICK_S, A_LOOK_S = 0.3, 1.5, 4.0
"""Somebody who types with two fingers, aims with a mouse, and reads each new page."""
AT_THE_UNIT_S = 45.0
"""To type AE title, address and port into the X-ray unit and to press the button."""


class Person:
    """Works as fast as a script, and counts how long a person would have taken."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.thought_s = 0.0
        self.began = time.monotonic()

    def looks(self) -> None:
        """Read what is new."""
        self.thought_s += A_LOOK_S

    def types(self, label: str, text: str) -> None:
        """Into a field."""
        self.page.get_by_label(label).fill(text)
        self.thought_s += A_CLICK_S + A_KEY_S * len(text)

    def presses(self, what: Locator) -> None:
        """A button or link."""
        what.click()
        self.thought_s += A_CLICK_S

    @property
    def took_s(self) -> float:
        """What the box needed and what the person did."""
        return self.thought_s + time.monotonic() - self.began


def test_first_picture_within_three_minutes(page: Page, make_box: Callable[..., Box]) -> None:
    """From the first page with the label's code in the hand to the first accepted picture in the list."""
    box = make_box().start()
    person = Person(page)
    page.goto(box.url)
    person.looks()
    person.types("Setup code", box.setup_code)
    person.types("Name of the", "Paw Clinic")
    person.types("Your name", "Ann")
    person.types("Password", PASSWORD)
    person.presses(page.get_by_role("button", name="Set up"))
    expect(page.get_by_role("heading", name="Type this into your X-ray unit")).to_be_visible()
    person.looks()
    person.thought_s += AT_THE_UNIT_S
    assert send(small_study(), HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    question = page.get_by_label("New X-ray unit")
    expect(question).to_contain_text("DX1")
    person.looks()
    person.presses(question.get_by_role("button", name="Yes, accept it"))
    expect(page.locator(".study")).to_contain_text(SENTINEL)
    expect(page.locator(".study img")).to_have_count(3)
    assert person.took_s <= MOST_S, f"{person.took_s:.0f} s, {person.thought_s:.0f} s of it at the keyboard"


def test_a_reader_by_pairing_code_and_the_way_there_and_back(page: Page, make_box: Callable[..., Box]) -> None:
    """The reader's administrator makes a code; the clinic types it; a phantom proves the way; the step is done."""
    box, reader = make_box().set_up().start(), make_box("reader", "reader").set_up("rita").start()
    desk = page.context.new_page()
    _log_in(desk, reader, "rita")
    desk.goto(f"{reader.url}/clinics")
    desk.get_by_label("Name of the clinic").fill("Paw Clinic")
    desk.get_by_role("button", name="Make a pairing code").click()
    code = desk.locator("code.token").inner_text()
    assert violations(desk) == []
    _log_in(page, box, "ann")
    page.goto(f"{box.url}/readers")
    page.get_by_label("Address of the reading service").fill(reader.url)
    page.get_by_label("Pairing code").fill("AAAA-AAAA")
    page.get_by_role("button", name="Pair", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="does not take this code")).to_be_visible()
    page.get_by_label("Pairing code").fill(code)
    page.get_by_role("button", name="Pair", exact=True).click()
    expect(page.get_by_text("came back bit for bit").first).to_be_visible(timeout=60_000)
    page.goto(f"{box.url}/first-steps")
    expect(page.locator(".finding", has_text="Reader").locator(".badge").first).to_have_text("done")
    desk.goto(reader.url)
    expect(desk.locator(".study")).to_have_count(0)


def test_who_comes_first_without_the_code_gets_nothing(make_box: Callable[..., Box]) -> None:
    """Guesses, planted sessions, direct addresses: no administrator; and the owner still sets the box up."""
    box = make_box().start()
    attacker = requests.Session()
    page = attacker.get(f"{box.url}/setup", timeout=20).text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    wanted = {"clinic": "Evil", "kind": "vet", "name": "mallory", "password": PASSWORD, "csrf_token": token}
    answers = [attacker.post(f"{box.url}/setup", {**wanted, "code": c}, timeout=20).status_code for c in "ABCDEFGH"]
    assert set(answers) == {403, 429}
    for path in ("/people", "/tokens", "/", "/readers", "/safety", "/settings"):
        answer = attacker.get(f"{box.url}{path}", timeout=20, allow_redirects=False)
        assert answer.headers["Location"].startswith("/setup"), path
    without_code = {k: v for k, v in wanted.items() if k != "code"}
    assert attacker.post(f"{box.url}/people", without_code, timeout=20, allow_redirects=False).status_code in (302, 400)
    logged_in = attacker.post(f"{box.url}/login", without_code, timeout=20)
    assert logged_in.url.endswith("/setup")
    box.set_up("ann")
    assert [account["name"] for account in _people(box)] == ["ann"]


def _people(box: Box) -> list[dict[str, str]]:
    import sqlite3

    with sqlite3.connect(box.data / "bucky.sqlite") as conn:
        conn.row_factory = sqlite3.Row
        return [dict(row) for row in conn.execute("SELECT name FROM account")]


def _log_in(page: Page, box: Box, name: str) -> None:
    page.goto(f"{box.url}/login")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
