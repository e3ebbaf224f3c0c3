"""Memory and processor at rest, and with silent associations."""

import time
from collections.abc import Sequence

import psutil

from appliance.association import RequestorAE
from tests.bench.bars import Bars
from tests.bench.fill import fill
from tests.box import HOST, Box

_SETTLE_S = 8.0
_LOOK_S = 20.0
_SILENT = 10


def measure(bars: Bars, box: Box, studies: int) -> None:
    """All roles and the supervisor, with so many studies."""
    fill(box.data, studies)
    time.sleep(_SETTLE_S)
    assert box.process is not None
    roles = {name: process.pid for name, process in box.roles().items()}
    pids = [*roles.values(), box.process.pid]
    bars.text(f"At rest, {studies} studies")
    for name, pid in roles.items():
        if name != "receiver":
            bars.note(f"{name}, MiB (PSS)", _pss_mib([pid]))
    bars.below("receiver, MiB (PSS)", _pss_mib([roles["receiver"]]), 75)
    bars.below("all roles, MiB (PSS)", _pss_mib(pids), 220)
    bars.below("all roles, % of a core", _cpu_percent(pids), 1.0)
    ae = RequestorAE(ae_title="BENCH")
    ae.add_requested_context("1.2.840.10008.1.1")
    box.accept("BENCH")
    silent = [ae.associate(HOST, box.dicom_port) for _ in range(_SILENT)]
    assert all(association.is_established for association in silent)
    bars.below(f"all roles, % of a core, {_SILENT} silent associations", _cpu_percent(pids), 3.0)
    for association in silent:
        association.release()


def _pss_mib(pids: Sequence[int]) -> float:
    return float(sum(psutil.Process(pid).memory_full_info().pss for pid in pids)) / 2**20


def _cpu_percent(pids: Sequence[int]) -> float:
    before = _cpu_s(pids)
    time.sleep(_LOOK_S)
    return (_cpu_s(pids) - before) / _LOOK_S * 100


def _cpu_s(pids: Sequence[int]) -> float:
    return float(sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids))
