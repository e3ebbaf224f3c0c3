"""The bench at which boxes are made: hears each box's own test, registers the good ones, and makes their labels.

`python -m firmware.factory.station FOLDER --fleet FLEET --listen 10.0.0.1:8400` prints its address, which goes to
`firmware.factory.flash`, and then a line for each part of each box. FOLDER gets a label and a report for each.
"""

import argparse
import json
import re
import secrets
import subprocess
import sys
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from appliance.clock import moment, now

PARTS = ("network", "storage", "clock", "temperature", "phantom")
_MOST_BYTES = 64 * 1024
_CLOCK_MAY_DIFFER_S = 120.0


class NotTaken(Exception):
    """What a box sent is no report, or the fleet would not have it."""


class Station:
    """Judges reports and registers boxes with the vendor's service."""

    def __init__(self, folder: Path, fleet: Path) -> None:
        self._folder = folder
        self._fleet = fleet
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, report: dict[str, Any], at: datetime) -> dict[str, Any]:
        """The answer for the box; raises NotTaken."""
        serial, fingerprint = str(report.get("serial")), str(report.get("fingerprint"))
        if not re.fullmatch(r"[A-Z0-9-]{4,32}", serial) or not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
            raise NotTaken("it has no serial or no identity")
        verdicts = self._judged(report, at)
        for part, (passed, words) in verdicts.items():
            print(f"{serial}\t{part}\t{'pass' if passed else 'FAIL'}\t{words}".rstrip(), flush=True)
        (self._folder / f"{serial}.json").write_text(json.dumps(report, indent=1))
        if not all(passed for passed, _ in verdicts.values()):
            return {"accepted": False}
        code = self._register(serial, fingerprint)
        print(f"{serial}\tregistered\tlabel {self._label(serial)}", flush=True)
        return {"accepted": True, "setup_code": code, "trust": json.loads(self._trust(serial).read_text())}

    def _judged(self, report: dict[str, Any], at: datetime) -> dict[str, tuple[bool, str]]:
        """Each part that there must be, with whether it passed and why not."""
        told = {str(part.get("part")): part for part in report.get("parts", [])}
        found = {}
        for name in PARTS:
            part = told.get(name, {"passed": False, "words": "It was not tested."})
            figures = " ".join(f"{key}={value}" for key, value in part.get("figures", {}).items())
            found[name] = part["passed"] is True, str(part["words"] or figures)
        if found["clock"][0]:
            differs_s = abs((moment(told["clock"]["figures"]["at"]) - at).total_seconds())
            if differs_s > _CLOCK_MAY_DIFFER_S:
                found["clock"] = False, f"It differs from the station's by {differs_s:.0f} s."
        return found

    def _register(self, serial: str, fingerprint: str) -> str:
        """The setup code; a box that was here before gets a new label with a new code."""
        if self._trust(serial).exists():
            return self._asked("label", serial, str(self._label(serial)))
        files = ("--label", str(self._label(serial)), "--trust", str(self._trust(serial)))
        return self._asked("register", serial, fingerprint, *files)

    def _asked(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "provisioning.fleet.cli", "--data", str(self._fleet), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotTaken(done.stderr.strip())
        return done.stdout.strip()

    def _label(self, serial: str) -> Path:
        return self._folder / f"{serial}.pdf"

    def _trust(self, serial: str) -> Path:
        return self._folder / f"{serial}.trust.json"


def server(station: Station, host: str, port: int, token: str) -> ThreadingHTTPServer:
    """Listens for reports at /TOKEN; the bench's network is the factory's own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """One report."""
            length = int(self.headers.get("Content-Length", 0))
            if not secrets.compare_digest(self.path, f"/{token}") or length > _MOST_BYTES:
                self.send_error(404)
                return
            try:
                answer = station.take(json.loads(self.rfile.read(length)), now())
            except (NotTaken, ValueError, KeyError, TypeError, AttributeError) as error:
                print(f"refused\t{error}", flush=True)
                self.send_error(400)
                return
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """The lines of the parts say enough."""

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Hear the tests of boxes, register them, make their labels.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fleet", type=Path, required=True, metavar="FOLDER", help="of the vendor's service")
    parser.add_argument("--listen", default="127.0.0.1:8400", metavar="HOST:PORT")
    args = parser.parse_args()
    host, _, port = args.listen.rpartition(":")
    token = secrets.token_urlsafe(16)
    listening = server(Station(args.folder, args.fleet), host, int(port), token)
    print(f"station http://{host}:{listening.server_address[1]}/{token}", flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    main()
