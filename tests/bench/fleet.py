"""What the vendor's service costs on SQLite and on PostgreSQL, and where a bad rollout to ten thousand boxes halts.

Two measurements for each database: real agents over TLS against the service as a process, and ten thousand boxes whose
heartbeats go straight into the application, as they come from nginx, which ends TLS in production.

`python -m tests.bench.fleet --boxes 500 --agents 20 --seconds 3` is a short run.
"""

import argparse
import contextlib
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

from provisioning.fleet.rollouts import RINGS
from provisioning.fleet.service import Config, Fleet
from provisioning.protocol.messages import HEARTBEAT_S
from provisioning.simulator import HOST, simulate
from tests.bench.bars import Bars
from tests.crowd import Simulated, beat, make_boxes, tell_release
from tests.postgres import postgres

BAR_CORES = 1.0
BAD_RING = 2
"""The release is good in the first ring and returned by four boxes in a hundred in the second."""
_EVERY = 25


def main() -> int:
    """Measure and print; 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    bars = Bars()
    with tempfile.TemporaryDirectory(prefix="bucky-fleet-") as name, postgres() as url:
        for kind, database in (("SQLite", ""), ("PostgreSQL", url)):
            fleet = _service(Path(name) / kind, database)
            boxes = make_boxes(fleet, args.boxes)
            _agents(bars, kind, fleet, args)
            fleet.config = msgspec.structs.replace(fleet.config, proxies=[HOST])  # from here on, nginx is in front
            _rollout(bars, kind, fleet, boxes)
            fleet.store.engine.dispose()
    print(f"\n{bars.met} bars met, {len(bars.missed)} not: {'; '.join(bars.missed) or 'none'}")
    return 1 if bars.missed else 0


def _service(folder: Path, database: str) -> Fleet:
    config = Config(url=f"https://{HOST}", database=database)
    Fleet(folder).create(config, hosts=[HOST], offline=folder / "offline")
    return Fleet(folder)


def _agents(bars: Bars, kind: str, fleet: Fleet, args: argparse.Namespace) -> None:
    """Real agents, a full handshake at every heartbeat; the list has all the boxes."""
    figures = simulate(fleet, boxes=args.agents, seconds=args.seconds)
    print(f"{kind}, agents over TLS: {figures}")
    bars.below(f"{kind}: heartbeats of real agents that failed", figures["failed"], 0)
    bars.note(f"{kind}: cores for 10000 boxes at 60 s, TLS by the service itself", figures["cores_for_10000"])


def _rollout(bars: Bars, kind: str, fleet: Fleet, boxes: list[Simulated]) -> None:
    """Every box calls in every ring, takes what it is offered or returns it, and tells so; rings follow at once.

    The first ring's round is the measured one: a heartbeat costs most while something is rolled out.
    """
    client = fleet.app().test_client()
    fleet.rollouts.start("9.9", who="bench", soak_s=0)
    known: set[str] = set()
    for ring in range(1, len(RINGS) + 1):
        database, began, used = _database_s(), time.monotonic(), time.process_time()
        for box in boxes:
            beat(client, box, ring)
            if box.told and box.told.release_version and box.serial not in known:
                known.add(box.serial)
                _answer(client, box, good=ring < BAD_RING or len(known) % _EVERY != 0)
        if ring == 1:
            took_s, cpu_s = time.monotonic() - began, time.process_time() - used
            _told(bars, kind, len(boxes), took_s, cpu_s, _database_s() - database)
        fleet.rollouts.advance()
        if fleet.rollouts.all()[0][0].state != "running":
            break
    ((found, offered, bad),) = fleet.rollouts.all()
    print(f"{kind}: {found.state} in ring {found.ring + 1} of {len(RINGS)}; {bad} of {offered} boxes returned it")
    bars.above(f"{kind}: ring in which a bad release halts, not before", found.ring + 1, BAD_RING)
    bars.below(f"{kind}: ring in which a bad release halts, not after", found.ring + 1, BAD_RING)


def _told(bars: Bars, kind: str, boxes: int, took_s: float, cpu_s: float, database_s: float) -> None:
    """What the service itself needs when nginx ends TLS."""
    print(
        f"{kind}, {boxes} boxes behind nginx: {boxes / took_s:.0f} heartbeats a second,"
        f" {1000 * cpu_s / boxes:.2f} ms CPU each,"
        f" {1000 * database_s / boxes:.2f} ms more in the database's own processes"
    )
    cores = round(cpu_s / HEARTBEAT_S, 3)
    bars.below(f"{kind}: cores for {boxes} boxes at 60 s behind nginx", cores, BAR_CORES)


def _database_s() -> float:
    """CPU seconds of PostgreSQL's processes, which are children of this one."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.name() == "postgres":
                times = child.cpu_times()
                total += times.user + times.system
    return total


def _answer(client: object, box: Simulated, *, good: bool) -> None:
    if good:
        box.release = "9.9"
    tell_release(client, box, done=good)


if __name__ == "__main__":
    raise SystemExit(main())
