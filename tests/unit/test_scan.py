"""Hostile data sets cost the receiver neither its memory nor its life."""

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.archive.blobs import Provenance, file_preamble
from appliance.dicom.record import CommandUids, InstanceRecord, read_record

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
PATIENT = b"\x10\x00\x20\x00LO\x04\x00ID42"
SEQUENCE = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"  # (0008,1140) of undefined length
ITEM, ITEM_END, SEQUENCE_END = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\x00\x00\x00\x00",
    b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
)


def record_of(folder: Path, data_set: bytes, syntax: str = EXPLICIT) -> InstanceRecord:
    """The record of a stored file with these bytes."""
    said = CommandUids("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4", syntax)
    path = folder / "stored.dcm"
    path.write_bytes(
        file_preamble(said, Provenance("dimse", "DX1", "127.0.0.1", "2026-11-24T00:00:00.000000Z")) + data_set
    )
    return read_record(path, said)


def peak_bytes(folder: Path, data_set: bytes) -> tuple[InstanceRecord, int]:
    """The record and the most memory that reading took, the file's own bytes not counted."""
    record_of(folder, PATIENT)
    tracemalloc.start()
    said = CommandUids("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4", EXPLICIT)
    path = folder / "bomb.dcm"
    path.write_bytes(file_preamble(said, Provenance("", "", "", "")) + data_set)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    record = read_record(path, said)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return record, peak - before


CLOSED = (SEQUENCE_END + ITEM_END) * 100_000 + SEQUENCE_END
BOMBS = {
    "nested and never closed": SEQUENCE + (ITEM + SEQUENCE) * 200_000,
    "nested": SEQUENCE + (ITEM + SEQUENCE) * 100_000 + CLOSED + PATIENT,
    "tiny elements": SEQUENCE + ITEM + b"\x08\x00\x55\x11UI\x00\x00" * 300_000 + ITEM_END + SEQUENCE_END + PATIENT,
    "big": b"\x08\x00\x40\x11SQ\x00\x00" + struct.pack("<L", 24_000_000) + bytes(24_000_000) + PATIENT,
    "long name": b"\x08\x00\x90\x00PN\xff\xff" + b"A" * 65_535 + PATIENT,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_read_in_bounded_memory(bomb: str, tmp_path: Path) -> None:
    """Whatever is nested or repeated is skipped; what stands behind it is found unless the bomb never ends."""
    record, peak = peak_bytes(tmp_path, BOMBS[bomb])
    assert peak < 2_000_000
    assert record.sop_instance_uid == "1.2.3.4"
    assert (record.study["patient_id"] == "ID42") != ("header-unreadable" in record.problems)


def test_a_wanted_sequence_that_is_a_bomb_is_left_empty(tmp_path: Path) -> None:
    """Species codes nested 2,000 levels deep: no meaning, no crash."""
    opened = b"\x10\x00\x02\x22SQ\x00\x00\xff\xff\xff\xff"
    bomb = PATIENT + opened + (ITEM + opened) * 2_000 + (SEQUENCE_END + ITEM_END) * 2_000 + SEQUENCE_END
    record = record_of(tmp_path, bomb)
    assert record.study["patient_id"] == "ID42"
    assert record.study["patient_species_description"] is None


def test_mislabelled_value_representations_are_noticed(tmp_path: Path) -> None:
    """Implicit elements under an explicit transfer syntax and the other way round."""
    implicit = b"\x10\x00\x20\x00\x04\x00\x00\x00ID42"
    assert record_of(tmp_path, implicit, EXPLICIT).study["patient_id"] == "ID42"
    assert record_of(tmp_path, PATIENT, IMPLICIT).study["patient_id"] == "ID42"
    assert record_of(tmp_path, b"\x00\x10\x00\x20LO\x00\x04ID42", BIG).study["patient_id"] == "ID42"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG, "1.2.3"]))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes, syntax: str) -> None:
    """The record of anything names at least the instance that the command named, or what the bytes say."""
    record = record_of(tmp_path_factory.getbasetemp(), content, syntax)
    assert record.sop_instance_uid
