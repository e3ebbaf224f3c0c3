"""The first boot makes of a flashed image one box, against a folder."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from firmware.image.tree import OURS
from provisioning.fleet.registry import valid_serial
from provisioning.protocol.identity import Identity
from tests.box import Box

FIRST_BOOT = OURS / "usr/lib/bucky/first-boot"


def first_boot(data: Path, serial: Path) -> dict[str, str]:
    """Run it; what the label says."""
    subprocess.run([sys.executable, FIRST_BOOT, data, serial], check=True, capture_output=True)
    return dict(json.loads((data / "vendor/label.json").read_text()))


def test_a_box_gets_an_identity_a_code_and_a_label(tmp_path: Path) -> None:
    """Serial from the board, fingerprint of a key that only the box has, a code; the same again at the next start."""
    board = tmp_path / "serial-number"
    board.write_bytes(b"10000000a1b2c3d4\0")
    label = first_boot(tmp_path / "data", board)
    assert valid_serial(label["serial"]) == "BK-0000A1B2C3D4"
    assert label["fingerprint"] == Identity(tmp_path / "data/vendor").fingerprint
    for name, mode in (("identity.pem", 0o600), ("label.json", 0o600), ("setup-code", 0o640)):
        assert stat.S_IMODE((tmp_path / "data/vendor" / name).stat().st_mode) == mode, name
    assert first_boot(tmp_path / "data", board) == label


def test_two_boxes_have_nothing_in_common(tmp_path: Path) -> None:
    """Two flashed from one image, on boards without a number."""
    labels = [first_boot(tmp_path / name, tmp_path / "none") for name in ("one", "two")]
    for part in ("serial", "fingerprint", "setup_code"):
        assert labels[0][part] != labels[1][part]
    assert all(valid_serial(label["serial"]) for label in labels)


def test_the_code_of_the_label_stands_over_a_reset(make_box: Callable[..., Box]) -> None:
    """The button of the device removes the clinic's data; the label on the case remains true."""
    box = make_box("box")
    label = first_boot(box.data, box.data / "none")
    box.set_up()
    assert box.facts("reset", "--yes")["setup_code"] == label["setup_code"]
    assert first_boot(box.data, box.data / "none") == label


def test_the_code_is_not_printed(tmp_path: Path) -> None:
    """What goes into the journal must not open the box."""
    done = subprocess.run(
        [sys.executable, FIRST_BOOT, tmp_path, tmp_path / "none"], check=True, capture_output=True, text=True
    )
    assert (tmp_path / "vendor/setup-code").read_text().strip() not in done.stdout + done.stderr
