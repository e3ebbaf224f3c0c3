"""A board in the emulator: U-Boot, its power switch, its plugs.

U-Boot is Debian's for this machine, in the place of the image's own for the Pi. It runs the script of the image's *cfg*
with the kernel's arguments that the board's start program would give to it. Everything else is the image.
"""

import base64
import binascii
import contextlib
import hashlib
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from firmware.image.disk import places
from tests.waiting import wait_for

HOST = "127.0.0.1"
SERVED = {"page": 443, "plain": 80, "dicom": 11112, "dicom-tls": 2762}
KEY = b"a key of 256 bits for tests only"
_KEY_IN_GUEST = "/sys/firmware/qemu_fw_cfg/by_name/opt/bucky/key/raw"
_APPEND = "console=ttyAMA0 panic=10 quiet bucky.key=file:" + _KEY_IN_GUEST
UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")  # package u-boot-qemu
_FLASH_BYTES = 64 << 20
_ENVIRONMENT_BYTES = 0x40000
_ENVIRONMENT = (
    "bootdelay=0",
    "bootcmd=virtio scan; load virtio 0:1 ${scriptaddr} boot.scr; source ${scriptaddr}",
    "devtype=virtio",
    "devnum=0",
    "scriptaddr=0x40200000",
    "kernel_addr_r=0x40400000",
)
"""Of this machine's U-Boot alone: it would take the kernel that qemu asks for when it is to give arguments."""
_PROBE = """[Unit]
Description=Probe of the emulated tests
DefaultDependencies=no
After=sysinit.target
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh
StandardInput=file:/dev/virtio-ports/probe
StandardOutput=file:/dev/virtio-ports/probe
StandardError=inherit
Restart=always
RestartSec=2
"""
_PATIENT = {
    "bucky-healthy": "ExecStart=\nExecStart=/usr/lib/bucky/healthy /var/lib/bucky 3000\nTimeoutStartSec=2h\n",
    "bucky-trial": "TimeoutStartSec=2h\n",
}
"""The emulator may have a tenth of a core: a trial gets as long as it needs."""
_STARTED = re.compile(r"bucky: slot ([AB])(?:(?!bucky: slot).)*Starting kernel", re.DOTALL)
BOOT_S = 1800.0


