"""multipart/related bodies, in whatever portions and with whatever faults they come."""

import io
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request

from appliance.dicomweb.errors import FileUnreadable
from appliance.dicomweb.multipart import (
    MAX_HEADER_BYTES,
    MAX_PARTS,
    MAX_PREAMBLE_BYTES,
    FileBody,
    PartReader,
    boundary_of,
)
from appliance.errors import BadInput

HEAD = b"Content-Type: application/dicom\r\n\r\n"


class Parts:
    """Collects the parts that a reader finds."""

    def __init__(self, boundary: str = "b") -> None:
        self.headers: list[dict[str, str]] = []
        self.contents: list[bytes] = []
        self.closed = 0
        self.longest = 0
        self._sink = io.BytesIO()
        self.reader = PartReader(boundary, self._open, self._close)

    def write(self, chunk: bytes) -> int:
        self.longest = max(self.longest, len(chunk))
        return self._sink.write(chunk)

    def _open(self, headers: Mapping[str, str]) -> "Parts":
        self.headers.append(dict(headers))
        self._sink = io.BytesIO()
        return self

    def _close(self) -> None:
        self.closed += 1
        self.contents.append(self._sink.getvalue())

    def read(self, body: bytes, portion: int = 1 << 16) -> "Parts":
        for start in range(0, len(body), portion):
            self.reader.feed(body[start : start + portion])
        self.reader.finish()
        return self


def body_of(*contents: bytes, boundary: bytes = b"b") -> bytes:
    """A well-formed body."""
    parts = b"\r\n".join(b"--" + boundary + b"\r\n" + HEAD + content for content in contents)
    return parts + b"\r\n--" + boundary + b"--\r\n"


@given(
    contents=st.lists(st.binary(max_size=80) | st.sampled_from([b"\r\n--", b"\r\n-", b"--b", b"\r\n\r\n"]), min_size=1),
    preamble=st.sampled_from([b"", b"\r\n", b"read with MIME\r\n", b"-- --x\r\n\r\n"]),
    portion=st.integers(1, 50),
)
def test_parts_come_out_as_they_went_in(contents: list[bytes], preamble: bytes, portion: int) -> None:
    """Whatever bytes, however the network cuts them, with or without a preamble and an epilogue."""
    contents = [content for content in contents if b"\r\n--b" not in b"\r\n" + content + b"\r\n"]
    contents = contents or [b""]
    parts = Parts().read(preamble + body_of(*contents) + b"the end", portion)
    assert parts.contents == contents
    assert parts.closed == parts.reader.parts == len(contents)
    assert parts.headers == [{"content-type": "application/dicom"}] * len(contents)


@given(cut=st.integers(0, len(body_of(b"one", b"two")) - 5))
def test_a_body_cut_anywhere_is_refused(cut: int) -> None:
    """A truncated upload never counts as complete."""
    with pytest.raises(BadInput):
        Parts().read(body_of(b"one", b"two")[:cut])


def test_the_sink_gets_portions_not_the_whole() -> None:
    """Memory does not grow with the size of a part."""
    parts = Parts().read(body_of(bytes(10**6)), 4096)
    assert parts.contents == [bytes(10**6)]
    assert parts.longest <= 4096


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all" * 2000,
        b"--b\r\nbad header\r\n\r\nx\r\n--b--",
        b"--b\r\nLong: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n\r\n--b--",
        b"--b\r\n" + b"Many: x\r\n" * 5000 + b"\r\n\r\n--b--",
        body_of(*[b""] * (MAX_PARTS + 1)),
        b"--c\r\n\r\n\r\n--c--",
    ],
    ids=["no boundary", "bad header", "long header", "many headers", "many parts", "another boundary"],
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    """Hostile bodies end in one typed error and in bounded memory."""
    with pytest.raises(BadInput):
        Parts().read(body)


def test_bytes_before_the_first_boundary_are_not_gathered_for_ever() -> None:
    """An endless preamble is refused while it comes, not at its end."""
    reader = Parts().reader
    with pytest.raises(BadInput):
        for _ in range(MAX_PREAMBLE_BYTES // 1000 + 1):
            reader.feed(b"x" * 1000)


@pytest.mark.parametrize("boundary", ["x" * 1000, "Straße", "日本"], ids=["long", "latin", "japanese"])
def test_a_boundary_that_cannot_be_is_refused(boundary: str) -> None:
    """Not an error of another kind."""
    with pytest.raises(BadInput):
        Parts(boundary)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=abc", "abc"),
        ('multipart/related; type="application/dicom"; boundary="a b:c"', "a b:c"),
        ('Multipart/Related;BOUNDARY=abc;type="application/dicom"', "abc"),
        ("multipart/related; boundary=abc; start=x", "abc"),
    ],
)
def test_the_boundary_is_found_quoted_or_not(content_type: str, boundary: str) -> None:
    """RFC 2046 5.1.1, RFC 2045 5.1."""
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type", ["", "multipart/related", "multipart/form-data; boundary=b", "application/dicom", "x; boundary="]
)
def test_other_content_types_are_refused(content_type: str) -> None:
    """Only multipart/related with a boundary is read."""
    with pytest.raises(BadInput):
        boundary_of(content_type)


@given(content=st.binary(max_size=300), size=st.integers(1, 100))
def test_a_file_body_is_as_long_as_it_says_and_valid(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, size: int
) -> None:
    """The email package and our own reader both find the file in it."""
    path = tmp_path_factory.getbasetemp() / "file.dcm"
    path.write_bytes(content)
    body = FileBody(path)
    sent = b"".join(iter(lambda: body.read(size), b""))
    body.close()
    assert len(sent) == len(body)
    assert Parts(boundary_of(body.content_type)).read(sent).contents == [content]
    message = message_from_bytes(f"Content-Type: {body.content_type}\r\n\r\n".encode() + sent)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/related", "application/dicom"]


def test_requests_streams_a_file_body_with_its_length(tmp_path: Path) -> None:
    """Neither chunked encoding, which some archives refuse, nor the whole file in memory."""
    path = tmp_path / "file.dcm"
    path.write_bytes(bytes(1000))
    body = FileBody(path)
    prepared = Request("POST", "http://127.0.0.1/", data=body).prepare()
    body.close()
    assert prepared.headers["Content-Length"] == str(len(body))
    assert "Transfer-Encoding" not in prepared.headers
    assert isinstance(prepared.body, FileBody)


def test_a_file_that_cannot_be_opened_or_read_is_the_boxs_own_fault(tmp_path: Path) -> None:
    """The reader's service is not blamed for the box's disk."""
    with pytest.raises(FileUnreadable):
        FileBody(tmp_path / "none.dcm")
    if Path("/proc/self/mem").exists():  # opens, but its first bytes cannot be read: EIO
        with pytest.raises(FileUnreadable):
            list(FileBody(Path("/proc/self/mem")))
