"""C-STORE requests and the answers of C-STORE and C-FIND as bytes (PS3.7 6.3.1, 9.3.1, 9.3.2; PS3.8 9.3.5).

pynetdicom makes a data set and a primitive of each message; for the messages of which there are thousands this is most
of the receiver's time.
"""

import struct
from dataclasses import dataclass

IS_COMMAND, IS_LAST = 0x01, 0x02  # message control header, PS3.8 E.2
_C_STORE_RQ, _C_STORE_RSP = 0x0001, 0x8001
_C_FIND_RSP = 0x8020
_WITH_DATA_SET, _NO_DATA_SET = 0x0001, 0x0101
_PENDING = 0xFF00
_ELEMENT = struct.Struct("<HHL")
_US = struct.Struct("<H")
_SOP_CLASS, _FIELD, _MESSAGE_ID, _ANSWERED_ID = 0x0002, 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _SOP_INSTANCE = 0x0800, 0x0900, 0x1000


@dataclass(frozen=True)
class StoreRequest:
    """A C-STORE-RQ whose data set follows; a UID is empty where the command has none."""

    context_id: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str


def read_store_request(context_id: int, command_set: bytes) -> StoreRequest | None:
    """The request, or None for any other message and for whatever is not well-formed."""
    try:
        elements = _elements(command_set)
        if _us(elements[_FIELD]) != _C_STORE_RQ or _us(elements[_DATA_SET_TYPE]) == _NO_DATA_SET:
            return None
        return StoreRequest(
            context_id=context_id,
            message_id=_us(elements[_MESSAGE_ID]),
            sop_class_uid=_uid(elements.get(_SOP_CLASS, b"")),
            sop_instance_uid=_uid(elements.get(_SOP_INSTANCE, b"")),
        )
    except (KeyError, ValueError, struct.error):
        return None


def store_response(request: StoreRequest, status: int) -> bytes:
    """The P-DATA-TF PDU of the C-STORE-RSP."""
    elements = b"".join(
        (
            _named(_SOP_CLASS, request.sop_class_uid),
            _element(_FIELD, _US.pack(_C_STORE_RSP)),
            _element(_ANSWERED_ID, _US.pack(request.message_id)),
            _element(_DATA_SET_TYPE, _US.pack(_NO_DATA_SET)),
            _element(_STATUS, _US.pack(status)),
            _named(_SOP_INSTANCE, request.sop_instance_uid),
        )
    )
    group_length = _element(0x0000, struct.pack("<L", len(elements)))
    return p_data(request.context_id, IS_COMMAND | IS_LAST, group_length + elements)


def p_data(context_id: int, control: int, content: bytes) -> bytes:
    """A P-DATA-TF PDU with one presentation data value."""
    return struct.pack(">BBLLBB", 0x04, 0, len(content) + 6, len(content) + 2, context_id, control) + content


def _elements(command_set: bytes) -> dict[int, bytes]:
    """Element number to value, of group 0000."""
    found, at = {}, 0
    while at < len(command_set):
        group, element, length = _ELEMENT.unpack_from(command_set, at)
        at += _ELEMENT.size
        if group != 0 or at + length > len(command_set):
            raise ValueError
        found[element] = command_set[at : at + length]
        at += length
    return found


def _element(number: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, number, len(value)) + value


def _named(number: int, uid: str) -> bytes:
    """Optional in an answer: what the request did not name, the answer does not name either."""
    return _element(number, _uid_bytes(uid)) if uid else b""


def _us(value: bytes) -> int:
    return int(_US.unpack(value)[0])


def _uid(value: bytes) -> str:
    return value.decode("ascii").strip("\0 ")


def _uid_bytes(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)


def pending_response(context_id: int, message_id: int, sop_class_uid: str) -> bytes:
    """The P-DATA-TF PDU of a C-FIND-RSP with status pending, whose identifier follows (PS3.7 9.3.2.2)."""
    elements = b"".join(
        (
            _element(_SOP_CLASS, _uid_bytes(sop_class_uid)),
            _element(_FIELD, _US.pack(_C_FIND_RSP)),
            _element(_ANSWERED_ID, _US.pack(message_id)),
            _element(_DATA_SET_TYPE, _US.pack(_WITH_DATA_SET)),
            _element(_STATUS, _US.pack(_PENDING)),
        )
    )
    return p_data(context_id, IS_COMMAND | IS_LAST, _element(0x0000, struct.pack("<L", len(elements))) + elements)


def data_set_pdus(context_id: int, content: bytes, longest_pdu_bytes: int) -> bytes:
    """The P-DATA-TF PDUs of a data set; a length of 0 is no limit (PS3.8 D.1)."""
    most = longest_pdu_bytes - 6 if longest_pdu_bytes else len(content)
    parts = [content[at : at + most] for at in range(0, len(content), most)]
    return b"".join(
        p_data(context_id, IS_LAST if number == len(parts) else 0, part) for number, part in enumerate(parts, 1)
    )
