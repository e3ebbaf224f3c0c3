"""The shelf of derived pictures keeps within its bound."""

import os
from pathlib import Path

from appliance.courier.shelf import PreviewShelf
from appliance.imaging.picture import PACKET_FORM

MB = 2**20


def test_the_copies_looked_at_longest_ago_give_way(tmp_path: Path) -> None:
    """Of three megabytes two are left, the young ones; previews stay."""
    shelf = PreviewShelf(tmp_path / "previews", copies_max_mb=2, reserve_mb=0)
    shelf.keep(1, b"preview", b"small")
    for number in (1, 2, 3):
        shelf.keep_frame(1, number, bytes(MB))
        os.utime(tmp_path / "previews" / "0" / f"1-{number}.{PACKET_FORM}.frame", (number, number))
    assert shelf.frame(1, 1) is not None  # which makes it the youngest
    assert shelf.tidy() == 2
    assert shelf.frame(1, 2) is None
    assert shelf.frame(1, 1) is not None
    assert shelf.frame(1, 3) is not None
    assert shelf.preview(1).read_bytes() == b"preview"


def test_copies_of_another_form_are_removed(tmp_path: Path) -> None:
    """What an older release made can no longer be read."""
    shelf = PreviewShelf(tmp_path / "previews", copies_max_mb=100, reserve_mb=0)
    shelf.keep_frame(1, 1, b"x")
    old = tmp_path / "previews" / "0" / "1-1.0.frame"
    old.write_bytes(b"y")
    assert shelf.tidy() == 1
    assert not old.exists()


def test_no_copies_are_made_when_the_disk_is_nearly_full(tmp_path: Path) -> None:
    """Twice the reserve stays free; what was made before is given up."""
    roomy = PreviewShelf(tmp_path / "previews", copies_max_mb=100, reserve_mb=0)
    roomy.keep_frame(1, 1, b"x")
    tight = PreviewShelf(tmp_path / "previews", copies_max_mb=100, reserve_mb=10**9)
    tight.keep_frame(1, 2, b"x")
    assert tight.frame(1, 2) is None
    assert tight.tidy() == 0
