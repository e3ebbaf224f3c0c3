"""Many boxes on one machine: real agents with keys, certificates and memory of their own, against the service on TLS.

Only what lies around an agent is made up: the figures of the box, in `_surroundings`. The service is a process of its
own, so that what it costs is not mixed up with what the agents cost.
"""

import contextlib
import hashlib
import itertools
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
from cryptography import x509
from sqlalchemy import insert
from sqlite_utils import Database as SqliteUtils
from tqdm import tqdm

import appliance
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput
from appliance.settings import load
from provisioning.agent.desired import Desired
from provisioning.agent.images import Images
from provisioning.agent.loop import Agent
from provisioning.agent.membership import Membership
from provisioning.agent.memory import Memory
from provisioning.agent.releases import Releases
from provisioning.agent.surroundings import FoundCheck, Surroundings
from provisioning.fleet.service import Fleet
from provisioning.fleet.tables import Box
from provisioning.protocol.messages import HEARTBEAT_S

if TYPE_CHECKING:
    from provisioning.protocol.messages import Trust

HOST = "127.0.0.1"
THREADS = 8
_SCALE = 10_000
_SCHEMA = Path(appliance.__file__).parent / "archive" / "migrations" / "0014_vendor_link.sql"


class _Small(Database):
    """The tables of the vendor link alone, in memory: thousands of whole archives would fill the disk."""

    def __init__(self) -> None:
        self._only = SqliteUtils(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        self._only.conn.executescript(
            f"CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT; {_SCHEMA.read_text()}"
        )

    @contextlib.contextmanager
    def write(self) -> Iterator[SqliteUtils]:
        """One transaction; an agent has one thread."""
        with self._only.conn:
            yield self._only

    @property
    def read(self) -> SqliteUtils:
        """The same connection."""
        return self._only


def _surroundings(folder: Path) -> Surroundings:
    """A box in good order whose audit trail grows."""
    events = itertools.count(1)

    def head() -> tuple[int, str]:
        number = next(events)
        return number, hashlib.sha256(str(number).encode()).hexdigest()

    found: list[FoundCheck] = [
        ("door", "good", {"dicom_port": 11112}),
        ("units", "good", {"units": 1, "hours_quiet": 0.3}),
        ("unit-1", "good", {"hours_quiet": 0.3, "listens": 1}),
        ("reader-1", "good", {"waiting": 2, "oldest_hours": 0.1, "code": None}),
        ("disk", "good", {"free_bytes": 10**11, "bytes_a_day": 10**9, "days": 100}),
        ("archive", "good", {"studies": 1200}),
        ("clock", "good", {"synchronised": 1}),
    ]
    return Surroundings(
        data=folder,
        release=appliance.__version__,
        settings=lambda: load(folder, command_line={}),
        checks=lambda: found,
        probe=lambda: found[3:4],
        audit_head=head,
        event_counts=lambda: {"accessed": 12},
        record=lambda _kind, _subject: None,
        restart=lambda _role: None,
        started=lambda _role: appliance.__version__,
        answers=lambda: True,
        busy=lambda: False,
        quiet_hours=lambda: True,
        echo_unit=lambda _row: None,
        resend=lambda _alias: 0,
        rehearse=lambda: None,
        drained=lambda: True,
        erase=lambda: None,
    )


def make_agent(folder: Path, trust: "Trust") -> Agent:
    """The agent of a simulated box whose trust file this is."""
    membership = Membership(folder / "vendor")
    membership.join(msgspec.json.encode(trust))
    box, memory = _surroundings(folder), Memory(_Small())
    return Agent(
        box=box,
        memory=memory,
        membership=membership,
        desired=Desired(box, memory),
        releases=Releases(folder / "releases", trust.root.encode()),
        images=Images(folder / "updates"),
    )


@contextlib.contextmanager
def served(fleet: Fleet) -> Iterator[tuple[str, psutil.Process]]:
    """The service as a process on a free port of loopback: its address, and the process."""
    command = [sys.executable, "-m", "provisioning.fleet.cli", "--data", str(fleet.folder)]
    process = subprocess.Popen([*command, "serve", "--listen", HOST, "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101 - opened with PIPE
    try:
        ready = process.stdout.readline()
        if not ready.startswith("ready https="):
            raise BadInput(field="Service", reason="it does not start")
        yield f"https://{ready.strip().partition('=')[2]}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def make_agents(fleet: Fleet, folder: Path, url: str, count: int) -> list[Agent]:
    """Agents that are registered with the service, as in the factory, and did not enrol yet."""
    trust = msgspec.structs.replace(fleet.trust(""), url=url)
    prefix = f"SIM-{time.time_ns() // 10**6 % 10**9}"
    rows, agents = [], []
    for number in range(count):
        serial = f"{prefix}-{number:05d}"
        agents.append(make_agent(folder / serial, msgspec.structs.replace(trust, serial=serial)))
        identity = Membership(folder / serial / "vendor").identity.fingerprint
        rows.append({"serial": serial, "identity": identity, "registered_at": stamp(), "versions": {}})
    with fleet.store.write() as session:
        session.execute(insert(Box), rows)
    return agents


def simulate(fleet: Fleet, *, boxes: int, seconds: float, progress: bool = False) -> dict[str, float]:
    """Let agents enrol, then tell how they are, one heartbeat after another, for some seconds; what it cost."""
    _check(fleet)
    fleet.store.migrate()
    with tempfile.TemporaryDirectory(prefix="bucky-boxes-") as name, served(fleet) as (url, service):
        agents = make_agents(fleet, Path(name), url, boxes)
        with ThreadPoolExecutor(THREADS) as pool:
            began = time.monotonic()
            list(tqdm(pool.map(Agent.run_once, agents), total=boxes, desc="enrolled", disable=not progress))
            enrolled_s = time.monotonic() - began
            began, used = time.monotonic(), _cpu_s(service)
            sent = _beat(pool, agents, began + seconds)
            took_s, cpu_s = time.monotonic() - began, _cpu_s(service) - used
        failed = sum(sum(agent.failures.values()) for agent in agents)
    return {
        "boxes": boxes,
        "failed": failed,
        "enrolments_a_second": round(boxes / enrolled_s, 1),
        "heartbeats": sent,
        "heartbeats_a_second": round(sent / took_s, 1),
        "cpu_ms_a_heartbeat": round(1000 * cpu_s / sent, 3),
        f"cores_for_{_SCALE}": round(_SCALE / HEARTBEAT_S * cpu_s / sent, 3),
    }


def _beat(pool: ThreadPoolExecutor, agents: list[Agent], deadline: float) -> int:
    """Rounds of all agents until a moment of the monotonic clock, each agent at least once; how many there were."""
    lock, turns, sent = threading.Lock(), itertools.cycle(agents), itertools.count()

    def work(_: int) -> int:
        mine = 0
        while True:
            with lock:
                agent, number = next(turns), next(sent)
            if number >= len(agents) and time.monotonic() >= deadline:
                return mine
            agent.run_once()
            mine += 1

    return sum(pool.map(work, range(min(THREADS, len(agents)))))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _check(fleet: Fleet) -> None:
    """Only a service made for loopback: simulated boxes must not come into the list of real ones."""
    found = x509.load_pem_x509_certificate(fleet.authority.server_certificate_file.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if [str(name.value) for name in names] != [HOST] or fleet.config.proxies:
        reason = f"make one for trials: bucky-fleet init --host {HOST}, no other host, no --proxy"
        raise BadInput(field="Service", reason=reason)
