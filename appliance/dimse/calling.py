"""Associations that the box opens to an application entity (PS3.8 7.1), and what that answers; failures are typed."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext

from appliance.association import RequestorAE
from appliance.dimse.status import NOT_AUTHORIZED, SUCCESS
from appliance.line import SocketOption
from appliance.peer_errors import (
    BrokenOff,
    CannotConfirm,
    NoDialogue,
    ServiceTrouble,
    SyntaxRefused,
    TokenRefused,
    Unreachable,
)

VERIFICATION = "1.2.840.10008.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
_QUERIES = (STUDY_ROOT_FIND, STUDY_ROOT_GET, STORAGE_COMMITMENT)
_MAX_PDU = 128 * 1024
# PS3.8 9.3.4: (source, reason) of an A-ASSOCIATE-RJ
_REASONS = {
    (1, 3): "it does not know the AE title of this box",
    (1, 7): "it has another AE title",
    (3, 1): "it is busy at the moment",
    (3, 2): "it has too many connections already",
}


class Caller:
    """Calls one application entity, given as AE@HOST:PORT, over TLS if there is a context."""

    def __init__(
        self,
        address: str,
        *,
        calling_ae: str,
        tls: ssl.SSLContext | None,
        options: Sequence[SocketOption],
        stall_timeout_s: float,
        answer_timeout_s: float,
    ) -> None:
        self._called_ae, _, rest = address.rpartition("@")
        host, _, port = rest.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._calling_ae = calling_ae
        self._tls = tls
        self._options = options
        self._stall_timeout_s = stall_timeout_s
        self._answer_timeout_s = answer_timeout_s

    @contextmanager
    def associated(
        self,
        contexts: list[PresentationContext],
        *,
        roles: Sequence[Any] = (),
        handlers: Sequence[tuple[Any, Callable[..., Any]]] = (),
    ) -> Iterator[Association]:
        """An association for one purpose; raises CannotConfirm if its first context is not accepted."""
        association = self.associate(contexts, roles, handlers)
        try:
            if contexts[0].abstract_syntax not in {cx.abstract_syntax for cx in association.accepted_contexts}:
                raise CannotConfirm
            yield association
        except (RuntimeError, ValueError, OSError) as error:
            raise BrokenOff from error
        finally:
            if association.is_established:
                association.release()

    def associate(
        self,
        contexts: list[PresentationContext],
        roles: Sequence[Any] = (),
        handlers: Sequence[tuple[Any, Callable[..., Any]]] = (),
    ) -> Association:
        """An association that its asker releases; raises NoDialogue, Unreachable, CannotConfirm, SyntaxRefused."""
        ae = RequestorAE(ae_title=self._calling_ae)
        ae.connection_timeout = ae.acse_timeout = self._stall_timeout_s
        ae.dimse_timeout = ae.network_timeout = self._answer_timeout_s
        association = ae.associate(
            self._host,
            self._port,
            contexts=contexts,
            ae_title=self._called_ae,
            max_pdu=_MAX_PDU,
            ext_neg=list(roles),
            tls_args=(self._tls, self._host) if self._tls else None,
            evt_handlers=[(evt.EVT_CONN_OPEN, self._prepare), *handlers],
        )
        if association.is_established:
            return association
        answer = association.acceptor.primitive
        if association.is_rejected and answer is not None:
            key = (answer.result_source or 0, answer.diagnostic or 0)
            raise NoDialogue(reason=_REASONS.get(key, "it turns this box down"))
        if answer is not None and not association.accepted_contexts:
            raise CannotConfirm if contexts[0].abstract_syntax in _QUERIES else SyntaxRefused
        raise Unreachable

    def _prepare(self, event: Event) -> None:
        wrapped = event.assoc.dul.socket
        if wrapped is not None and wrapped.socket is not None:
            for level, name, value in self._options:
                wrapped.socket.setsockopt(level, name, value)


def checked(answer: Dataset, *, also: Sequence[int] = ()) -> int:
    """The status of an answer that must be success; raises BrokenOff, TokenRefused, ServiceTrouble."""
    if "Status" not in answer:
        raise BrokenOff
    status = int(answer.Status)
    if status == SUCCESS or status in also:
        return status
    if status == NOT_AUTHORIZED:
        raise TokenRefused
    raise ServiceTrouble(status=f"0x{status:04X}")
