"""The system tree of the device in namespaces of their own: users, files, commands of units, network; no systemd."""

import ctypes
import functools
import os
import shlex
import socket
import subprocess
import sys
import sysconfig
import threading
from collections import defaultdict
from pathlib import Path

from firmware.image.tree import links
from tests.waiting import wait_for

CHECKOUT = Path(__file__).parents[2]
TREE = CHECKOUT / "firmware" / "system" / "overlay"
UNITS = TREE / "usr/lib/systemd/system"
ROLES = ("receiver", "web", "courier")
_PR_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1  # prctl(2); what MemoryDenyWriteExecute= is on kernels of today
_FOLDERS = """
mount -t tmpfs work {work}
mkdir {work}/etc {work}/etc-work {work}/venv {work}/venv-work
mount -t overlay tree -o lowerdir={tree}/usr:{image}/usr:/usr /usr
mount -t overlay etc -o lowerdir={tree}/etc:/etc,upperdir={work}/etc,workdir={work}/etc-work /etc
{links}
mount -t tmpfs opt /opt
mount -t tmpfs run /run
mkdir /run/notices
mount --bind {notices} /run/notices
mkdir -p /opt/bucky/venv /var/lib/bucky
mount -t overlay venv -o lowerdir={venv},upperdir={work}/venv,workdir={work}/venv-work /opt/bucky/venv
for package in appliance webui provisioning; do
    mkdir -p /opt/bucky/venv/lib/{python}/site-packages/$package
    mount --bind {checkout}/$package /opt/bucky/venv/lib/{python}/site-packages/$package
done
mount -t tmpfs data /var/lib/bucky
if [ {home} != /usr ]; then  # an interpreter in a folder that only this user may enter
    mkdir /opt/python
    mount --bind {base} /opt/python
    mount -t tmpfs -o mode=755 home {home}
    mkdir -p {base}
    mount --bind /opt/python {base}
fi
chmod 755 /opt /opt/bucky /opt/bucky/venv
systemd-sysusers
id _chrony >/dev/null 2>&1 || useradd --system _chrony
systemd-tmpfiles --create --prefix=/var/lib/bucky
ip link set lo up
sysctl -q --pattern ^net --load={tree}/usr/lib/sysctl.d/60-bucky.conf
echo made; exec cat
"""


_FILTER = """
import ctypes, errno, os, sys
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(library.seccomp_init(0x00050000 | errno.EPERM))
for name in sys.argv[1].split(","):
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        assert library.seccomp_rule_add(context, 0x7FFF0000, number, 0) == 0, name
assert library.seccomp_load(context) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Lets the calls of its first argument through, answers all others as systemd does, and becomes the rest."""


