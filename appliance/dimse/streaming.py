"""C-STORE data sets go to the archive's disk as they arrive, so that memory does not grow with the image."""

from io import BytesIO
from typing import TYPE_CHECKING, cast

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from appliance.archive.blobs import Incoming
from appliance.archive.intake import Intake, as_disk_full
from appliance.dicom.record import CommandUids
from appliance.dimse.policy import provenance_of

if TYPE_CHECKING:
    from pynetdicom.dimse import DimsePrimitiveType  # type: ignore[attr-defined]


class DataSetSink(BytesIO):
    """Takes the place of pynetdicom's buffer of a C-STORE data set and writes it to the archive's disk.

    A failure is kept, not raised: the rest of the message must still be read before it can be answered.
    """

    def __init__(self, intake: Intake, said: CommandUids, association: Association) -> None:
        super().__init__()
        self._intake = intake
        self._said = said
        self._association = association
        self.incoming: Incoming | None = None
        self.failure: BaseException | None = None

    def write(self, chunk: bytes) -> int:  # type: ignore[override]  # pynetdicom writes bytes only
        """Append to the incoming file."""
        if self.failure is None:
            try:
                if self.incoming is None:
                    self.incoming = self._intake.open(self._said, provenance_of(self._association))
                self.incoming.write(chunk)
            except OSError as error:
                self._fail(as_disk_full(error))
            except Exception as error:  # kept for the handler, which answers with its status
                self._fail(error)
        return len(chunk)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.discard()

    def discard(self) -> None:
        """Forget the incoming file if it was not committed."""
        if self.incoming is not None:
            self.incoming.discard()
            self.incoming = None


class StreamingDimse(DIMSEServiceProvider):
    """A DIMSE provider that puts a sink under each C-STORE request before its data set arrives."""

    def __init__(self, association: Association, intake: Intake) -> None:
        super().__init__(association)
        self._intake = intake
        self.sink: DataSetSink | None = None
        self.studies: set[str] = set()
        """Study Instance UIDs of what was stored on this association."""
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

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Process the values of a P-DATA one by one, because a command and its data may share it."""
        for value in primitive.presentation_data_value_list:
            single = P_DATA()
            single.presentation_data_value_list = [list(value)]  # type: ignore[list-item]  # its setter wants lists
            super().receive_primitive(single)
            message = self.message
            if isinstance(message, C_STORE_RQ) and type(message.data_set) is BytesIO:
                message.data_set = self.sink = self._sink(message)

    def _sink(self, message: DIMSEMessage) -> DataSetSink:
        command = message.command_set
        context = self.assoc._accepted_cx.get(cast(int, message.context_id))
        said = CommandUids(
            sop_class_uid=str(command.get("AffectedSOPClassUID") or ""),
            sop_instance_uid=str(command.get("AffectedSOPInstanceUID") or ""),
            transfer_syntax_uid=str(context.transfer_syntax[0]) if context else "",
        )
        return DataSetSink(self._intake, said, self.assoc)
