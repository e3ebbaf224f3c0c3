"""The processes of the box: each runs one role until its standard input closes or it is told to stop.

A role prints `listening NAME=HOST:PORT` on standard output once it answers. The supervisor holds the other end of its
standard input: when the supervisor dies, however it dies, the role ends too.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from appliance.errors import BuckyError, PortInUse
from appliance.logs import Log, quiet_libraries
from appliance.settings import Settings
from appliance.wiring import Box, keep_receiver_lean

if TYPE_CHECKING:
    from appliance.dimse.listener import Listener
    from webui.services import BoxFacts

BEACON_CHECK_S = 30.0
WEB_THREADS = 8


def run_role(role: str, kind: str, settings: Settings) -> int:
    """Run one role to its end; returns the exit status."""
    quiet_libraries()
    log = Log(role)
    stop = _stop_event()
    try:
        {"receiver": run_receiver, "courier": run_courier, "web": run_web}[role](kind, settings, log, stop)
    except BuckyError as error:
        print(f"bucky {role}: {error.text} {error.advice}", file=sys.stderr, flush=True)
        return 1
    return 0


def run_receiver(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """DICOM services and their advertisement."""
    keep_receiver_lean()
    box = Box(settings)
    removed = box.blobs.remove_leftovers()
    log.event("started", count=removed)
    listener = box.listener(log)
    port = listener.start(settings.host, settings.dicom_port)
    _say_listening("dicom", settings.host, port)
    tls_port = _listen_with_tls(box, listener, log) if settings.dicom_tls else None
    with _dicom_beacon(box, port, tls_port, log):
        stop.wait()
    listener.stop()
    log.event("stopped")
    _end_now()


def _listen_with_tls(box: Box, listener: "Listener", log: Log) -> int | None:
    """DICOM over TLS beside the plain port; None for a port that is taken, which must not keep the X-ray unit out."""
    settings = box.settings
    try:
        contexts = box.tls_contexts(addresses(settings.host))
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
    box = Box(settings)
    crew = box.crew(log)
    print("listening courier", flush=True)
    log.event("started")
    crew.run(stop)
    log.event("stopped")
    _end_now()


def run_web(kind: str, settings: Settings, log: Log, stop: threading.Event) -> None:
    """The page, DICOMweb, and the name bucky.local."""
    from waitress.server import create_server

    from webui.services import BoxFacts

    box = Box(settings)
    facts = BoxFacts(
        kind=kind,
        ae_title=settings.ae_title,
        addresses=lambda: addresses(settings.host),
        dicom_port=lambda: _port_of_receiver(box),
        http_port=settings.http_port,
        secret_key=box.secret_key,
    )
    app = box.app(facts, log)
    try:
        server = create_server(
            app,
            host=settings.host,
            port=settings.http_port,
            threads=WEB_THREADS,
            ident=None,
            channel_timeout=120,
            max_request_body_size=8 * 2**30,
        )
    except OSError as error:
        raise PortInUse(port=settings.http_port, host=settings.host, option="--http-port") from error
    facts.http_port = int(server.effective_port)
    threading.Thread(target=server.run, name="waitress", daemon=True).start()
    _say_listening("http", settings.host, facts.http_port)
    log.event("started", port=facts.http_port)
    with _page_beacon(facts, settings, log):
        stop.wait()
    log.event("stopped")
    _end_now()


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
def _checked(check: "object", log: Log) -> Iterator[None]:
    """Call a beacon's check now and then: addresses change and other boxes come."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(BEACON_CHECK_S):
            try:
                check()  # type: ignore[operator]
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


def _port_of_receiver(box: Box) -> int | None:
    """The port that the supervisor told; None while nothing listens there."""
    import socket

    port = int(os.environ.get("BUCKY_RECEIVER_PORT", box.settings.dicom_port))
    host = "127.0.0.1" if box.settings.host == "0.0.0.0" else box.settings.host  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((host, port), timeout=1):
            return port
    except OSError:
        return None


def _say_listening(name: str, host: str, port: int) -> None:
    print(f"listening {name}={host}:{port}", flush=True)


def _stop_event() -> threading.Event:
    """Set by SIGTERM, SIGINT, or the end of standard input."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def wait_for_parent() -> None:
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=wait_for_parent, name="parent", daemon=True).start()
    return stop


def _end_now() -> None:
    """Leave without waiting for threads of libraries; everything that matters is on disk already."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
