"""The start script for boards with U-Boot, run by U-Boot itself."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.image.disk import LAYOUT, MIB, Partition, fat, whole
from tests.firmware.device import CHECKOUT
from tests.orthanc import need
from tests.waiting import wait_for

UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")  # package u-boot-qemu
WAIT_S = 300.0
ENVIRONMENT = """bootdelay=0
bootcmd=virtio scan; load virtio 0:1 ${scriptaddr} boot.scr; source ${scriptaddr}
devtype=virtio
devnum=0
scriptaddr=0x40200000
kernel_addr_r=0x40400000
ramdisk_addr_r=0x44000000
bucky_proven=A
bucky_next=B
bucky_tries=1
"""
"""As boot-choice leaves it after set-primary B."""


class Console:
    """A machine whose start program is U-Boot; its disk has slots that hold no real kernel, so that it starts anew."""

    def __init__(self, folder: Path) -> None:
        for name in ("cfg", "boot"):
            (folder / name).mkdir()
        script = CHECKOUT / "firmware/update/uboot/boot.cmd"
        made = ("mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", script, folder / "cfg/boot.scr")
        subprocess.run(made, check=True, capture_output=True)
        for name in ("vmlinuz", "initramfs"):
            (folder / "boot" / name).write_bytes(b"no kernel" * 100)
        fat(folder / "cfg", folder / "cfg.vfat", 16 * MIB, "CFG")
        fat(folder / "boot", folder / "boot.vfat", 40 * MIB, "BOOT")
        small = [Partition(p.name, min(p.size, 40 * MIB), p.kind) for p in LAYOUT]
        parts = {"cfg": folder / "cfg.vfat", "bootA": folder / "boot.vfat", "bootB": folder / "boot.vfat"}
        whole(folder / "disk.img", parts, small)
        shutil.copy(UBOOT, folder / "flash0")
        (folder / "environment").write_text(ENVIRONMENT)
        subprocess.run(["mkenvimage", "-s", "0x40000", "-o", folder / "flash1", folder / "environment"], check=True)
        for name in ("flash0", "flash1"):
            with (folder / name).open("ab") as file:
                file.truncate(64 * MIB)
        self.said = ""
        self._process = subprocess.Popen(
            [
                *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "512", "-nographic", "-nic", "none"),
                *("-drive", f"if=pflash,unit=0,format=raw,file={folder}/flash0,readonly=on"),
                *("-drive", f"if=pflash,unit=1,format=raw,file={folder}/flash1"),
                *("-drive", f"if=none,id=disk,format=raw,file={folder}/disk.img"),
                *("-device", "virtio-blk-device,drive=disk"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while part := self._process.stdout.read1():
            self.said += part.decode(errors="replace")

    def wait(self, text: str, times: int = 1) -> None:
        """Wait until the console has said something so often."""
        wait_for(lambda: self.said.count(text) >= times, WAIT_S, f"{text!r} in {self.said[-2000:]}")

    def close(self) -> None:
        """Pull the plug."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """A machine that is switched on."""
    need("qemu-system-aarch64", "mkimage", "mkenvimage", "mcopy", "mkfs.vfat", "sfdisk")
    if not UBOOT.exists():
        pytest.skip("needs u-boot-qemu")
    made = Console(tmp_path)
    yield made
    made.close()


def test_a_trial_that_cannot_be_noted_is_not_begun(console: Console) -> None:
    """U-Boot cannot write this machine's flash: the proven slot starts, and never one on trial again and again."""
    console.wait("bucky: slot ")
    assert "Saving Environment" in console.said
    assert console.said.split("\nbucky: slot ")[1][0] == "A"
    console.wait("resetting")  # a kernel that is none
