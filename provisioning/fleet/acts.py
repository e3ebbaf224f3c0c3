"""What `bucky-fleet` can do, one function a command."""

import argparse
import getpass
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance.errors import BadInput
from appliance.stopping import stop_event
from provisioning.fleet import audit, health
from provisioning.fleet.console import command_from, settings_from
from provisioning.fleet.documents import load_signer
from provisioning.fleet.label import print_label
from provisioning.fleet.service import Config, Fleet
from provisioning.fleet.serving import Clockwork, TlsServer, nginx_configuration, serve_behind_proxy
from provisioning.fleet.staff import ROLES, authenticator_address

Args = argparse.Namespace
_OFFLINE = (["--offline"], {"type": Path, "required": True, "metavar": "DIR", "help": "folder of the offline keys"})
_VALUES = (["values"], {"nargs": "*", "metavar": "KEY=VALUE"})
_MENDINGS = {
    "block": "shut the person out",
    "unblock": "let the person in again",
    "remove": "end the account",
    "password": "a new password, from standard input, for who forgot theirs",
    "authenticator": "a new secret, printed once, for who lost theirs",
}
_SERIAL = (["serial"], {"metavar": "SERIAL"})


def _who() -> str:
    return f"console:{getpass.getuser()}"


def init(args: Args, fleet: Fleet) -> None:
    """Make authority, keys, configuration and database."""
    config = Config(url=args.url, database=args.database, proxies=args.proxy)
    fleet.create(config, hosts=args.host, offline=args.offline)
    print(f"The service is made in {fleet.folder}. Bring {args.offline} to a safe; it is needed to wipe boxes.")


def ceremony(args: Args, fleet: Fleet) -> None:
    """Make the keys of the releases."""
    fleet.repository.ceremony(args.offline)
    print("Bring root-1, root-2 and root-3 to three safes, and targets to whoever signs releases.")


def renew_root(args: Args, fleet: Fleet) -> None:
    """Sign the next root."""
    fleet.repository.renew_root(args.offline, lost=args.lost)
    print("The next root is signed.")


def release(args: Args, fleet: Fleet) -> None:
    """Sign a release."""
    print(fleet.repository.add(args.version, args.file, args.offline))


def rollout(args: Args, fleet: Fleet) -> None:
    """Start or halt a rollout, or list them."""
    if args.halt:
        fleet.rollouts.halt(args.halt, who=_who())
    elif args.start:
        if args.start not in fleet.repository.releases():
            raise BadInput(field="Release", reason="sign it first: bucky-fleet release")
        fleet.rollouts.start(args.start, who=_who(), soak_s=args.soak)
    for found, offered, bad in fleet.rollouts.all():
        print(f"{found.release}\t{found.state}\tring {found.ring + 1}\t{offered} offered\t{bad} bad\t{found.reason}")


def register(args: Args, fleet: Fleet) -> None:
    """Enter a box; prints its setup code, and makes label and trust file."""
    code = fleet.registry.register(args.serial, args.fingerprint, who=_who())
    if args.label:
        print_label(args.label, args.serial, code)
    if args.trust:
        args.trust.write_bytes(msgspec.json.encode(fleet.trust(args.serial)))
    print(code)


def label(args: Args, fleet: Fleet) -> None:
    """Print a label again, with a new code."""
    code = fleet.registry.new_label(args.serial, who=_who())
    print_label(args.file, args.serial, code)
    print(code)


def boxes(args: Args, fleet: Fleet) -> None:
    """The boxes and how they are."""
    after = ""
    while lines := health.lines(fleet.store, search=args.search, after=after, limit=500):
        for line in lines:
            away = "never heard" if line.away_s is None else f"heard {line.away_s:.0f} s ago"
            print("\t".join((line.serial, line.clinic or "-", line.state, line.release or "-", away, line.worst)))
        after = lines[-1].serial


def settings(args: Args, fleet: Fleet) -> None:
    """Sign settings for a box, whole."""
    print(fleet.documents.set_settings(args.serial, settings_from(_pairs(args.values)), who=_who()))


