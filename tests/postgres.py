"""A PostgreSQL of its own on a free loopback port, for tests: Debian's, in a folder that goes with it."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.waiting import wait_for

HOST = "127.0.0.1"


def _tool(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=":".join([*map(str, folders), os.environ.get("PATH", "")]))
    assert found, f"{name} is needed: make system"
    return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    ready = subprocess.run([_tool("pg_isready"), "-q", "-h", HOST, "-p", str(port)], check=False)
    return ready.returncode == 0


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """An SQLAlchemy URL; PostgreSQL refuses to run as root, who then lends it the user postgres."""
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="bucky-postgres-") as name:
        folder = Path(name)
        if other:
            known = pwd.getpwnam("postgres")
            os.chown(folder, known.pw_uid, known.pw_gid)
        data, port = folder / "data", _free_port()
        init = [_tool("initdb"), "-D", str(data), "-U", "fleet", "--auth=trust", "-E", "UTF8"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd=folder, **other)
        command = [_tool("postgres"), "-D", str(data), "-h", HOST, "-p", str(port), "-k", str(folder)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, **other)
        try:
            wait_for(lambda: _answers(port), 60, "PostgreSQL")
            yield f"postgresql+pg8000://fleet@{HOST}:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # fast: SIGTERM would wait for clients
            process.wait(60)
