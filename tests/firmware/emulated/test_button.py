"""The button of the case, held while the box starts; the emulated board has no such pin, a folder stands in for it."""

from tests.firmware.emulated.board import Board
from tests.firmware.emulated.outside import accept_the_unit, kept, phantoms, store, wait_until_healthy

_FINGER = """[Unit]
DefaultDependencies=no
After=sysinit.target
Before=bucky-button.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'mkdir -p /run/g/gpiochip9 /run/g/gpio13; echo pinctrl-bcm2711 >/run/g/gpiochip9/label'
ExecStart=/bin/sh -ec 'echo 9 >/run/g/gpiochip9/base'
ExecStart=/bin/sh -ec 'echo 0 >/run/g/gpio13/value; mount --bind /run/g /sys/class/gpio'
ExecStart=/bin/sh -c '(until systemctl is-active bucky-button | grep -q activating; do sleep 1; done; \
 sleep 45; echo 1 >/run/g/gpio13/value) &'
"""


def test_who_holds_the_button_while_it_starts_has_an_empty_box(board: Board) -> None:
    """Pictures and the accepted unit are gone, and the label on the case is still true."""
    assert store(board, phantoms(2, 0.25))
    label = board.run("cat /var/lib/bucky/vendor/label.json /var/lib/bucky/vendor/setup-code")
    board.cut_power()
    board.units["finger"] = _FINGER
    board.start()
    wait_until_healthy(board)
    board.units.pop("finger")
    assert kept(board) == set()
    assert board.run("bucky modality list --json").strip() == "[]"
    assert board.run("cat /var/lib/bucky/vendor/label.json /var/lib/bucky/vendor/setup-code") == label
    code = board.run("cat /var/lib/bucky/vendor/setup-code").strip()
    assert code not in board.run("journalctl -b --no-pager")
    assert board.run("systemctl --failed --no-legend --plain").strip() == ""
    accept_the_unit(board)
    assert len(store(board, phantoms(1, 0.25))) == 1
