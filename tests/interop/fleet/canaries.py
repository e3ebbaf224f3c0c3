"""The canary in whatever a patient's name could hide in: tags, values that break, form fields, names of files."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from tests.box import PASSWORD
from tests.conftest import SENTINEL

_TEXT = {"LO": 64, "SH": 16, "PN": 64, "LT": 64, "ST": 64, "UT": 64, "UC": 64, "CS": 16, "UR": 64, "AE": 16}
_BROKEN = {"DA", "DT", "TM", "DS", "IS", "AS"}
_KEPT = {"SpecificCharacterSet", "Modality", "PhotometricInterpretation", "PixelData", "TimezoneOffsetFromUTC"}
_LEAVE = re.compile(r"/(logout|lock|me|setup|dicom-web|static|pictures|exports?)\b|/support|restore|/people/")


def fill(ds: Dataset, *, broken: bool) -> Dataset:
    """Every text element of the dictionary as the canary; with `broken` also dates and numbers, which it breaks."""
    for number, (vr, _, _, retired, keyword) in DicomDictionary.items():
        group = number >> 16
        if group < 0x0008 or group > 0x0040 or retired or not keyword or keyword in _KEPT:
            continue
        if vr in _TEXT or (broken and vr in _BROKEN and keyword not in ds):
            value = SENTINEL.upper() if vr in ("CS", "AE") else SENTINEL
            ds.add_new(Tag(number), "LO" if vr in _BROKEN else vr, value)
    ds.add_new(0x00091001, "LO", SENTINEL)
    return ds


class _Forms(HTMLParser):
    """The forms and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, list[tuple[str, str, str]]]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self.forms.append((found.get("method", "get").lower(), found.get("action", ""), []))
        elif self.forms and tag in ("input", "textarea", "button") and found.get("name"):
            self.forms[-1][2].append((found["name"], found.get("type", tag), found.get("value", "")))
        elif self.forms and tag == "select" and found.get("name"):
            self.forms[-1][2].append((found["name"], "select", ""))
        elif tag == "option" and self.forms and self.forms[-1][2] and self.forms[-1][2][-1][1] == "select":
            name, _, value = self.forms[-1][2][-1]
            self.forms[-1][2][-1] = (name, "select", value or found.get("value", ""))


def log_in(url: str) -> requests.Session:
    """The administrator on the box's page."""
    person = requests.Session()
    page = _parsed(person.get(f"{url}/login", timeout=60).text)
    fields = {name: value for name, _, value in page.forms[0][2]}
    person.post(f"{url}/login", data={**fields, "name": "ann", "password": PASSWORD}, timeout=60).raise_for_status()
    return person


def walk(person: requests.Session, url: str, most: int = 120) -> Iterator[tuple[str, int]]:
    """Open every page that is linked, and send every form on it with the canary in every field; path and status."""
    seen, sent, waiting = {"/"}, set(), ["/"]
    while waiting and len(seen) < most:
        path = waiting.pop(0)
        answer = person.get(urljoin(url, path), timeout=60)
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        page = _parsed(answer.text)
        for link in page.links:
            to = urlsplit(urljoin(answer.url, link))
            if urljoin(answer.url, link).startswith(url) and to.path not in seen and not _LEAVE.search(to.path):
                seen.add(to.path)
                waiting.append(to.path)
        for method, action, fields in page.forms:
            to_path = urlsplit(urljoin(answer.url, action)).path
            if (method, to_path) not in sent and not _LEAVE.search(to_path):
                sent.add((method, to_path))
                yield to_path, _send(person, urljoin(answer.url, action), method, fields)


def _send(person: requests.Session, url: str, method: str, fields: list[tuple[str, str, str]]) -> int:
    data, files = {}, {}
    for name, kind, value in fields:
        if kind == "file":
            files[name] = (f"{SENTINEL}.csv", f"patient\n{SENTINEL}\n".encode())
        elif kind == "password":
            data[name] = PASSWORD
        else:
            data[name] = value if kind in ("hidden", "select", "button", "radio") else SENTINEL
    if method == "get":
        return person.get(url, params=data, timeout=60).status_code
    return person.post(url, data=data, files=files or None, timeout=60).status_code


def _parsed(text: str) -> _Forms:
    page = _Forms()
    page.feed(text)
    return page
