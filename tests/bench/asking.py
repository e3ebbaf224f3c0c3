"""C-FIND on an open association by a client that reads no more of the answers than their status.

pynetdicom as a client takes longer for each answer than both servers that are measured, and it takes it from both.
"""

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dimse_messages import C_FIND_RQ
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    A_RELEASE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from appliance.archive.blobs import IMPLEMENTATION_CLASS_UID
from tests.box import HOST

STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
_CONTEXT, _LONGEST_PDU = 1, 16_382
_ACCEPTED, _P_DATA = 2, 4  # types of PDUs, PS3.8 9.3
_STATUS = b"\x00\x00\x00\x09\x02\x00\x00\x00"  # (0000,0900) and its length, implicit little endian
_PENDING = (0xFF00, 0xFF01)


class Asking:
    """An association that asks study queries one after the other; raises AssertionError for a refusal."""

    def __init__(self, port: int, called: str, calling: str) -> None:
        self._line = socket.create_connection((HOST, port), timeout=120)
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._line.makefile("rb")
        self._message = 0
        self._line.sendall(_request(called, calling))
        kind, _ = self._pdu()
        assert kind == _ACCEPTED, f"{called} refuses the association"

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        release = A_RELEASE_RQ()
        release.from_primitive(A_RELEASE())
        self._line.sendall(release.encode())
        self._stream.close()
        self._line.close()

    def count(self, keys: Mapping[str, str], returned: Sequence[str]) -> int:
        """How many studies match."""
        self._message += 1
        self._line.sendall(_query(self._message, keys, returned))
        for found, status in enumerate(self._statuses()):
            if status not in _PENDING:
                assert status == 0, f"the query ends with 0x{status:04X}"
                return found
        raise AssertionError("the answers end without a status")

    def _statuses(self) -> Iterator[int]:
        """Of the command sets of the answers; data sets are passed over."""
        while True:
            kind, body = self._pdu()
            assert kind == _P_DATA, f"a PDU of type {kind}"
            at = 0
            while at < len(body):
                (length,) = struct.unpack_from(">I", body, at)
                if body[at + 5] & 1:
                    place = body.index(_STATUS, at) + len(_STATUS)
                    yield int.from_bytes(body[place : place + 2], "little")
                at += 4 + length

    def _pdu(self) -> tuple[int, bytes]:
        # at once, or a server that waits for it is measured by the 40 ms of a delayed acknowledgement
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        kind, length = struct.unpack(">BxI", self._stream.read(6))
        return kind, self._stream.read(length)


def _request(called: str, calling: str) -> bytes:
    asked = A_ASSOCIATE()
    asked.application_context_name = UID("1.2.840.10008.3.1.1.1")
    asked.called_ae_title, asked.calling_ae_title = called, calling
    context = build_context(STUDY_ROOT_FIND, ExplicitVRLittleEndian)
    context.context_id = _CONTEXT
    asked.presentation_context_definition_list = [context]
    longest, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    longest.maximum_length_received = _LONGEST_PDU
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    asked.user_information = [longest, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(asked)
    return pdu.encode()


def _query(number: int, keys: Mapping[str, str], returned: Sequence[str]) -> bytes:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    for keyword, value in {**dict.fromkeys(returned, ""), **keys}.items():
        setattr(identifier, keyword, value)
    asked = C_FIND()
    asked.MessageID, asked.AffectedSOPClassUID, asked.Priority = number, STUDY_ROOT_FIND, 2
    content = encode(identifier, is_implicit_vr=False, is_little_endian=True)
    assert content
    asked.Identifier = BytesIO(content)
    message, sent = C_FIND_RQ(), b""
    message.primitive_to_message(asked)
    for fragment in message.encode_msg(_CONTEXT, _LONGEST_PDU):
        pdu = P_DATA_TF()
        pdu.from_primitive(fragment)
        sent += pdu.encode()
    return sent