class Board:
    """One board with its disk. At most one is switched on at a time: each takes what the machine has."""

    _on: ClassVar["Board | None"] = None

    def __init__(self, folder: Path, image: Path, *, disk_mib: int = 4096, memory_mib: int = 1024) -> None:
        """Flash `image` onto a new disk of `disk_mib`."""
        folder.mkdir(parents=True)
        self.folder, self.disk, self.console = folder, folder / "disk.raw", folder / "console.log"
        self.console.touch()
        self.memory_mib = memory_mib
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)
        with self.disk.open("r+b") as file:
            file.truncate(disk_mib << 20)
        (folder / "key").write_bytes(KEY)
        self.ports = dict(zip(SERVED, _free_ports(len(SERVED)), strict=True))
        _write_flash(folder)
        self.cable = self.forwarded("restrict=on")
        self.within: list[str] = []
        self.units = {"probe": _PROBE}
        self.extra: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._probe: socket.socket | None = None
        self._boot_began = 0

    def start(self) -> "Board":
        """Switch the power on, and that of any other board off."""
        if Board._on:
            Board._on.cut_power()
        Board._on = self
        self._boot_began = self.console.stat().st_size
        (self.folder / "probe.socket").unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return self

    @property
    def slot(self) -> str:
        """The slot that U-Boot started, once it did."""
        return wait_for(lambda: _STARTED.search(self.said()), BOOT_S, "U-Boot starts a kernel")[1]

    def plug(self, name: str, content: Path) -> None:
        """A drive that can be read as /dev/disk/by-id/virtio-NAME from the next start on."""
        drive = f"if=none,id={name},file={content},format=raw,readonly=on"
        self.extra += ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},serial={name}"]

    def cut_power(self) -> None:
        """Pull the plug."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        self._close_probe()

    def wait_until_off(self) -> None:
        """The guest restarts or goes off by itself."""
        assert self.process
        self.process.wait(timeout=BOOT_S)
        self._close_probe()

    def wait_for_restart(self) -> str:
        """The guest restarts by itself. The new slot."""
        self.wait_until_off()
        return self.start().slot

    def said(self) -> str:
        """What the console said since the power was last switched on."""
        with self.console.open("rb") as file:
            file.seek(self._boot_began)
            return file.read().decode(errors="replace")

    def run(self, command: str, timeout_s: float = BOOT_S) -> str:
        """Output of a command of a shell in the guest; raises CalledProcessError."""
        line = self._connected()
        line.settimeout(timeout_s)
        line.sendall(f'({command}) </dev/null 2>&1; echo "[done $?]"\n'.encode())
        answer = b""
        while not (ended := re.search(rb"\[done (\d+)\]\r?\n$", answer)):
            part = line.recv(65536)
            if not part:
                raise ConnectionError("the guest is gone")
            answer += part
        text = answer[: ended.start()].decode(errors="replace").replace("\r\n", "\n")
        if ended[1] != b"0":
            print(f"{command}: {text}")
            raise subprocess.CalledProcessError(int(ended[1]), command, text)
        return text

    def flashed(self, partition: str, most_bytes: int | None = None) -> str:
        """The SHA-256 of a partition, or of its beginning, as it lies on the disk."""
        begin, size = places()[partition]
        with self.disk.open("rb") as file:
            file.seek(begin)
            return hashlib.sha256(file.read(most_bytes or size)).hexdigest()

    def memory(self) -> dict[str, int]:
        """The guest's /proc/meminfo in MiB."""
        return {
            name: int(kib) // 1024
            for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", self.run("cat /proc/meminfo"), re.MULTILINE)
        }

    def _connected(self) -> socket.socket:
        if self._probe is None:
            path = self.folder / "probe.socket"
            wait_for(path.exists, BOOT_S, "the emulator opens the probe's socket")
            self._probe = socket.socket(socket.AF_UNIX)
            self._probe.connect(str(path))
        return self._probe

    def _close_probe(self) -> None:
        if self._probe:
            self._probe.close()
            self._probe = None

    def forwarded(self, outwards: str) -> list[str]:
        """A network with ports forwarded from loopback, and what the guest may reach of its own."""
        forwards = ",".join(f"hostfwd=tcp:{HOST}:{self.ports[name]}-:{port}" for name, port in SERVED.items())
        return ["-netdev", f"user,id=net,{outwards},{forwards}"]

    def _command(self) -> list[str]:
        return [
            *self.within,
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(self.memory_mib)),
            *("-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-no-reboot"),
            *("-drive", f"if=pflash,unit=0,format=raw,file={self.folder}/flash0,readonly=on"),
            *("-drive", f"if=pflash,unit=1,format=raw,file={self.folder}/flash1"),
            *("-kernel", str(self.folder / "key"), "-append", f"{_APPEND} {_credentials(self.units)}"),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *("-drive", f"if=none,id=disk,file={self.disk},format=raw,discard=unmap"),
            *("-device", "virtio-blk-pci,drive=disk"),
            *(*self.cable, "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=probe,path={self.folder}/probe.socket,server=on,wait=off"),
            *("-device", "virtserialport,chardev=probe,name=probe"),
            *("-fw_cfg", f"name=opt/bucky/key,file={self.folder}/key"),
            *self.extra,
        ]


@contextlib.contextmanager
def powered(board: Board) -> Iterator[Board]:
    """A board that is switched off at the end, and whose disk goes."""
    try:
        yield board
    finally:
        board.cut_power()
        board.disk.unlink()


def _write_flash(folder: Path) -> None:
    """U-Boot in the first flash of the machine, its environment in the second."""
    variables = b"".join(f"{line}\0".encode() for line in _ENVIRONMENT).ljust(_ENVIRONMENT_BYTES - 4, b"\0")
    environment = binascii.crc32(variables).to_bytes(4, "little") + variables
    for name, content in (("flash0", UBOOT.read_bytes()), ("flash1", environment)):
        with (folder / name).open("wb") as file:
            file.write(content)
            file.truncate(_FLASH_BYTES)


def _credentials(units: Mapping[str, str]) -> str:
    """Units that the kernel's arguments add (systemd.system-credentials(7)); the image itself has no shell."""
    texts = {f"extra-unit.{name}.service": text for name, text in units.items()}
    texts |= {f"unit-dropin.{name}.service~patient": f"[Service]\n{text}" for name, text in _PATIENT.items()}
    texts["unit-dropin.multi-user.target~tests"] = f"[Unit]\nWants={' '.join(f'{name}.service' for name in units)}\n"
    return " ".join(
        f"systemd.set_credential_binary=systemd.{name}:{base64.b64encode(text.encode()).decode()}"
        for name, text in texts.items()
    )


def _free_ports(count: int) -> list[int]:
    held = []
    for _ in range(count):
        held.append(socket.socket())
        held[-1].bind((HOST, 0))
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
