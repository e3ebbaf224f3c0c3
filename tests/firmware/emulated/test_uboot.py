"""The script that starts a slot, run by U-Boot itself over the disk's partitions; the choice is written by boot-choice.

Two machines: qemu's own (`-M virt`, U-Boot of u-boot-qemu), and a Raspberry Pi 3 with a card (`-M raspi3b`), which
starts the very u-boot.bin that the image holds: Debian builds one for the Pi 3 and the Pi 4. A slot's kernel is a
program of five instructions that tells the serial line its name and waits for the plug to be pulled.
"""

import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware.image import start, tree
from firmware.image.debian import CACHE
from firmware.image.disk import LAYOUT, MIB, Partition, fat, places, whole
from tests.firmware.device import TREE
from tests.orthanc import need
from tests.waiting import wait_for

UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")  # package u-boot-qemu
WAIT_S = 600.0
_SMALL = [Partition(part.name, min(part.size, 16 * MIB), part.kind) for part in LAYOUT]
_CARD = 128 * MIB  # the emulated card's size is a power of two
_SERIAL = {"virt": 0x0900, "raspi3b": 0x3F20}  # upper half of the address of the first serial line
_TREE = {"virt": 0x4740_0000, "raspi3b": 0x0708_0000}  # where the script puts the device tree: its $tree
_TREE_BYTES = 0x1_0000
_RASPI3 = "usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb"


class Machine(NamedTuple):
    """One that starts U-Boot."""

    name: str
    arguments: list[str]


def kernel(letter: str, serial: int, offset: int) -> bytes:
    """An arm64 kernel (Documentation/arch/arm64/booting.rst) that writes `letter` to a PL011 and stops."""
    code = (
        0x14000010,  # b to the end of this header
        0xD2A00001 | serial << 5,  # movz x1, #serial, lsl #16
        0xF2800001 | offset << 5,  # movk x1, #offset
        0x52800000 | ord(letter) << 5,  # movz w0, #letter
        0xB9000020,  # str w0, [x1]
        0x14000000,  # b to itself
    )
    header = struct.pack("<2I3Q3Q2I", code[0], 0, 0, MIB, 0b1010, 0, 0, 0, 0x644D5241, 0)
    return header + struct.pack("<5I", *code[1:])


