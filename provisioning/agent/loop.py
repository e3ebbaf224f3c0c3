"""The agent's one line of work: enrol, tell how the box is, hear what is new, follow it, answer."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from appliance.clock import moment, now, stamp
from appliance.errors import BuckyError
from provisioning.agent.desired import ROLES, Desired
from provisioning.agent.heartbeat import heartbeat
from provisioning.agent.images import Images
from provisioning.agent.link import Link
from provisioning.agent.membership import Membership
from provisioning.agent.memory import Memory
from provisioning.agent.releases import ReleaseRefused, Releases
from provisioning.agent.support import Support
from provisioning.agent.surroundings import Surroundings
from provisioning.protocol.documents import (
    AnyDocument,
    CommandDocument,
    ReleaseDocument,
    SettingsDocument,
    WipeDocument,
    open_document,
)
from provisioning.protocol.messages import HEARTBEAT_S, SUPPORT_POLL_S, Heartbeat, HeartbeatReply, Outcome
from provisioning.protocol.refused import DocumentRefused, NotKnown, NotManaged, NotNewer, NotTaken

TRIAL_POLL_S = LOOK_S = 2.0
ENROL_AGAIN_S = 3600.0
KEEP_LINE_S = 10.0
"""A line that rests for longer is closed: routers forget it without a word, and the next heartbeat would hang."""
HEARD_EVERY_S = 600.0
AFTER_THE_END_S = 24 * 3600.0
_JITTER = 0.1
D = TypeVar("D", bound=AnyDocument)


class Agent:
    """The box's end of the link; `run_once` is called in a loop and returns the seconds to rest."""

    def __init__(
        self,
        *,
        box: Surroundings,
        memory: Memory,
        membership: Membership,
        desired: Desired,
        releases: Releases,
        images: Images,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._box = box
        self._memory = memory
        self._membership = membership
        self._desired = desired
        self._releases = releases
        self._images = images
        self._draw = draw
        self._support = Support(box, memory, self._rotate)
        self._link: Link | None = None
        self._refused_at: float | None = None
        self._answer_ms: int | None = None
        self.failures: Counter[str] = Counter()
        memory.bind(membership.trust.serial)
        memory.interrupted()

    def run_once(self) -> float:
        """One round; the seconds to rest until the next."""
        rest_s = self._round()
        if rest_s > KEEP_LINE_S:
            self._hang_up()
        return rest_s

    def keep_time(self, stop: threading.Event) -> None:
        """Let settings on trial be taken back in time whatever a round waits for; for a thread of its own."""
        while not stop.wait(LOOK_S):
            self._desired.keep_time()

    def rest(self, seconds: float, stop: threading.Event) -> None:
        """Wait for the next round; shorter when the clinic lets support in, ends it, or releases a report meanwhile."""
        until, before = time.monotonic() + seconds, self._memory.wishes()
        while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, LOOK_S)):
            if self._memory.wishes() != before:
                return

    def _round(self) -> float:
        reached = False
        try:
            reply = self._greet()
            reached = True
            self._note_heard(reply)
        except BuckyError as error:
            self._failed(error.code)
        self._desired.settle(reached)
        self._settle_release(reached)
        self._settle_image()
        if reached:
            try:
                if not self._follow(reply):
                    return AFTER_THE_END_S
                self._tell()
            except BuckyError as error:
                self._failed(error.code)
        return self._rest_s()

    @property
    def _release_on_trial(self) -> bool:
        return self._releases.on_trial or self._images.on_trial

    def _rest_s(self) -> float:
        if self._desired.on_trial:
            return TRIAL_POLL_S
        usual_s = SUPPORT_POLL_S if self._memory.consent() else HEARTBEAT_S
        return usual_s * (1 + _JITTER * (2 * self._draw() - 1))

    def _greet(self) -> HeartbeatReply:
        """Have a certificate, and tell how the box is."""
        url = self._box.settings().vendor_url
        if self._membership.ensure(url):
            self._hang_up()
        consent = self._memory.consent()
        message = heartbeat(
            self._box,
            settings_version=self._memory.followed_version("settings"),
            consent_until=consent.until if consent else None,
            failures=self.failures,
            answer_ms=self._answer_ms,
        )
        try:
            return self._beat(url, message)
        except NotKnown:
            self._enrol_again(url)
            return self._beat(url, message)

    def _beat(self, url: str, message: Heartbeat) -> HeartbeatReply:
        line, began = self._line(url), time.monotonic()
        reply = line.ask("heartbeat", message, HeartbeatReply)
        self._answer_ms = round(1000 * (time.monotonic() - began))
        return reply

    def _note_heard(self, reply: HeartbeatReply) -> None:
        """For the pages; not at every heartbeat, each write wakes the other roles."""
        if reply.claimed != self._memory.claimed:
            self._memory.claimed = reply.claimed
        before = self._memory.get("heard_at")
        if before is None or abs((now() - moment(before)).total_seconds()) > HEARD_EVERY_S:
            self._memory.set("heard_at", stamp())

    def _enrol_again(self, url: str) -> None:
        """A certificate that is not known any more: once an hour by the identity key; else NotKnown goes on."""
        at = now().timestamp()
        if self._refused_at is not None and 0 <= at - self._refused_at < ENROL_AGAIN_S:
            raise NotKnown
        self._refused_at = at
        self._membership.enrol(url)
        self._hang_up()

    def _line(self, url: str) -> Link:
        if self._link is None or self._link.url != (url or self._membership.trust.url):
            self._hang_up()
            self._link = self._membership.link(url)
        return self._link

    def _hang_up(self) -> None:
        if self._link:
            self._link.close()
        self._link = None

    def _rotate(self) -> None:
        self._membership.renew(self._box.settings().vendor_url)
        self._hang_up()

    def _follow(self, reply: HeartbeatReply) -> bool:
        """Fetch, check and follow what is new; False when this was the end of the box."""
        if reply.wipe_version:
            return not self._wipe()
        while reply.command_version > self._memory.last_version("command"):
            if (command := self._open("command", CommandDocument)) is None:
                break
            self._support.do(command)
        new_settings = reply.settings_version > self._memory.last_version("settings")
        may_begin = not self._desired.on_trial and not self._box.busy()
        if new_settings and may_begin and (found := self._open("settings", SettingsDocument)):
            self._desired.apply(found)
            self._hang_up()  # that the line from before still stands would prove nothing
        new_release = reply.release_version > self._memory.last_version("release")
        if new_release and not self._release_on_trial and (release := self._open("release", ReleaseDocument)):
            self._update(release)
        return True

    def _open(self, kind: str, wanted: type[D], after: int | None = None) -> D | None:
        """The next document of a kind; None and a counted failure for one that must not be followed."""
        after = self._memory.last_version(kind) if after is None else after
        raw = self._line(self._box.settings().vendor_url).fetch(f"document/{kind}?after={after}")
        trust = self._membership.trust
        try:
            document = open_document(
                raw, keys=trust.document_keys(), kind=kind, serial=trust.serial, after_version=after, at=now()
            )
        except DocumentRefused as error:
            self._failed(error.reason)
            version = error.fields.get("version")
            if isinstance(version, int) and self._memory.begin(kind, version, kind):
                self._memory.finish(kind, version, done=False, reason=error.reason)
            return None
        return document if isinstance(document, wanted) else None

    def _update(self, document: ReleaseDocument) -> None:
        """Switch to another release when the clinic is closed and no picture is on its way in."""
        try:
            bundle = self._brought(document.release)
        except (ReleaseRefused, NotTaken) as error:
            self._memory.begin("release", document.version, "release")
            self._memory.finish("release", document.version, done=False, reason=error.code)
            return
        if self._box.quiet_hours() and not self._box.busy():
            self._memory.begin("release", document.version, "release")
            self._box.record("software-set", f"release {document.release} on trial")
            if bundle:
                self._images.hand_over(bundle, document.release, document.version)
                return
            self._releases.switch(document.release, document.version)
            self._restart()

    def _brought(self, release: str) -> Path | None:
        """A release in its folder, or the bundle; raises ReleaseRefused, NotTaken, and LinkDown to try again."""
        if not self._releases.managed:
            raise NotManaged
        if not self._releases.is_newer(release, self._box.release):
            raise NotNewer
        bundle = self._releases.fetch(release, self._line(self._box.settings().vendor_url))
        if bundle and not self._images.managed:
            raise ReleaseRefused(reason="nothing here installs images")
        return bundle

    def _settle_image(self) -> None:
        """The installer restarts the device, or says why not; what is told is of a start before or of this one."""
        if self._images.waits and not self._box.busy():
            self._images.let_restart()
        if ended := self._images.ended():
            self._memory.finish("release", ended.version, done=ended.stayed, reason=ended.reason)
            self._box.record("software-set", f"release {self._box.release} {'confirmed' if ended.stayed else 'stays'}")
            self._images.forget()

    def _settle_release(self, reached: bool) -> None:
        runs = self._releases.on_trial and all(self._box.started(role) == self._releases.current for role in ROLES)
        ended = self._releases.settle(healthy=runs and reached and self._box.answers())
        if ended is None:
            return
        version, stayed = ended
        self._memory.finish("release", version, done=stayed, reason="" if stayed else "returned")
        self._box.record("software-set", f"release {self._releases.current} {'confirmed' if stayed else 'taken back'}")
        if stayed:
            self._box.restart("agent")
        else:
            self._restart()

    def _restart(self) -> None:
        for role in ROLES:
            self._box.restart(role)

    def _wipe(self) -> bool:
        """The end of this box: when all is delivered, destroy the data, tell the vendor, and forget every key.

        Nothing is left to remember that it was done; if telling fails, all of it is done once more.
        """
        document = self._open("wipe", WipeDocument, after=0)
        if document is None or not self._box.drained():
            return False
        link = self._line(self._box.settings().vendor_url)
        self._box.erase()
        link.ask("outcome/wipe", Outcome(document.version, True), dict)
        self._membership.forget()
        return True

    def _tell(self) -> None:
        """Answers and released reports that the vendor does not have yet."""
        link = self._line(self._box.settings().vendor_url)
        for kind, outcome in self._memory.untold():
            if kind != "voucher":
                link.ask(f"outcome/{kind}", outcome, dict)
            self._memory.told(kind, outcome.version)
        for report in self._memory.reports():
            if report.decision == "released":
                link.send("diagnostics", report.content)
                self._memory.sent(report.id)
                self._box.record("support-acted", "diagnostics sent")

    def _failed(self, code: str) -> None:
        self.failures[code] += 1
