"""The console's words: every code that a box can tell is said in words, and figures are readable."""

import pytest

from provisioning.fleet import words
from provisioning.protocol import figures


def test_every_check_that_may_come_has_a_name() -> None:
    """Whatever is on the list of the protocol."""
    assert {key for key in figures.CHECKS if not key.startswith("notice-")} <= set(words.CHECKS)
    assert words.check("reader-2") == "Line to reader 2"
    assert words.check("notice-file-missing") == "Put right by itself file-missing"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("free_bytes", 77_972_357_120, "78.0 GB"),
        ("size_bytes", 694, "694 B"),
        ("bytes_a_day", 152_066, "152.1 kB"),
        ("days", 3649, "3 649"),
        ("dicom_port", 11112, "11112"),
        ("synchronised", True, "True"),
        ("reader-1", "bad", "bad"),
    ],
)
def test_figures_are_said_as_people_read_them(name: str, value: object, said: str) -> None:
    """With units that fit."""
    assert words.quantity(name, value) == said


def test_answers_and_details_are_said_in_words() -> None:
    """A check by its name, a figure of a check with it, and nothing for what is empty."""
    assert words.answered("reader-1-milliseconds") == "Line to reader 1, took, ms"
    assert words.answered("door") == "X-ray unit’s door"
    assert words.answered("waiting") == "waiting"
    assert words.detail('{"reason": "", "version": "4"}') == "version 4"
    assert words.reason("no such code") == ""
