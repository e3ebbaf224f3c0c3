"""Commands of support: each once, in time, and only while the clinic lets support in."""

from collections.abc import Callable
from typing import Any

from appliance.errors import BuckyError
from provisioning.agent.heartbeat import report
from provisioning.agent.memory import Memory
from provisioning.agent.surroundings import Surroundings
from provisioning.protocol import figures
from provisioning.protocol.commands import (
    CollectDiagnostics,
    EchoModality,
    NetworkCheck,
    Rehearse,
    ResendStudy,
    RestartRole,
    RotateCertificate,
)
from provisioning.protocol.diagnostics import packed
from provisioning.protocol.documents import CommandDocument
from provisioning.protocol.messages import Figure

Figures = dict[str, Figure]


class Support:
    """Does what a verified command asks, if the clinic consents at this moment."""

    def __init__(self, box: Surroundings, memory: Memory, rotate: Callable[[], None]) -> None:
        self._box = box
        self._memory = memory
        self._renew = rotate
        self._acts: dict[type, Callable[[Any], Figures]] = {
            EchoModality: self._echo,
            NetworkCheck: self._network,
            RestartRole: self._restart,
            CollectDiagnostics: self._collect,
            ResendStudy: self._resend,
            RotateCertificate: self._rotate,
            Rehearse: self._rehearse,
        }

    def do(self, document: CommandDocument) -> None:
        """Follow one command; its number counts as used before anything is done."""
        name = str(document.command.__struct_config__.tag)
        if not self._memory.begin("command", document.version, name):
            return
        if self._memory.consent() is None:
            self._box.record("refused", f"support: {name}")
            self._memory.finish("command", document.version, done=False, reason="no-consent")
            return
        self._box.record("support-acted", name)
        try:
            found = self._acts[type(document.command)](document.command)
        except BuckyError as error:
            self._memory.finish("command", document.version, done=False, reason=error.code)
        else:
            self._memory.finish("command", document.version, done=True, figures=found)

    def _echo(self, command: EchoModality) -> Figures:
        self._box.echo_unit(command.row)
        return {}

    def _network(self, _: NetworkCheck) -> Figures:
        """What the checks say, and each line to a reader tried at this moment."""
        found = {key: state for key, state in self._states().items() if key in ("door", "clock", "name")}
        for check in figures.checks(self._box.probe()):
            found[check.key] = check.state
            for name, value in check.figures.items():
                found[f"{check.key}-{name}"] = value
        return found

    def _restart(self, command: RestartRole) -> Figures:
        self._box.restart(command.role)
        return {}

    def _rotate(self, _: RotateCertificate) -> Figures:
        self._renew()
        return {}

    def _resend(self, command: ResendStudy) -> Figures:
        return {"waiting": self._box.resend(command.alias)}

    def _collect(self, _: CollectDiagnostics) -> Figures:
        content = packed(report(self._box))
        return {"waits_for_clinic": self._memory.lay_ready(content), "size_bytes": len(content)}

    def _rehearse(self, _: Rehearse) -> Figures:
        self._box.rehearse()
        return self._states()

    def _states(self) -> Figures:
        """State of each check, by its key."""
        return {check.key: check.state for check in figures.checks(self._box.checks())}