def command(args: Args, fleet: Fleet) -> None:
    """Sign a command for a box."""
    wanted = command_from({"command": args.name, **_pairs(args.values)})
    print(fleet.documents.send_command(args.serial, wanted, who=_who()))


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if not all(equals for _, equals, _ in pairs):
        raise BadInput(field="Values", reason="KEY=VALUE")
    return {key: value for key, _, value in pairs}


def voucher(args: Args, fleet: Fleet) -> None:
    """Write the file for a USB stick that activates a box without the internet."""
    values = settings_from(_pairs(args.values))
    fleet.registry.assign(args.serial, args.clinic, who=_who())
    args.file.write_bytes(fleet.documents.voucher(args.serial, args.clinic, values, who=_who()))


def replace(args: Args, fleet: Fleet) -> None:
    """A new box takes over an old one's clinic."""
    fleet.documents.replace(args.serial, args.by, who=_who())


def revoke(args: Args, fleet: Fleet) -> None:
    """Shut a box out."""
    fleet.registry.revoke(args.serial, who=_who())


def retire(args: Args, fleet: Fleet) -> None:
    """Order a box to deliver what waits and destroy its data."""
    fleet.documents.order_wipe(args.serial, load_signer(args.offline / "wipe-key.pem"), who=_who())
    print("Wipe pending: the box does it at its next contact.")


def staff(args: Args, fleet: Fleet) -> None:
    """Add, block or remove an account, or mend one; a password comes on standard input."""
    if args.remove:
        fleet.people.remove(args.name, who=_who())
    elif args.block or args.unblock:
        fleet.people.block(args.name, blocked=args.block, who=_who())
    elif args.authenticator:
        print(authenticator_address(args.name, fleet.people.new_authenticator(args.name, who=_who())))
    elif args.password:
        fleet.people.set_password(args.name, sys.stdin.readline().rstrip("\n"), who=_who())
    else:
        password = sys.stdin.readline().rstrip("\n")
        print(authenticator_address(args.name, fleet.people.add(args.name, args.role, password, who=_who())))


def check_audit(args: Args, fleet: Fleet) -> None:
    """Read the whole audit and tell whether it is whole."""
    with fleet.store.read() as session:
        if trouble := audit.trouble(session):
            raise BadInput(field="Audit", reason=trouble)
        for event in audit.newest(session, limit=args.last):
            print(f"{event.number}\t{event.at}\t{event.who}\t{event.what}\t{event.serial}\t{event.detail}")


def nginx(args: Args, fleet: Fleet) -> None:
    """A configuration for nginx before the service."""
    print(nginx_configuration(names=args.name, folder=fleet.folder.resolve(), upstream=args.upstream))


def serve(args: Args, fleet: Fleet) -> None:
    """Run the service until SIGTERM."""
    stop = stop_event()
    fleet.store.migrate()
    fleet.authority.ensure_server()
    refresh: Callable[[], None] = fleet.repository.refresh if fleet.repository.first_root else lambda: None
    clockwork = Clockwork(fleet.rollouts.advance, refresh)

    broken = threading.Event()

    def tick() -> None:
        try:
            while not stop.wait(max(0.1, clockwork.run_once(time.monotonic()))):
                pass
        except BaseException:
            broken.set()  # a service that halts no bad release is worth nothing: it ends, to be started again
            stop.set()
            raise

    threading.Thread(target=tick, name="clockwork", daemon=True).start()
    if args.behind_proxy:
        print(f"ready {args.behind_proxy}", flush=True)
        serve_behind_proxy(fleet.app(), args.behind_proxy, stop)
        sys.exit(int(broken.is_set()))
    server = TlsServer(fleet.app(), fleet.authority, args.listen, args.port)
    threading.Thread(target=server.serve, name="tls", daemon=True).start()
    print(f"ready https={args.listen}:{server.port}", flush=True)
    stop.wait()
    server.stop()
    sys.exit(int(broken.is_set()))


def simulate(args: Args, fleet: Fleet) -> None:
    """Agents of many boxes against this service on loopback; prints the figures."""
    from provisioning.simulator import simulate as run

    figures = run(fleet, boxes=args.boxes, seconds=args.seconds, progress=True)
    print(json.dumps(figures))