@functools.cache
def _group(name: str) -> frozenset[str]:
    """The system calls of a word of SystemCallFilter=, with the groups in it."""
    if not name.startswith("@"):
        return frozenset({name})
    done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    words = [line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return frozenset().union(*(_group(word) for word in words))


def allowed_calls(lines: list[str]) -> list[str]:
    """What a unit may call: the lists in their order, ~ takes away; every process may end, as systemd sees to."""
    allowed = set(_group("@default"))
    for line in lines:
        words = frozenset().union(*(_group(word) for word in line.lstrip("~").split()))
        allowed = allowed - words if line.startswith("~") else allowed | words
    return sorted(allowed)


def unit(name: str) -> dict[str, list[str]]:
    """The lines of a unit and its drop-ins, by key; an empty value forgets what was said before."""
    lines: dict[str, list[str]] = defaultdict(list)
    folders = [UNITS / "bucky-.service.d", UNITS / f"{name}.d"]
    drop_ins = sorted((p for folder in folders for p in folder.glob("*.conf")), key=lambda p: p.name)
    for path in [UNITS / name, *drop_ins]:
        for line in path.read_text().splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                if not value:
                    lines[key].clear()
                lines[key].append(value)
    return lines


class Device:
    """Processes in mount and network namespaces that end with this object."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices = folder.with_name("notices")
        self.notices.mkdir()
        folder.mkdir()
        self.started: list[subprocess.Popen[str]] = []
        self.bin = Path("/usr/bin")
        venv = CHECKOUT / ".venv"
        python = Path(sysconfig.get_path("purelib")).parent.name
        base = Path(sys.base_prefix)
        where = {
            "tree": TREE,
            "image": CHECKOUT / "firmware/image/overlay",
            "work": folder,
            "notices": self.notices,
            "venv": venv,
            "checkout": CHECKOUT,
        }
        made = "\n".join(f"mkdir -p $(dirname /{path}); ln -sfn {target} /{path}" for path, target in links().items())
        script = _FOLDERS.format(**where, python=python, base=base, home=f"/{base.parts[1]}", links=made)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-euc", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder.parent / "device.log").open("w"),
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "made\n", (folder.parent / "device.log").read_text()

    @property
    def pid(self) -> int:
        """A process whose namespaces are the device's."""
        return self._holder.pid

    def enter(self, *command: str) -> list[str]:
        """A command line that runs in the device's namespaces."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", *command]

    def run(self, *command: str, text: str = "", expect: int | None = 0) -> str:
        """Run a command on the device as root; returns what it printed."""
        done = subprocess.run(
            self.enter(*command), input=text, capture_output=True, text=True, timeout=120, check=False
        )
        if expect is not None:
            assert done.returncode == expect, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, name: str) -> "Started":
        """Start the unit's command as systemd would: its user, umask, environment, closed folders and watchdog."""
        started = Started(self, name)
        self.started.append(started.process)
        return started

    def close(self) -> None:
        """End everything."""
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(30)
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(30)


class Started:
    """One unit's main process, and what it told systemd."""

    def __init__(self, device: Device, name: str) -> None:
        self.told: list[str] = []
        lines = unit(name)
        self._prepare(device, name, lines)
        path = device.notices / name
        path.unlink(missing_ok=True)
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(path))
        path.chmod(0o777)
        threading.Thread(target=self._hear, daemon=True).start()
        environ = dict(pair.split("=", 1) for line in lines["Environment"] for pair in shlex.split(line))
        environ |= {"PATH": f"{os.environ['PATH']}:/usr/sbin", "NOTIFY_SOCKET": f"/run/notices/{name}"}
        environ |= {"WATCHDOG_USEC": "1500000"} if lines["WatchdogSec"] else {}
        self.log = device.folder.parent / f"{name}.log"
        self.process = subprocess.Popen(
            device.enter(*_closed_in(device, lines)),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("a"),
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_refuse_exec_gain if lines["MemoryDenyWriteExecute"][-1:] == ["yes"] else None,
        )

    def wait_told(self, state: str) -> None:
        """Wait until the process said so."""
        wait_for(lambda: state in self.told or self.process.poll() is not None, 120, f"{state} in {self.log}")
        assert self.process.poll() is None, self.log.read_text()

    def wait_listening(self, device: Device, port: int) -> None:
        """Wait until somebody listens on a port of the device."""
        wait_for(
            lambda: f":{port} " in device.run("ss", "-ltnH") or self.process.poll() is not None, 120, str(self.log)
        )
        assert self.process.poll() is None, self.log.read_text()

    def _hear(self) -> None:
        while said := self._line.recv(4096):
            self.told.append(said.decode())

    def _prepare(self, device: Device, name: str, lines: dict[str, list[str]]) -> None:
        """Credentials and folders in /run, as systemd makes them before the start."""
        owner = ":".join(_user(lines))
        for credential in lines["LoadCredential"]:
            key, _, source = credential.partition(":")
            folder = f"/run/credentials/{name}"
            device.run("sh", "-euc", f"mkdir -p {folder}; cp {source} {folder}/{key}; chown {owner} {folder}/{key}")
        for folder in lines["RuntimeDirectory"]:
            device.run("sh", "-euc", f"mkdir -p -m 700 /run/{folder}; chown {owner} /run/{folder}")


def _closed_in(device: Device, lines: dict[str, list[str]]) -> list[str]:
    steps = [
        f"mount --bind {path} {path}; mount -o remount,bind,ro {path}"
        for path in _there(device, lines["ReadOnlyPaths"])
    ]
    shut = [*lines["InaccessiblePaths"], *lines["TemporaryFileSystem"]]
    steps += [f"mount -t tmpfs -o mode=000 shut {path}" for path in _there(device, shut)]
    user, group = _user(lines)
    kept = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in lines["CapabilityBoundingSet"][-1].split())
    shell = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
    filtered = ["/opt/bucky/venv/bin/python", "-I", "-c", _FILTER, ",".join(allowed_calls(lines["SystemCallFilter"]))]
    command = [*shell, "--bounding-set", f"-all{kept}", *filtered, *shlex.split(lines["ExecStart"][-1])]
    steps += [f"umask {lines['UMask'][-1]}", f"exec {shlex.join(command)}"]
    return ["unshare", "--mount", "sh", "-euc", "\n".join(steps)]


def _user(lines: dict[str, list[str]]) -> tuple[str, str]:
    """User and group of a unit."""
    return (lines["User"] or ["root"])[-1], (lines["Group"] or ["root"])[-1]


def _there(device: Device, lists: list[str]) -> list[str]:
    paths = [path.removeprefix("-") for words in lists for path in words.split()]
    return [path for path in paths if device.run("sh", "-c", f"test -e {path} && echo yes", expect=None)]


def _refuse_exec_gain() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0)
