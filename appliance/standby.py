"""What a box shows that must not start: one page that says why, until somebody stops it."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from appliance.errors import BuckyError
from appliance.settings import Settings
from appliance.stopping import stop_event

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The box waits</title>
<h1>The box waits</h1><p>{message}</p><p>{hint}</p>
<p>No picture is lost: the X-ray unit keeps what it cannot send, and everything stored is untouched.</p></html>
"""


def tell_on_page(error: BuckyError, settings: Settings) -> int:
    """Show the error on the page's port until SIGTERM; returns the exit status 1."""
    print(f"bucky: {error.text} {error.advice}", file=sys.stderr, flush=True)
    page = _PAGE.format(message=error.text, hint=error.advice).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The page, whatever was asked for (503: RFC 9110 15.6.4)."""
            self.send_response(503)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    stop = stop_event()
    try:
        server = ThreadingHTTPServer((settings.host, settings.http_port), Handler)
    except OSError:  # another program has the port; the line on standard error must do
        return 1
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"waiting http={settings.host}:{server.server_address[1]}", flush=True)
    stop.wait()
    server.shutdown()
    return 1
