"""The commands that start the box or tell of it: `run`, `reader`, `role`, `demo`, `setup`, `status`, `settings`."""

import argparse
import sys
from dataclasses import asdict

from appliance.commands.output import Args, show
from appliance.errors import SchemaTooNew
from appliance.lean import without_pictures
from appliance.settings import KEYS, Settings
from appliance.wiring import Box


def add_listening(parser: argparse.ArgumentParser) -> None:
    """Where the services listen, and under which names."""
    parser.add_argument("--host", help="address to listen on (default 0.0.0.0)")
    parser.add_argument("--http-port", help="port of the page")
    parser.add_argument("--dicom-port", help="port of the DICOM services")
    parser.add_argument("--dicom-tls-port", help="port of the DICOM services over TLS")
    parser.add_argument("--no-dicom-tls", dest="dicom_tls", action="store_false", default=None, help="no TLS listener")
    parser.add_argument("--ae-title", help="AE title")
    parser.add_argument("--no-mdns", dest="mdns", action="store_false", default=None, help="stay unannounced")


def add_reader_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky reader` takes."""
    add_listening(parser)
    parser.add_argument("--archive", dest="archive_url", metavar="URL", help="keep pictures in this DICOMweb archive")


def add_role_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky role` takes."""
    parser.add_argument("role", choices=["receiver", "web", "courier", "agent"])
    parser.add_argument("kind", choices=["box", "reader"])
    add_reader_arguments(parser)


def add_setup_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky setup` takes."""
    parser.add_argument("--clinic", required=True, metavar="NAME")
    parser.add_argument("--kind", required=True, choices=["vet", "chiro", "podiatry", "human"])
    parser.add_argument("--admin", required=True, metavar="NAME")
    parser.add_argument("--password-stdin", action="store_true", required=True)


def run_box(args: Args, settings: Settings) -> int:
    """Start the box."""
    return _run("box", settings)


def run_reader(args: Args, settings: Settings) -> int:
    """Start a reader service."""
    return _run("reader", settings)


def _run(kind: str, settings: Settings) -> int:
    without_pictures()
    from appliance.standby import tell_on_page
    from appliance.supervisor import supervise

    box = Box(settings)
    try:
        box.recover()
    except SchemaTooNew as error:
        return tell_on_page(error, settings)
    first_run = box.first_run  # opens the database: a bad folder or schema is told before any role starts
    code = first_run.setup_code() if first_run.needed else None

    def on_ready(http: str, dicom: str, dicom_tls: str | None) -> None:
        tls = f" dicom-tls={dicom_tls}" if dicom_tls else ""
        print(f"ready http={http} dicom={dicom}{tls}", flush=True)
        port = http.rpartition(":")[2]
        for address in _page_hosts(settings):
            print(f"page: http://{address}:{port}/", flush=True)
        if code:
            print(f"setup code: {code}", flush=True)

    return supervise(kind, settings, on_ready=on_ready)


def _page_hosts(settings: Settings) -> list[str]:
    from appliance.roles import addresses

    return addresses(settings.host)


def run_one_role(args: Args, settings: Settings) -> int:
    """Run one role in this process."""
    from appliance.roles import run_role

    return run_role(args.role, args.kind, settings)


def run_demo(args: Args, settings: Settings) -> int:
    """Start box, reader and simulated X-ray unit."""
    from appliance.demo import demo

    return demo(once=args.once)


def set_up(args: Args, settings: Settings) -> None:
    """The first run without a browser; the password comes on standard input."""
    password = sys.stdin.readline().rstrip("\n")
    Box(settings).first_run.set_up(clinic=args.clinic, kind=args.kind, name=args.admin, password=password)
    show(args, {"clinic": args.clinic, "administrator": args.admin}, [f"{args.clinic} is set up."])


def status(args: Args, settings: Settings) -> int:
    """How the box is, as on its status page; exit status 1 when something is bad."""
    from appliance.roles import port_of_receiver
    from appliance.wiring.health import build_health

    box = Box(settings)
    findings = build_health(box, lambda: port_of_receiver(box), None).findings()
    lines = [f"{f.state}\t{f.title}\t{f.words} {f.advice}".rstrip() for f in findings]
    show(args, {"findings": [asdict(finding) for finding in findings]}, lines)
    return 1 if any(finding.state == "bad" for finding in findings) else 0


def certificate(args: Args, settings: Settings) -> None:
    """Make or renew the page's certificate for the web server in front; prints where the files are."""
    from appliance.roles import page_certificate

    made = page_certificate(settings, Box(settings).box_id)
    paths = {"certificate": str(made.certificate), "key": str(made.key), "authority": str(made.authority)}
    show(args, paths, [f"{name}\t{path}" for name, path in paths.items()])


def show_settings(args: Args, settings: Settings) -> None:
    """The effective settings, each with its source and meaning."""
    rows = [
        {"key": key, "value": getattr(settings, key), "source": settings.sources[key], "meaning": spec.meaning}
        for key, spec in KEYS.items()
    ]
    show(args, rows, [f"{r['key']} = {r['value']!r}  ({r['source']}; {r['meaning']})" for r in rows])
