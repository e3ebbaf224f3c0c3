"""Destinations over real HTTPS: a client certificate shown to nginx, and OAuth 2.0 client credentials."""

import base64
import getpass
import ipaddress
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.certificates import PEM, builder, named, new_key, private_pem, sign_authority, sign_leaf
from appliance.clock import now
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.fleet_nginx import free_port
from tests.orthanc import need
from tests.pictures import small_study
from tests.waiting import wait_for

SECRET = "zz-client-secret"
NGINX = """
daemon off; user {user}; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server-key.pem;
  proxy_set_header Host $http_host;
  server {{
    listen {host}:{open_port} ssl;
    location / {{ proxy_pass http://{host}:{reader_port}; }}
  }}
  server {{
    listen {host}:{guarded_port} ssl;
    ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;
    location / {{ proxy_pass http://{host}:{reader_port}; proxy_set_header Authorization "Bearer {token}"; }}
  }}
}}
"""


class Site:
    """A reader behind nginx: one port for whoever has a token, one for whoever shows a certificate of `ca.pem`."""

    def __init__(self, folder: Path, reader: Box) -> None:
        self.folder = folder
        self.reader = reader
        self.token = reader.bucky("token", "create", "Paw Clinic", "--role", "technician")
        self.open_port, self.guarded_port = free_port(), free_port()
        self._authority_key = new_key()
        self.certificate("ca", None)
        self.certificate("server", ExtendedKeyUsageOID.SERVER_AUTH)
        self.certificate("box", ExtendedKeyUsageOID.CLIENT_AUTH)

    def certificate(self, name: str, purpose: x509.ObjectIdentifier | None) -> None:
        """`name.pem` and `name-key.pem`; without a purpose the authority's own."""
        key, at = self._authority_key if purpose is None else new_key(), now()
        unsigned = builder(named(name), named("ca"), key.public_key(), at - timedelta(1), at + timedelta(30))
        address = x509.IPAddress(ipaddress.ip_address(HOST))
        if purpose is None:
            made = sign_authority(unsigned, key)
        else:
            made = sign_leaf(unsigned, self._authority_key, purpose, [address])
        (self.folder / f"{name}.pem").write_bytes(made.public_bytes(PEM))
        (self.folder / f"{name}-key.pem").write_bytes(private_pem(key))

    def configuration(self) -> str:
        """What nginx is told."""
        ports = {"open_port": self.open_port, "guarded_port": self.guarded_port, "reader_port": self.reader.http_port}
        return NGINX.format(user=getpass.getuser(), folder=self.folder, host=HOST, token=self.token, **ports)


@pytest.fixture
def site(make_box: Callable[..., Box], tmp_path: Path) -> Iterator[Site]:
    """The site, up."""
    need("nginx")
    folder = tmp_path / "site"
    folder.mkdir()
    found = Site(folder, make_box("reader", "reader").set_up("rita").start())
    (folder / "nginx.conf").write_text(found.configuration())
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    process = subprocess.Popen([str(nginx), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    wait_for((folder / "nginx.pid").exists, 20, "nginx")
    yield found
    process.terminate()
    process.wait(10)


class TokenEndpoint:
    """RFC 6749 4.4 over TLS: the first token that it gives is out of date, as after a restart of the archive."""

    def __init__(self, site: Site) -> None:
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                endpoint.asked.append((self.headers.get("Authorization", ""), form))
                known = self.headers.get("Authorization") == _basic("box", SECRET)
                token = site.token if len(endpoint.asked) > 1 else "out-of-date"
                facts = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
                content = json.dumps(facts if known else {"error": "invalid_client"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(site.folder / "server.pem", site.folder / "server-key.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{HOST}:{self._server.server_address[1]}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _expose(box: Box) -> str:
    """A picture from the unit, to be sent by itself; its study."""
    box.start()
    box.accept("PHANTOM-DX")
    (ds,) = small_study("cervical-spine")
    assert send([ds], HOST, box.dicom_port) == [0]
    return str(ds.StudyInstanceUID)


def _rows(box: Box) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in box.facts("destination", "list")}


def test_a_destination_that_asks_for_a_certificate_gets_it(site: Site, make_box: Callable[..., Box]) -> None:
    """The box shows its own, and what it sent is verified by the signed receipt; without one nothing is green."""
    box = make_box().set_up("ann")
    add = ("--dicomweb", f"https://{HOST}:{site.guarded_port}/dicom-web", "--auto", "--ca", str(site.folder / "ca.pem"))
    own = ("--certificate", str(site.folder / "box.pem"), "--key-stdin")
    box.bucky("destination", "add", "Guarded", *add, *own, text=(site.folder / "box-key.pem").read_text())
    assert "answers" in box.bucky("destination", "test", "Guarded")
    box.bucky("destination", "add", "Stranger", *add)
    uid = _expose(box)

    def verdicts() -> dict[str, tuple[int, bool]]:
        rows = box.facts("study", "verify", uid, expect=None)
        return {row["destination"]: (row["verified"], row["complete"]) for row in rows}

    wait_for(lambda: verdicts().get("Guarded") == (1, True) and _rows(box)["Stranger"]["trouble"], 60, "both")
    assert verdicts()["Stranger"] == (0, False)
    guarded = _rows(box)["Guarded"]
    assert (guarded["login"], guarded["trouble"]) == ("client certificate", None)
    assert guarded["reader_key"]


def test_client_credentials_earn_a_token_and_another_when_it_is_refused(
    site: Site, make_box: Callable[..., Box]
) -> None:
    """The secret goes to the token endpoint and nowhere else; a wrong one is told as a refused log-in."""
    endpoint, box = TokenEndpoint(site), make_box().set_up("ann")
    add = ("--dicomweb", f"https://{HOST}:{site.open_port}/dicom-web", "--auto", "--ca", str(site.folder / "ca.pem"))
    client = ("--token-url", endpoint.url, "--client-id", "box", "--scope", "dicom", "--client-secret-stdin")
    box.bucky("destination", "add", "Cloud", *add, *client, text=SECRET)
    uid = _expose(box)
    box.wait_verified(uid)
    assert len(endpoint.asked) >= 2
    assert {tuple(form["grant_type"] + form["scope"]) for _, form in endpoint.asked} == {
        ("client_credentials", "dicom")
    }
    both = (*client, "--certificate", str(site.folder / "box.pem"), "--key-stdin")
    key = (site.folder / "box-key.pem").read_text()
    guarded = ("--dicomweb", f"https://{HOST}:{site.guarded_port}/dicom-web", *add[3:])
    box.bucky("destination", "add", "Both", *guarded, *both, text=f"{SECRET}\n{key}")
    assert "answers" in box.bucky("destination", "test", "Both")
    assert _rows(box)["Both"]["login"] == "OAuth 2.0 and client certificate"
    box.bucky("destination", "add", "Wrong", *add, *client, text="zz-wrong-secret")
    box.bucky("study", "send", uid, "Wrong")
    wait_for(lambda: "token" in (_rows(box)["Wrong"]["trouble"] or ""), 30, "the trouble")
    logged = box.log.read_text()
    assert SECRET not in logged
    assert "zz-wrong-secret" not in logged
    endpoint.close()
