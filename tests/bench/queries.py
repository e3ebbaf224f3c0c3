"""Queries beside Orthanc on the same studies: C-FIND on an open association, and QIDO-RS."""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import urlencode

import requests
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association

from appliance.association import RequestorAE
from appliance.dimse.listener import without_delay
from tests.bench.bars import Bars
from tests.bench.fill import FAMILIES, attributes, fill
from tests.box import HOST, Box
from tests.orthanc import Orthanc

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
RETURNED = ("StudyInstanceUID", "PatientName", "PatientID", "StudyDate", "AccessionNumber")
Times = dict[str, dict[str, list[float]]]  # query -> server -> seconds


def measure(bars: Bars, box: Box, orthanc: Orthanc, sizes: Sequence[int], repeats: int) -> None:
    """Grow both archives and ask both the same questions, in turn."""
    held, one_hit = 0, []
    for size in sizes:
        fill(box.data, size, begin=held)
        _fill_orthanc(orthanc, held, size)
        held = size
        times = _find(box, orthanc, size, repeats)
        one_hit.append(_quantile(times["one hit by patient id"]["box"], 50))
        _show(bars, f"C-FIND, {size} studies", times, large=size >= 100_000)
        _show_qido(bars, size, _qido(box, orthanc, size, repeats))
    if len(one_hit) > 1:
        bars.below(f"growth of a one-hit query from {sizes[0]} to {sizes[-1]}", one_hit[-1] / one_hit[0], 1.25)


def _questions(size: int, seed: int) -> dict[str, dict[str, str]]:
    known = attributes(random.Random(seed).randrange(size))
    family = f"FAM{seed % FAMILIES:02d}*" if size <= 10_000 else f"FAM{seed % FAMILIES:02d}^Bello{1 + seed % 9}*"
    return {
        "one hit by patient id": {"PatientID": known["PatientID"]},
        "one hit by accession number": {"AccessionNumber": known["AccessionNumber"]},
        "name prefix": {"PatientName": family},
    }


def _find(box: Box, orthanc: Orthanc, size: int, repeats: int) -> Times:
    box.accept("BENCH")
    with _Asking(box.dicom_port, "BUCKY") as ours, _Asking(orthanc.dicom_port, "ORTHANC") as theirs:
        times: Times = {}
        for seed in range(repeats):
            for label, keys in _questions(size, seed).items():
                found = {}
                for name, association in (("box", ours), ("Orthanc", theirs)):
                    began = time.monotonic()
                    found[name] = sum(1 for _ in _answers(association, keys))
                    times.setdefault(label, {}).setdefault(name, []).append(time.monotonic() - began)
                assert found["box"] == found["Orthanc"] > 0, (label, keys, found)
        return times


class _Asking:
    def __init__(self, port: int, title: str) -> None:
        ae = RequestorAE(ae_title="BENCH")
        ae.add_requested_context(STUDY_ROOT_FIND, ExplicitVRLittleEndian)
        self._made = ae.associate(HOST, port, ae_title=title, evt_handlers=[(evt.EVT_CONN_OPEN, without_delay)])
        assert self._made.is_established

    def __enter__(self) -> Association:
        return self._made

    def __exit__(self, *_: object) -> None:
        self._made.release()


def _answers(association: Association, keys: dict[str, str]) -> Iterator[Dataset]:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    for keyword in RETURNED:
        setattr(query, keyword, "")
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    for status, ds in association.send_c_find(query, STUDY_ROOT_FIND):
        assert status.get("Status") in (0xFF00, 0x0000), f"{association.acceptor.ae_title} answers {status}"
        if ds is not None:
            yield ds


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