Argument = tuple[list[str], dict[str, Any]]
ACTS: dict[str, tuple[str, Callable[[Args, Fleet], None], list[Argument]]] = {
    "init": (
        "make a service: authority, keys, database",
        init,
        [
            (["--url"], {"required": True, "help": "where boxes reach it, e.g. https://fleet.example"}),
            (
                ["--host"],
                {"action": "append", "required": True, "help": "name or address; again for more"},
            ),
            (["--database"], {"default": "", "metavar": "URL", "help": "an SQLAlchemy URL; SQLite without"}),
            (["--proxy"], {"action": "append", "default": [], "help": "address of the web server in front"}),
            _OFFLINE,
        ],
    ),
    "serve": (
        "run the service",
        serve,
        [
            (["--listen"], {"default": "0.0.0.0", "help": "address to listen on with TLS"}),  # noqa: S104 - it serves all
            (["--port"], {"type": int, "default": 8443}),
            (["--behind-proxy"], {"metavar": "HOST:PORT or /SOCKET", "help": "plain http for nginx with TLS"}),
        ],
    ),
    "nginx": (
        "print a configuration for nginx",
        nginx,
        [(["--name"], {"action": "append", "required": True}), (["--upstream"], {"default": "127.0.0.1:8000"})],
    ),
    "register": (
        "enter a box at its manufacture",
        register,
        [
            _SERIAL,
            (["fingerprint"], {"help": "what `bucky vendor identity` prints on the box"}),
            (["--label"], {"type": Path, "metavar": "FILE", "help": "label as .pdf, or QR as .svg"}),
            (["--trust"], {"type": Path, "metavar": "FILE", "help": "the trust file for the box"}),
        ],
    ),
    "label": ("print a label with a new setup code", label, [_SERIAL, (["file"], {"type": Path})]),
    "boxes": ("list the boxes", boxes, [(["--search"], {"default": ""})]),
    "settings": (
        "sign settings for a box, whole",
        settings,
        [_SERIAL, _VALUES],
    ),
    "command": (
        "sign a support command",
        command,
        [_SERIAL, (["name"], {}), _VALUES],
    ),
    "voucher": (
        "activate a box by USB stick",
        voucher,
        [
            _SERIAL,
            (["file"], {"type": Path}),
            (["--clinic"], {"required": True}),
            (["--set"], {"action": "append", "default": [], "dest": "values", "metavar": "KEY=VALUE"}),
        ],
    ),
    "replace": ("let a new box take over", replace, [_SERIAL, (["by"], {"metavar": "NEW"})]),
    "revoke": ("shut a box out", revoke, [_SERIAL]),
    "retire": ("wipe a box for good", retire, [_SERIAL, _OFFLINE]),
    "ceremony": ("make the keys of the releases", ceremony, [_OFFLINE]),
    "renew-root": ("sign the next root", renew_root, [_OFFLINE, (["--lost"], {"type": int, "choices": [1, 2, 3]})]),
    "release": (
        "sign a release",
        release,
        [(["version"], {}), (["file"], {"type": Path}), _OFFLINE],
    ),
    "rollout": (
        "start, halt or list rollouts",
        rollout,
        [
            (["--start"], {"metavar": "RELEASE"}),
            (["--halt"], {"metavar": "RELEASE"}),
            (["--soak"], {"type": int, "default": 86400, "metavar": "SECONDS"}),
        ],
    ),
    "staff": (
        "add, mend, block or remove an account",
        staff,
        [
            (["name"], {}),
            (["--role"], {"default": "support", "choices": ROLES}),
            *(([f"--{act}"], {"action": "store_true", "help": meaning}) for act, meaning in _MENDINGS.items()),
        ],
    ),
    "audit": ("check and show the audit", check_audit, [(["--last"], {"type": int, "default": 50})]),
    "simulate": (
        "run the agents of N boxes against this service, for the figures",
        simulate,
        [(["boxes"], {"type": int, "metavar": "N"}), (["--seconds"], {"type": float, "default": 10.0})],
    ),
}
