"""C-STORE data sets go to the archive's disk as they arrive, so that memory does not grow with the image."""

from typing import TYPE_CHECKING, Protocol

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import P_DATA

from appliance.dimse.command import IS_COMMAND, IS_LAST, StoreRequest, read_store_request, store_response

if TYPE_CHECKING:
    from pynetdicom.dimse import DimsePrimitiveType  # type: ignore[attr-defined]  # a name that pynetdicom does not export

_LONGEST_COMMAND_BYTES = 1 << 16
_LONGEST_IDENTIFIER_BYTES = 1 << 24  # data sets of all other messages stay in memory


class Arrival(Protocol):
    """An instance on its way in; nothing here raises."""

    request: StoreRequest

    def write(self, part: memoryview) -> None:
        """Some more bytes of its data set, valid during the call."""

    def finish(self) -> int:
        """Make it durable; the status to answer (PS3.4 B.2.3)."""

    def discard(self) -> None:
        """Forget it."""


class Storage(Protocol):
    """Where instances go."""

    def begin(self, association: Association, request: StoreRequest, transfer_syntax_uid: str) -> Arrival:
        """An instance whose data set follows."""


class StreamingDimse(DIMSEServiceProvider):
    """A DIMSE provider that serves C-STORE by itself and leaves every other message to pynetdicom."""

    def __init__(self, association: Association, storage: Storage) -> None:
        super().__init__(association)
        self._storage = storage
        self.storing: Arrival | None = None
        """What the next data values belong to, if that is a C-STORE."""
        self._command = b""
        self._identifier_bytes = 0
        self._finished: int | None = None

    def send_msg(self, primitive: "DimsePrimitiveType", context_id: int) -> None:
        """Send, unless the request that this would answer has had its final answer (see `finish`)."""
        if self._finished is not None and primitive.MessageIDBeingRespondedTo == self._finished:
            self._finished = None
            return
        super().send_msg(primitive, context_id)

    def finish(self, primitive: "DimsePrimitiveType", context_id: int) -> None:
        """Send a request's final answer and drop the one that pynetdicom's own service class makes after it.

        Its C-GET and C-MOVE hold whole data sets in memory, encode them anew and know too few statuses; ours run
        inside its events and answer for themselves.
        """
        self.send_msg(primitive, context_id)
        self._finished = primitive.MessageIDBeingRespondedTo

    def receive_value(self, context_id: int, control: int, content: bytes) -> None:
        """One presentation data value of anything but the data set of a C-STORE; raises ValueError for bad ones."""
        if control & IS_COMMAND:
            self._command += content
            if len(self._command) > _LONGEST_COMMAND_BYTES:
                raise ValueError("command set too long")
            if not control & IS_LAST:
                return
            content, self._command = self._command, b""
            request = read_store_request(context_id, content)
            if request is not None:
                self._begin(request)
                return
            self._identifier_bytes = 0
        self._identifier_bytes += len(content)
        if self._identifier_bytes > _LONGEST_IDENTIFIER_BYTES:
            raise ValueError("data set too long")
        single = P_DATA()
        single.presentation_data_value_list = [[context_id, bytes([control]) + content]]  # type: ignore[list-item]  # pynetdicom sets lists itself
        self.receive_primitive(single)

    def store(self) -> bytes:
        """The instance has arrived as a whole: make it durable; returns the answer's PDU."""
        arrival, self.storing = self.storing, None
        assert arrival is not None  # noqa: S101 - the caller has just written to it
        return store_response(arrival.request, arrival.finish())

    def _begin(self, request: StoreRequest) -> None:
        context = self.assoc._accepted_cx.get(request.context_id)
        if context is None:
            raise ValueError("presentation context was not accepted")
        self.storing = self._storage.begin(self.assoc, request, str(context.transfer_syntax[0]))
