"""Messages as bytes agree with pynetdicom's own reading and writing of them."""

import struct
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import P_DATA_TF

from appliance.dimse.command import data_set_pdus, p_data, pending_response, read_store_request, store_response

CT = "1.2.840.10008.5.1.4.1.1.2"


def command(**elements: object) -> bytes:
    """A C-STORE-RQ by pydicom."""
    ds = Dataset()
    said: dict[str, object] = {
        "AffectedSOPClassUID": CT,
        "CommandField": 1,
        "MessageID": 7,
        "Priority": 0,
        "CommandDataSetType": 1,
        "AffectedSOPInstanceUID": "1.2.3.44",
        **elements,
    }
    for keyword, value in said.items():
        setattr(ds, keyword, value)
    content = encode(ds, True, True)
    assert content is not None
    return struct.pack("<HHLL", 0, 0, 4, len(content)) + content


def test_a_request_is_read() -> None:
    """All that the archive and the answer need."""
    found = read_store_request(3, command())
    assert found is not None
    assert (found.context_id, found.message_id, found.sop_class_uid, found.sop_instance_uid) == (3, 7, CT, "1.2.3.44")


@pytest.mark.parametrize(
    "content",
    [
        command(CommandField=0x20),
        command(CommandDataSetType=0x0101),
        command()[:-3],
        b"\x08\x00" + command()[2:],
        b"",
        struct.pack("<HHL", 0, 0x0100, 0xFFFFFFFF),
    ],
)
def test_other_messages_and_bad_bytes_are_left_to_pynetdicom(content: bytes) -> None:
    """None, and no exception."""
    assert read_store_request(1, content) is None


def test_a_request_that_names_nothing_is_answered_all_the_same() -> None:
    """Its UIDs are empty, and the answer names none: one bad picture does not end the association."""
    request = read_store_request(5, command(AffectedSOPClassUID=None, AffectedSOPInstanceUID=None))
    assert request is not None
    assert (request.sop_class_uid, request.sop_instance_uid) == ("", "")
    ds = _command_of(store_response(request, 0xC000), 5)
    assert (ds.MessageIDBeingRespondedTo, ds.Status) == (7, 0xC000)
    assert "AffectedSOPClassUID" not in ds
    assert "AffectedSOPInstanceUID" not in ds


def test_an_answer_is_read_by_pynetdicom() -> None:
    """Status, message and instance come back."""
    request = read_store_request(5, command())
    assert request is not None
    ds = _command_of(store_response(request, 0xA700), 5)
    assert (ds.CommandField, ds.MessageIDBeingRespondedTo, ds.Status) == (0x8001, 7, 0xA700)
    assert (ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID) == (CT, "1.2.3.44")
    assert ds.CommandDataSetType == 0x0101
    ds = _command_of(pending_response(9, 8, CT), 9)
    assert (ds.CommandField, ds.MessageIDBeingRespondedTo, ds.Status) == (0x8020, 8, 0xFF00)
    assert ds.CommandDataSetType != 0x0101


def test_a_data_set_is_cut_to_what_the_peer_takes() -> None:
    """Each PDU within the limit, the last one marked, nothing lost."""
    content = bytes(range(250)) * 2
    pdus, at, got = data_set_pdus(1, content, 106), 0, b""
    while at < len(pdus):
        length = struct.unpack_from(">L", pdus, at + 2)[0]
        assert length <= 106
        got += pdus[at + 12 : at + 6 + length]
        last = pdus[at + 11]
        at += 6 + length
    assert (got, last) == (content, 2)
    assert data_set_pdus(1, content, 0) == p_data(1, 2, content)


def _command_of(pdu: bytes, context_id: int) -> Dataset:
    found = P_DATA_TF()
    found.decode(pdu)
    (item,) = found.presentation_data_value_items
    assert item.presentation_context_id == context_id
    content = item.presentation_data_value
    assert content[0] == 3
    ds = decode(BytesIO(content[1:]), True, True)
    assert ds.CommandGroupLength == len(content) - 1 - 12
    return ds
