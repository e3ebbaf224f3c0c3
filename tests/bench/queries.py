"""Queries beside Orthanc on the same studies: C-FIND on an open association, and QIDO-RS."""

import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import urlencode

import requests
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.bench.asking import Asking
from tests.bench.bars import Bars
from tests.bench.fill import FAMILIES, attributes, fill
from tests.box import Box
from tests.orthanc import Orthanc

CALLING = "BENCH"
RETURNED = ("StudyInstanceUID", "PatientName", "PatientID", "StudyDate", "AccessionNumber")
Times = dict[str, dict[str, list[float]]]  # query -> server -> seconds


def measure(bars: Bars, box: Box, orthanc: Orthanc, sizes: Sequence[int], repeats: int) -> None:
    """Grow both archives and ask both the same questions, in turn."""
    held = 0
    for size in sizes:
        fill(box.data, size, begin=held)
        _fill_orthanc(orthanc, held, size)
        held = size
        _show(bars, f"C-FIND, {size} studies", _find(box, orthanc, size, repeats), large=size >= 100_000)
        _show_qido(bars, size, _qido(box, orthanc, size, repeats))
    if len(sizes) > 1:
        bars.below(f"growth of a one-hit query from {sizes[0]} to {held}", _growth(box, held, sizes[0], repeats), 1.25)


def _growth(large: Box, held: int, size: int, repeats: int) -> float:
    """The time that the large box takes over that of one with fewer studies: both are asked in turn."""
    small = Box(large.data.with_name("small")).set_up()
    fill(small.data, size)
    small.accept(CALLING)
    try:
        small.start()
        times: list[tuple[float, float]] = []
        with _asking(large.dicom_port) as many, _asking(small.dicom_port) as few:
            for seed in range(repeats):
                sides = ((many, _questions(held, seed)), (few, _questions(size, seed)))
                times.append((_time_of_one_hit(*sides[0]), _time_of_one_hit(*sides[1])))
    finally:
        small.stop()
    return statistics.median(one for one, _ in times) / statistics.median(other for _, other in times)


def _time_of_one_hit(association: Asking, questions: dict[str, dict[str, str]]) -> float:
    began = time.monotonic()
    assert association.count(questions["one hit by patient id"], RETURNED) == 1
    return time.monotonic() - began


def _asking(port: int, title: str = "BUCKY") -> Asking:
    return Asking(port, title, CALLING)


def _questions(size: int, seed: int) -> dict[str, dict[str, str]]:
    known = attributes(random.Random(seed).randrange(size))
    family = f"FAM{seed % FAMILIES:02d}*" if size <= 10_000 else f"FAM{seed % FAMILIES:02d}^Bello{1 + seed % 9}*"
    return {
        "one hit by patient id": {"PatientID": known["PatientID"]},
        "one hit by accession number": {"AccessionNumber": known["AccessionNumber"]},
        "name prefix": {"PatientName": family},
    }


def _find(box: Box, orthanc: Orthanc, size: int, repeats: int) -> Times:
    box.accept(CALLING)
    with _asking(box.dicom_port) as ours, _asking(orthanc.dicom_port, "ORTHANC") as theirs:
        times: Times = {}
        for seed in range(repeats):
            for label, keys in _questions(size, seed).items():
                found = {}
                for name, association in (("box", ours), ("Orthanc", theirs)):
                    began = time.monotonic()
                    found[name] = association.count(keys, RETURNED)
                    times.setdefault(label, {}).setdefault(name, []).append(time.monotonic() - began)
                assert found["box"] == found["Orthanc"] > 0, (label, keys, found)
        return times


def _qido(box: Box, orthanc: Orthanc, size: int, repeats: int) -> Times:
    token = str(box.facts("token", "create", f"bench-{size}", "--role", "viewer")["token"])
    session = requests.Session()

    def ask(service: str, headers: dict[str, str], keys: dict[str, str]) -> requests.Response:
        plain = {name: value.replace("^", "?") for name, value in keys.items()}  # which is %5E in an address, and
        asked = urlencode({**plain, "limit": "300"}, safe="*?")  # Orthanc's plugin does not read what is escaped
        return session.get(f"{service}/studies?{asked}", headers=headers, timeout=60)

    sides = (
        ("box", box.dicomweb, {"Authorization": f"Bearer {token}"}),
        ("Orthanc", orthanc.dicomweb, {"Accept": "application/dicom+json"}),
    )
    times: Times = {}
    for seed in range(repeats):
        for label, keys in _questions(size, seed).items():
            found = {}
            for name, service, headers in sides:
                began = time.monotonic()
                answer = ask(service, headers, keys)
                times.setdefault(label, {}).setdefault(name, []).append(time.monotonic() - began)
                answer.raise_for_status()
                found[name] = len(answer.json())
            assert found["box"] == found["Orthanc"] > 0, (label, keys, found)
    return times


def _quantile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] * 1000


def _show(bars: Bars, title: str, times: Times, *, large: bool) -> None:
    bars.text(f"{title}: milliseconds, p50 / p95")
    for label, by in times.items():
        for percent in (50, 95):
            ours, theirs = _quantile(by["box"], percent), _quantile(by["Orthanc"], percent)
            bar = 0.5 if large else 1.5 if label == "name prefix" else 1.0
            bars.below(f"{label}, p{percent}: {ours:.1f}, Orthanc {theirs:.1f}; x Orthanc", ours / theirs, bar)


def _show_qido(bars: Bars, size: int, times: Times) -> None:
    bars.text(f"QIDO-RS, {size} studies: milliseconds, p50")
    for label, by in times.items():
        ours, theirs = _quantile(by["box"], 50), _quantile(by["Orthanc"], 50)
        bars.below(f"{label}: {ours:.1f}, Orthanc {theirs:.1f}; x Orthanc", ours / theirs, 1.0)


def _fill_orthanc(orthanc: Orthanc, begin: int, end: int) -> None:
    """Tiny instances by Orthanc's own REST interface, several at a time."""
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda number: orthanc.upload(_tiny(number)), range(begin, end)):
            pass


def _tiny(number: int) -> bytes:
    ds = Dataset()
    for keyword, value in attributes(number).items():
        setattr(ds, keyword, value)
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        UID(ds.SOPInstanceUID),
    )
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
