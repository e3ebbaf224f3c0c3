"""What a browser sees while the page of a device is not there yet, by its own web server's configuration."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.orthanc import free_port, need
from tests.waiting import wait_for

CONF = Path(__file__).parents[2] / "firmware/system/overlay/etc/nginx/bucky.conf"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The device's web server without TLS, before a page that does not answer."""
    need("nginx")
    nginx = str(shutil.which("nginx", path="/usr/sbin:/usr/bin"))
    port, nobody = free_port(), free_port()
    conf = re.sub(r"\n *(listen \[::\]|listen 443|ssl_)[^;]*;", "", CONF.read_text())
    conf = conf.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("127.0.0.1:8080", f"127.0.0.1:{nobody}")
    (tmp_path / "nginx.conf").write_text(conf.replace("/run/bucky-front", str(tmp_path)))
    process = subprocess.Popen([nginx, "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")])
    url = f"http://127.0.0.1:{port}/exams"
    wait_for(lambda: _answers(url), 60, "the web server")
    yield url
    process.terminate()
    process.wait(60)


def _answers(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=10).status_code)
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("liked", "tag", "words"),
    [
        ("it", "en", "The page of this box is starting"),
        ("de-CH, en;q=0.5", "de", "Röntgengeräte können inzwischen senden"),
        ("es", "es", "La página de esta caja está arrancando"),
        ("fr-CA", "fr", "La page de ce boîtier démarre"),
    ],
)
def test_a_page_that_is_starting_says_so_in_the_browser_s_language(page: str, liked: str, tag: str, words: str) -> None:
    """And asks again by itself."""
    answer = requests.get(page, headers={"Accept-Language": liked}, timeout=20)
    assert answer.status_code == 503
    shown = answer.content.decode()
    assert f"<html lang={tag}>" in shown
    assert words in shown
    assert "http-equiv=refresh" in shown
