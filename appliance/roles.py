"""The processes of the box: each runs one role until its standard input closes or it is told to stop.

A role prints `listening NAME=HOST:PORT` on standard output once it answers. The supervisor holds the other end of its
standard input: when the supervisor dies, however it dies, the role ends too.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from appliance.clock import use_zone
from appliance.errors import BuckyError, PortInUse, SchemaTooNew
from appliance.lean import settle, until_pictures_come, without_pictures
from appliance.logs import Log, log_crashes, quiet_libraries
from appliance.notify import answering, under_systemd
from appliance.settings import Settings
from appliance.stopping import stop_event
from appliance.wiring import Box
from appliance.wiring.agent import busy
from appliance.wiring.courier import build_crew
from appliance.wiring.receiver import build_listener, build_tls_contexts
from appliance.wiring.web import build_app

if TYPE_CHECKING:
    from flask import Flask

    from appliance.archive.database import Database
    from appliance.authority import PageCertificate
    from appliance.dimse.listener import Listener
    from webui.services import BoxFacts

BEACON_CHECK_S = 30.0
WEB_THREADS = 8
_BEHIND_PROXY = {
    "trusted_proxy": "127.0.0.1",
    "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
    "clear_untrusted_proxy_headers": True,
}


def run_role(role: str, kind: str, settings: Settings) -> int:
    """Run one role to its end; returns the exit status."""
    quiet_libraries()
    log = Log(role)
    log_crashes(log)
    stop = _stop_event()
    try:
        run = {"receiver": run_receiver, "courier": run_courier, "web": run_web, "agent": run_agent}[role]
        run(kind, settings, log, stop)
    except SchemaTooNew as error:
        return _wait_for_a_newer_release(role, settings, error)
    except BuckyError as error:
        print(f"bucky {role}: {error.text} {error.advice}", file=sys.stderr, flush=True)
        return 1
    return 0


def _wait_for_a_newer_release(role: str, settings: Settings, error: SchemaTooNew) -> int:
    """The page says why the box must not start; the other roles end and try again."""
    from appliance.standby import tell_on_page

    if role == "web":
        answering(lambda: None)
        return tell_on_page(error, settings)
    print(f"bucky {role}: {error.text} {error.advice}", file=sys.stderr, flush=True)
    return 1


def run_receiver(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """DICOM services and their advertisement."""
    without_pictures()
    from appliance.audit.trail import THE_BOX  # not earlier: it would load numpy

    box = Box(settings)
    removed = box.recover()
    box.database.on_damage = lambda: _end_damaged(log)
    log.event("started", count=removed)
    listener = build_listener(box, log)
    settle()
    port = listener.start(settings.host, settings.dicom_port)
    _say_listening("dicom", settings.host, port)
    threading.Thread(target=_reconcile, args=[box, log], name="reconcile", daemon=True).start()
    tls_port = _listen_with_tls(box, listener, log) if settings.dicom_tls else None
    box.trail.record("started", THE_BOX)
    box.remember_how_to_reach(port, tls_port)
    answering(lambda: _echo_itself(settings, port))
    _follow_restarts(box.database, "receiver", stop, busy=lambda: busy(port, tls_port))
    with _dicom_beacon(box, port, tls_port, log):
        stop.wait()
    listener.stop()
    box.trail.record("stopped", THE_BOX)
    log.event("stopped")
    _end_now()


def _echo_itself(settings: Settings, port: int) -> None:
    """C-ECHO to this very process; raises BuckyError."""
    from appliance.dimse.echo import echo

    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    echo(calling_ae=settings.ae_title, called_ae=settings.ae_title, address=host, port=port)


def _reconcile(box: Box, log: Log) -> None:
    """Bring files and rows together while pictures come in; a fault here must not shut the X-ray unit out."""
    try:
        for code, number in box.reconcile().items():
            log.event("recovered", code=code, count=number)
    except Exception as error:  # an edge: the next start tries again
        log.event("recovery-failed", code=type(error).__name__)


def _end_damaged(log: Log) -> None:
    """The index turned out to be damaged: the next start recovers it."""
    log.event("index-damaged")
    sys.stderr.flush()
    os._exit(1)


def _listen_with_tls(box: Box, listener: "Listener", log: Log) -> int | None:
    """DICOM over TLS beside the plain port; None for a port that is taken, which must not keep the X-ray unit out."""
    settings = box.settings
    try:
        contexts = build_tls_contexts(box, addresses(settings.host))
        port = listener.start(settings.host, settings.dicom_tls_port, context_for=contexts.for_address)
    except PortInUse as error:
        log.event("tls-unavailable", code=error.code, port=settings.dicom_tls_port)
        return None
    _say_listening("dicom-tls", settings.host, port)
    return port


@contextlib.contextmanager
def _dicom_beacon(box: Box, port: int, tls_port: int | None, log: Log) -> Iterator[None]:
    """`_dicom._tcp` for as long as the receiver listens; without multicast it goes on unadvertised."""
    if not box.settings.mdns:
        yield
        return
    from appliance.discovery.beacon import BeaconUnavailable, DicomBeacon

    try:
        beacon = DicomBeacon(
            ae_title=box.settings.ae_title,
            port=port,
            tls_port=tls_port,
            host_label=f"bucky-{box.box_id}",
            listen_host=box.settings.host,
        )
    except BeaconUnavailable as error:
        log.event("beacon-unavailable", code=error.code)
        yield
        return
    with contextlib.closing(beacon), _checked(beacon.check, log):
        yield


def run_courier(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """Previews, deliveries and results."""
    os.nice(5)  # what comes in from the X-ray room and who waits before a page go first
    until_pictures_come()
    box = Box(settings)
    _use_clinics_zone(box)
    crew = build_crew(box, log, rehearses=kind == "box")
    if kind == "reader":
        from appliance.wiring.reader import build_reader_crew

        threading.Thread(target=build_reader_crew(box, log).run, args=[stop], name="clinics", daemon=True).start()
    _follow_restarts(box.database, "courier", stop)
    print("listening courier", flush=True)
    answering(lambda: box.database.setting("box_id"))
    log.event("started")
    crew.run(stop)
    log.event("stopped")
    _end_now()


def run_web(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """The page, DICOMweb, and the name bucky.local."""
    until_pictures_come()
    from waitress.server import create_server

    from webui.services import BoxFacts

    box = Box(settings)
    _use_clinics_zone(box)
    facts = BoxFacts(
        kind=kind,
        ae_title=settings.ae_title,
        addresses=lambda: addresses(settings.host),
        dicom_port=lambda: port_of_receiver(box),
        http_port=settings.http_port,
        secret_key=box.secret_key,
        trusted_hosts=settings.trusted_hosts,
        secure_only=settings.behind_proxy,
    )
    if settings.behind_proxy:
        facts.authority = page_certificate(settings, box.box_id).authority
    app = _app(box, facts, log)
    try:
        server = create_server(
            app,
            host="127.0.0.1" if settings.behind_proxy else settings.host,
            port=settings.http_port,
            threads=WEB_THREADS,
            **(_BEHIND_PROXY if settings.behind_proxy else {}),
            ident=None,
            channel_timeout=120,
            send_bytes=1 << 18,  # a picture in sixty calls of the system, not in eight hundred
            max_request_body_size=8 * 2**30,
        )
    except OSError as error:
        raise PortInUse(port=settings.http_port, host=settings.host, option="--http-port") from error
    settle()
    port = int(server.effective_port)
    facts.http_port = 80 if settings.behind_proxy else port
    threading.Thread(target=server.run, name="waitress", daemon=True).start()
    _say_listening("http", settings.host, port)
    answering(lambda: _ask_page(settings, port))
    log.event("started", port=port)
    _follow_restarts(box.database, "web", stop)
    with _page_beacon(facts, settings, log):
        stop.wait()
    log.event("stopped")
    _end_now()


def _ask_page(settings: Settings, port: int) -> None:
    """/healthz of this very process; raises OSError."""
    from urllib.request import urlopen

    host = "127.0.0.1" if settings.behind_proxy or settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    urlopen(f"http://{host}:{port}/healthz", timeout=10).close()


def run_agent(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """The vendor link."""
    from appliance.wiring.agent import build_agent

    box = Box(settings)
    _use_clinics_zone(box)
    agent = build_agent(box)
    threading.Thread(target=agent.keep_time, args=[stop], name="trial", daemon=True).start()
    _follow_restarts(box.database, "agent", stop)
    print("listening agent", flush=True)
    answering(lambda: box.database.setting("box_id"))
    log.event("started")
    while not stop.is_set():
        agent.rest(agent.run_once(), stop)
    log.event("stopped")
    _end_now()


def _use_clinics_zone(box: Box) -> None:
    """Days and hours as the clinic has them; the receiver keeps to UTC and to what the units say."""
    if zone := box.database.setting("time_zone"):
        use_zone(zone)


def _app(box: Box, facts: "BoxFacts", log: Log) -> "Flask":
    if facts.kind != "reader":
        return build_app(box, facts, log)
    from appliance.wiring.reader import build_reader_app

    return build_reader_app(box, facts, log)


@contextlib.contextmanager
def _page_beacon(facts: "BoxFacts", settings: Settings, log: Log) -> Iterator[None]:
    """`_http._tcp` and the host name, with any conflict put into the facts that the page shows."""
    if not settings.mdns:
        facts.beacon_trouble = "The box was started without making itself known on the network (mDNS is off)."
        yield
        return
    from appliance.discovery.beacon import BeaconUnavailable, PageBeacon

    wanted = "bucky" if facts.kind == "box" else "bucky-reader"
    try:
        beacon = PageBeacon(port=facts.http_port, wanted_host=wanted, listen_host=settings.host)
    except BeaconUnavailable as error:
        facts.beacon_trouble = f"{error.text} {error.advice}"
        yield
        return

    def look() -> None:
        state = beacon.check()
        facts.host_name, facts.beacon_conflict = state.host_name, state.conflict

    look()
    with contextlib.closing(beacon), _checked(look, log):
        yield


@contextlib.contextmanager
def _checked(check: Callable[[], object], log: Log) -> Iterator[None]:
    """Call a beacon's check now and then: addresses change and other boxes come."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(BEACON_CHECK_S):
            try:
                check()
            except BuckyError as error:
                log.event("beacon-unavailable", code=error.code)

    thread = threading.Thread(target=watch, name="beacon", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def addresses(host: str) -> list[str]:
    """The IPv4 addresses at which a listener on `host` is reached, loopback only if there is nothing else."""
    from appliance.discovery.beacon import interface_addresses

    return interface_addresses(host)


def page_certificate(settings: Settings, box_id: str) -> "PageCertificate":
    """The files for the web server before the page, made when they are missing or about to end."""
    from appliance.authority import ensure_page_certificate

    names = ["bucky.local", f"bucky-{box_id}.local", "localhost"]
    return ensure_page_certificate(
        settings.data / "tls", box=f"Bucky {box_id}", names=names, addresses=addresses(settings.host)
    )


def _follow_restarts(
    database: "Database", role: str, stop: threading.Event, busy: Callable[[], bool] = lambda: False
) -> None:
    """Begin anew when somebody asks for it; imported late, for the database's library loads numpy where it may."""
    from appliance.restart import follow

    follow(database, role, stop, busy=busy)


def port_of_receiver(box: Box) -> int | None:
    """The port that the supervisor told; None while nothing listens there."""
    import socket

    port = box.settings.dicom_port or int(os.environ.get("BUCKY_RECEIVER_PORT", 0))
    host = "127.0.0.1" if box.settings.host == "0.0.0.0" else box.settings.host  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((host, port), timeout=1):
            return port
    except OSError:
        return None


def _say_listening(name: str, host: str, port: int) -> None:
    print(f"listening {name}={host}:{port}", flush=True)


def _stop_event() -> threading.Event:
    """Set by a signal or, where the supervisor holds its other end, the end of standard input."""
    stop = stop_event()

    def wait_for_parent() -> None:
        while os.read(0, 4096):
            pass
        stop.set()

    if not under_systemd():
        threading.Thread(target=wait_for_parent, name="parent", daemon=True).start()
    return stop


def _end_now() -> None:
    """Leave without waiting for threads of libraries; everything that matters is on disk already."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
