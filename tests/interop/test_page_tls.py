"""The page behind a real nginx with TLS: the box's own authority, secure cookies, and plain http without a log-in."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509

from tests.box import HOST, PASSWORD, Box
from tests.orthanc import need
from tests.waiting import wait_for

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen {host}:{tls_port} ssl; listen {host}:{plain_port};
    ssl_certificate {tls}/page.pem; ssl_certificate_key {tls}/page-key.pem;
    location / {{
      proxy_pass http://{host}:{page_port};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def site(
    make_box: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Box, str, str]]:
    """A box behind nginx; its addresses with and without TLS."""
    need("nginx")
    monkeypatch.setenv("BUCKY_BEHIND_PROXY", "true")
    box = make_box().set_up().start()
    folder = tmp_path / "nginx"
    folder.mkdir()
    tls_port, plain_port = _free_port(), _free_port()
    facts = {"folder": folder, "host": HOST, "tls": box.data / "tls", "page_port": box.http_port}
    (folder / "nginx.conf").write_text(NGINX.format(**facts, tls_port=tls_port, plain_port=plain_port))
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    process = subprocess.Popen([str(nginx), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    plain = f"http://{HOST}:{plain_port}"
    wait_for(lambda: _answers(plain), 20, "nginx")
    yield box, f"https://{HOST}:{tls_port}", plain
    process.terminate()
    process.wait(10)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_pc_that_trusts_the_authority_logs_in_without_a_warning(site: tuple[Box, str, str]) -> None:
    """The certificate verifies, the cookie is secure, and the trail has the client's address."""
    box, secure, _ = site
    with requests.Session() as pc:
        pc.trust_env = False
        pc.verify = str(box.data / "tls" / "authority.pem")
        form = pc.get(f"{secure}/login", timeout=20).text
        token = form.split('name="csrf_token" value="')[1].split('"')[0]
        fields = {"csrf_token": token, "name": "ann", "password": PASSWORD}
        done = pc.post(f"{secure}/login", data=fields, headers={"Referer": f"{secure}/login"}, timeout=20)
        assert "Log out" in done.text
        assert all(cookie.secure for cookie in pc.cookies)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{secure}/login", timeout=20)


def test_plain_http_shows_one_page_and_never_a_log_in(site: tuple[Box, str, str]) -> None:
    """On every address; posting a password in the open is refused; the authority may be had."""
    box, _, plain = site
    for path in ("/", "/login", "/setup", "/status", "/dicom-web/studies", "/api/exams.json"):
        page = requests.get(f"{plain}{path}", timeout=20).text
        assert "The page of this box is encrypted" in page
        assert 'name="password"' not in page
    assert requests.post(f"{plain}/login", data={"name": "ann", "password": PASSWORD}, timeout=20).status_code == 403
    offered = x509.load_der_x509_certificate(requests.get(f"{plain}/trust/bucky.crt", timeout=20).content)
    kept = x509.load_pem_x509_certificate((box.data / "tls" / "authority.pem").read_bytes())
    assert offered == kept
    how = requests.get(f"{plain}/trust", timeout=20).text
    assert "Trusted root certification authorities" in how


def test_the_page_itself_listens_on_this_machine_only(site: tuple[Box, str, str]) -> None:
    """Nobody gets around the web server by the page's own port with forged headers from elsewhere."""
    box, _, _ = site
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", box.http_port), timeout=2):
        pass
