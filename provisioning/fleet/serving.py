"""How the service is reached: cheroot with TLS of its own, or waitress for a web server with TLS in front."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from provisioning.fleet.authority import Authority

THREADS = 16
ADVANCE_S = 60.0
REFRESH_S = 24 * 3600.0


class _Adapter(BuiltinSSLAdapter):
    """Tells the application which certificate was proven, and nothing else: the usual two dozen facts cost more."""

    def get_environ(self, sock: Any) -> dict[str, str]:  # type: ignore[override]  # the base's stub lacks `sock`
        """The facts of one connection; OpenSSL refused whatever is not of the authority before."""
        shown = sock.getpeercert(binary_form=True)
        found = {"wsgi.url_scheme": "https", "HTTPS": "on", "SSL_CLIENT_VERIFY": "SUCCESS" if shown else "NONE"}
        return {**found, "SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(shown)} if shown else found


class TlsServer:
    """The service on a port of its own; client certificates are asked for, and checked by the authority."""

    def __init__(self, app: Any, authority: Authority, host: str, port: int) -> None:
        self._server = wsgi.Server((host, port), app, numthreads=THREADS, server_name="fleet")
        adapter = _Adapter(
            str(authority.server_certificate_file), str(authority.server_key_file), str(authority.certificate_file)
        )
        adapter.context.verify_mode = ssl.CERT_OPTIONAL  # a box that enrols has none yet
        adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._server.ssl_adapter = adapter
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])

    def serve(self) -> None:
        """Serve until `stop`."""
        self._server.serve()

    def stop(self) -> None:
        """Close the port and end the threads."""
        self._server.stop()


class Clockwork:
    """What the service does by itself: rollouts go on, the releases' timestamp is renewed."""

    def __init__(self, advance: Callable[[], None], refresh: Callable[[], None]) -> None:
        self._jobs = ((ADVANCE_S, advance), (REFRESH_S, refresh))
        self._due = [0.0, 0.0]

    def run_once(self, moment_s: float) -> float:
        """Do what is due at a moment of the monotonic clock; returns the seconds until the next look."""
        for place, (period_s, job) in enumerate(self._jobs):
            if moment_s >= self._due[place]:
                job()
                self._due[place] = moment_s + period_s
        return min(self._due) - moment_s


def serve_behind_proxy(app: Any, address: str, stop: threading.Event) -> None:
    """Waitress on HOST:PORT or on a Unix socket, for a web server with TLS on this machine."""
    from waitress.server import create_server

    where = {"unix_socket": address, "unix_socket_perms": "660"} if address.startswith("/") else {"listen": address}
    server = create_server(app, threads=THREADS, ident=None, max_request_body_size=2**20, **where)
    threading.Thread(target=server.run, name="waitress", daemon=True).start()
    stop.wait()
    server.close()


def nginx_configuration(*, names: list[str], folder: Path, upstream: str) -> str:
    """A server block for nginx; it overwrites the headers of the certificate at every request."""
    keys = folder / "keys"
    return f"""server {{
    listen 443 ssl;
    server_name {" ".join(names)};
    ssl_certificate {keys / "server.pem"};
    ssl_certificate_key {keys / "server-key.pem"};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate {keys / "authority.pem"};
    ssl_verify_client optional;
    client_max_body_size 1m;
    location / {{
        proxy_pass http://{upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection "";
        proxy_set_header X-Client-Certificate $ssl_client_escaped_cert;
        proxy_set_header X-Client-Verify $ssl_client_verify;
    }}
}}
"""