class Console:
    """A machine with the disk of the image, small; its slots hold the kernels given."""

    def __init__(self, folder: Path, machine: Machine, slots: str = "AB") -> None:
        self._machine, self.disk = machine, folder / "disk.img"
        (folder / "cfg").mkdir()
        start.lay_commands(folder / "cfg")
        fat(folder / "cfg", folder / "cfg.vfat", 16 * MIB, "CFG")
        parts = {"cfg": folder / "cfg.vfat", "choice": folder / "choice"}
        start.write_choice(parts["choice"], start.choice("A", "A"))
        for slot in slots:
            boot = folder / f"boot{slot}"
            boot.mkdir()
            serial = _SERIAL[machine.name]
            (boot / "vmlinuz").write_bytes(kernel(slot, serial, 0x1000 if machine.name == "raspi3b" else 0))
            (boot / "initramfs").write_bytes(b"no initramfs" * 100)
            fat(boot, parts.setdefault(f"boot{slot}", folder / f"boot{slot}.vfat"), 16 * MIB, "BOOT")
        whole(self.disk, parts, _SMALL)
        with self.disk.open("r+b") as file:
            file.truncate(_CARD)
        (folder / "cmdline").write_text("bucky.start=u-boot\n")
        self.said = ""
        self.tree = folder / "given.dtb"  # what the kernel of the last start was given

    def choice(self, *arguments: str) -> str:
        """One act of boot-choice on the partition of this disk, as of a system that U-Boot started."""
        place, environ = self.disk.with_name("place"), {"BUCKY_CMDLINE": str(self.disk.with_name("cmdline"))}
        begin, size = places(_SMALL)["choice"]
        with self.disk.open("r+b") as file:
            file.seek(begin)
            place.write_bytes(file.read(size))
            done = subprocess.run(
                [TREE / "usr/lib/bucky/boot-choice", *arguments],
                env={"PATH": "/usr/bin:/bin", "BUCKY_CHOICE": str(place), **environ},
                capture_output=True,
                text=True,
                check=True,
            )
            file.seek(begin)
            file.write(place.read_bytes())
        return done.stdout.strip()

    def spoil(self, *copies: int) -> None:
        """Tear these copies of the choice: their second half is lost."""
        with self.disk.open("r+b") as file:
            for number in copies:
                file.seek(places(_SMALL)["choice"][0] + start.COPIES[number] + 16)
                file.write(b"\xff" * 496)

    def started(self, *, writable: bool = True) -> str:
        """Switch on, wait for a kernel's word, pull the plug: the slot whose kernel it is."""
        self.said = ""
        drive = f"format=raw,file={self.disk}{'' if writable else ',readonly=on'}"
        process = subprocess.Popen(
            [
                *("qemu-system-aarch64", "-M", self._machine.name, "-display", "none", *self._drive(drive)),
                *("-monitor", f"unix:{self._monitor},server=on,wait=off"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        reader = threading.Thread(target=self._read, args=(process,))
        reader.start()
        try:
            wait_for(lambda: self.said.rstrip()[-1:] in set("AB") and "Starting kernel" in self.said, WAIT_S, self.said)
            self._keep_tree()
        finally:
            process.kill()
            process.wait()
            reader.join()
        named = self.said.split("bucky: slot ")[-1][0]
        assert self.said.rstrip()[-1] == named
        return named

    def _keep_tree(self) -> None:
        """Ask the emulator for the device tree in the machine's memory."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._monitor))
            line.sendall(f'pmemsave {_TREE[self._machine.name]} {_TREE_BYTES} "{self.tree}"\n'.encode())
            wait_for(lambda: self.tree.exists() and self.tree.stat().st_size == _TREE_BYTES, 10, "the device tree")

    @property
    def _monitor(self) -> Path:
        return self.disk.with_name("monitor")

    def _drive(self, drive: str) -> list[str]:
        if self._machine.name == "raspi3b":
            return [*self._machine.arguments, "-drive", f"if=sd,{drive}"]
        return [*self._machine.arguments, "-drive", f"if=none,id=disk,{drive}", "-device", "virtio-blk-pci,drive=disk"]

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        while part := process.stdout.read1():
            self.said += part.decode(errors="replace")


@pytest.fixture(scope="module", params=sorted(_SERIAL))
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Each of the two machines."""
    need("qemu-system-aarch64", "mcopy", "mkfs.vfat", "sfdisk")
    if request.param == "virt":
        if not UBOOT.exists():
            pytest.skip("needs u-boot-qemu")
        given = ["-cpu", "cortex-a72", "-m", "512", "-nic", "none", "-bios", str(UBOOT), "-serial", "stdio"]
        yield Machine("virt", given)
        return
    folder = tmp_path_factory.mktemp("pi")
    uboot = tree.unpacked("u-boot-rpi", folder, CACHE) / "usr/lib/u-boot/rpi_arm64/u-boot.bin"
    trees = next(tree.unpacked("linux-image-", folder, CACHE).glob(_RASPI3))
    lines = ["-chardev", "stdio,id=line,mux=on", "-serial", "chardev:line", "-serial", "chardev:line"]
    yield Machine("raspi3b", ["-kernel", str(uboot), "-dtb", str(trees), *lines])


@pytest.fixture
def console(machine: Machine, tmp_path: Path) -> Console:
    """The machine with a disk as it is flashed, both slots written."""
    return Console(tmp_path, machine)


def test_a_slot_on_trial_is_started_once(console: Console) -> None:
    """One start is the other slot's, and the next one the proven one's, until the other proves itself."""
    assert console.started() == "A"
    console.choice("set-primary", "B")
    assert [console.started() for _ in range(3)] == ["B", "A", "A"]
    assert (console.choice("proven"), console.choice("get-primary")) == ("A", "B")
    console.choice("set-primary", "B")
    assert console.started() == "B"
    console.choice("set-state", "B", "good")
    assert [console.started() for _ in range(2)] == ["B", "B"]
    console.choice("set-primary", "A")
    assert [console.started() for _ in range(2)] == ["A", "B"]


@pytest.mark.parametrize("copy", [0, 1])
def test_a_torn_copy_costs_nothing(console: Console, copy: int) -> None:
    """The other copy counts, and a trial makes both whole."""
    console.choice("set-state", "B", "good")
    console.spoil(copy)
    assert console.started() == "B"
    console.choice("set-primary", "A")
    console.spoil(copy)
    assert [console.started() for _ in range(2)] == ["A", "B"]
    console.spoil(1 - copy)
    assert (console.choice("proven"), console.choice("get-primary")) == ("B", "A")


def test_without_a_whole_copy_each_slot_is_tried(console: Console) -> None:
    """A first; where it does not prove itself B, and each stays when it does."""
    console.choice("set-state", "B", "good")
    console.spoil(0, 1)
    assert console.started() == "A"
    assert console.choice("proven") == "B"
    assert console.started() == "B"
    console.spoil(0, 1)
    assert console.started() == "A"
    console.choice("set-state", "A", "good")
    assert console.started() == "A"


def test_a_slot_that_holds_no_kernel_is_passed_over(machine: Machine, tmp_path: Path) -> None:
    """Whatever the choice says."""
    console = Console(tmp_path, machine, slots="A")
    console.choice("set-state", "B", "good")
    assert console.started() == "A"


@pytest.mark.parametrize("machine", ["virt"], indirect=True)  # the emulated card of the Pi cannot be locked
def test_a_trial_that_cannot_be_noted_is_not_begun(console: Console) -> None:
    """Else a slot that hangs would be started again and again."""
    console.choice("set-primary", "B")
    assert [console.started(writable=False) for _ in range(2)] == ["A", "A"]
    assert console.started() == "B"


@pytest.mark.parametrize("machine", ["raspi3b"], indirect=True)
def test_the_kernel_is_told_of_a_tpm_on_the_boards_spi(console: Console) -> None:
    """Debian's device trees name none; the pins are those of the bus."""
    need("fdtget")
    console.started()

    def told(path: str, name: str, kind: str = "s") -> str:
        asked = ["fdtget", "-t", kind, str(console.tree), path, name]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    bus = "/soc/spi@7e204000"
    assert told(f"{bus}/tpm@1", "compatible") == "infineon,slb9670 tcg,tpm_tis-spi"
    assert [told(f"{bus}/tpm@1", name, "u") for name in ("reg", "spi-max-frequency")] == ["1", "32000000"]
    assert (told(bus, "status"), told(bus, "pinctrl-names")) == ("okay", "default")
    assert told(bus, "pinctrl-0", "u") == told("/soc/gpio@7e200000/spi0-gpio7", "phandle", "u")
    assert "bucky.slot=A" in told("/chosen", "bootargs")
