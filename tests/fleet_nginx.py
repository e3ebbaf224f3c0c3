"""The service as in production: waitress behind a real nginx with TLS, in a folder of the test."""

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from provisioning.fleet.serving import serve_behind_proxy
from tests.fleet import HOST, Service
from tests.waiting import wait_for


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def behind_nginx(folder: Path, configuration: Callable[..., str]) -> Iterator[tuple[Service, str]]:
    """A service and its address through nginx."""
    service = Service(folder / "fleet", proxies=(HOST,))
    upstream, port = free_port(), free_port()
    service.port = port
    stop = threading.Event()
    app = service.fleet.app()
    threading.Thread(target=serve_behind_proxy, args=[app, f"{HOST}:{upstream}", stop], daemon=True).start()
    server = configuration(names=[HOST], folder=service.folder, upstream=f"{HOST}:{upstream}")
    work = folder / "nginx"
    work.mkdir()
    temporary = "".join(
        f"    {name}_temp_path {work / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (work / "nginx.conf").write_text(
        f"daemon off;\npid {work / 'pid'};\nerror_log {work / 'error.log'};\nevents {{}}\n"
        f"http {{\n    access_log off;\n{temporary}{server.replace('listen 443 ssl', f'listen {HOST}:{port} ssl')}}}\n"
    )
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert nginx, "nginx is needed for this test"
    process = subprocess.Popen([nginx, "-p", str(work), "-c", str(work / "nginx.conf")])
    try:
        wait_for(lambda: _answers(port) and _answers(upstream), 60, "nginx")
        yield service, f"https://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)
        stop.set()
