"""Speed, memory and wear of the box beside its peers, each figure with its bar: `make bench`.

Client is dcmtk's storescu on loopback, and pynetdicom for queries. The box runs whole, with its page and its courier,
which makes previews meanwhile. All servers are measured in turn, round by round, and ratios are taken within a round.
`make bench ARGS="--parts ingest --rounds 1 --dx 4 --ct 40"` is a short run.
"""

import argparse
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import ingest, queries, rest, under_siege, viewers
from tests.bench.bars import Bars
from tests.bench.servers import PEERS, Server, box_server, running
from tests.box import Box

PARTS = ("ingest", "wear", "rest", "queries", "siege", "viewers")
TOOLS = "/usr/sbin:/usr/bin:/sbin"


def main() -> int:
    """Measure and print; 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS[:-1])  # viewers need npm
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, help="beside Orthanc")
    parser.add_argument("--dx", type=int, default=16, help="DX images a measurement")
    parser.add_argument("--ct", type=int, default=200, help="CT images a measurement")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ingest")
    parser.add_argument("--studies", type=int, nargs="+", default=[10_000, 100_000], help="sizes for queries")
    parser.add_argument("--repeats", type=int, default=100, help="times each query is asked")
    parser.add_argument("--visits", type=int, default=3, help="visits of each viewer, with an empty cache")
    args = parser.parse_args()
    missing = [tool for tool in ("storescu", "storescp", "echoscu", "Orthanc") if not shutil.which(tool, path=TOOLS)]
    if missing:
        raise SystemExit(f"{', '.join(missing)} needed: make system")
    bars = Bars()
    with tempfile.TemporaryDirectory(prefix="bucky-bench-") as name:
        _run(bars, Path(name), args)
    print(f"\n{bars.met} bars met, {len(bars.missed)} not: {'; '.join(bars.missed) or 'none'}")
    return 1 if bars.missed else 0


def _run(bars: Bars, folder: Path, args: argparse.Namespace) -> None:
    if "rest" in args.parts:
        box = Box(folder / "resting").set_up()
        try:
            rest.measure(bars, box.start(), args.studies[0])
        finally:
            box.stop()
    if {"ingest", "queries"} & set(args.parts):
        with running(folder, args.peers if "ingest" in args.parts else ()) as (box, orthanc, servers):
            if "ingest" in args.parts:
                ingest.measure(bars, servers, folder, dx=args.dx, ct=args.ct, rounds=args.rounds)
            if "queries" in args.parts:
                queries.measure(bars, box, orthanc, args.studies, args.repeats)
    if "wear" in args.parts:
        _wear(bars, folder, args.dx)
    if "siege" in args.parts:
        ratio = under_siege.measure(folder)
        bars.above("rate under siege to undisturbed", ratio, under_siege.LEAST_RATIO)
    if "viewers" in args.parts:
        viewers.measure(bars, folder / "viewers", runs=args.visits)


def _wear(bars: Bars, folder: Path, dx: int) -> None:
    if os.geteuid() != 0 or not shutil.which("losetup", path=TOOLS):
        bars.text("Bytes written to the disk: needs root, for a disk of its own")
        return
    bars.text("Bytes written to the disk, without derived pictures")
    ingest.wear(bars, _box_on, folder, dx=dx)


def _box_on(disk: Path) -> tuple[Server, Callable[[], None]]:
    """A box on a disk; its courier is halted, because derived pictures are not counted."""
    box = Box(disk / "box").set_up().start()
    box.accept("STORESCU")
    courier = box.roles()["courier"]
    courier.send_signal(signal.SIGSTOP)

    def stop() -> None:
        courier.send_signal(signal.SIGCONT)
        box.stop()

    return box_server(box), stop


if __name__ == "__main__":
    raise SystemExit(main())
