"""The DICOMweb client against a scripted peer: what is believed, what is not, and which error names the fault."""

import socket
import ssl
import string
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from appliance.dicomweb import errors
from appliance.dicomweb.client import DicomWebClient
from appliance.errors import PeerError
from tests.orthanc import free_port
from tests.peers import Mode, Peer

FILE = Path(str(get_testdata_file("CT_small.dcm", download=False)))
DS = dcmread(FILE, stop_before_pixels=True)
STUDY, SERIES, INSTANCE = str(DS.StudyInstanceUID), str(DS.SeriesInstanceUID), str(DS.SOPInstanceUID)
UIDS = (STUDY, SERIES, INSTANCE)
BIG_BYTES = 64 * 2**20  # more than any socket buffer


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A healthy peer."""
    with Peer() as found:
        yield found


def client(url: str, *, answer_timeout_s: float = 0.5, resumable: bool | None = None) -> DicomWebClient:
    """A client of little patience."""
    return DicomWebClient(
        url, token="secret", resumable=resumable, stall_timeout_s=0.5, answer_timeout_s=answer_timeout_s
    )


FAULTS: dict[Mode, type[PeerError]] = {
    "refusing": errors.ServiceTrouble,
    "busy": errors.ServiceTrouble,
    "unauthorized": errors.TokenRefused,
    "full": errors.ServiceFull,
    "redirecting": errors.WrongAddress,
    "html": errors.WrongAddress,
    "garbled": errors.BadAnswer,
    "huge": errors.BadAnswer,
    "hanging": errors.Stalled,
    "half-closing": errors.BrokenOff,
    "half-answering": errors.BrokenOff,
}
STORE_FAULTS = FAULTS | {
    "empty": errors.NotStored,
    "blank": errors.NotStored,
    "rejecting": errors.InstanceRefused,
}


def test_a_stored_instance_is_listed_with_its_attributes_and_fetched_byte_for_byte(peer: Peer) -> None:
    """The whole round with a healthy service."""
    found, sink = client(peer.url), BytesIO()
    assert not found.has_instance(*UIDS)
    assert found.instances(STUDY) == []
    found.store(FILE, INSTANCE)
    assert found.has_instance(*UIDS)
    remote = found.instances(STUDY)[0]
    assert (remote.sop_instance_uid, remote.series_instance_uid, remote.modality) == (INSTANCE, SERIES, "CT")
    assert remote.sop_class_uid == DS.SOPClassUID
    found.fetch(*UIDS, sink)
    assert sink.getvalue() == FILE.read_bytes()


def test_an_instance_is_posted_alone_with_length_token_and_media_types(peer: Peer) -> None:
    """What a strict archive looks at."""
    client(peer.url).store(FILE, INSTANCE)
    request = peer.requests[0]
    assert (request.method, request.path) == ("POST", "/dicom-web/studies")
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["Accept"] == "application/dicom+json"
    assert request.headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert FILE.stat().st_size < int(request.headers["Content-Length"]) < FILE.stat().st_size + 300
    assert "Transfer-Encoding" not in request.headers


@pytest.mark.parametrize("mode", STORE_FAULTS)
def test_a_store_at_a_faulty_service_names_the_fault(peer: Peer, mode: Mode) -> None:
    """Never success, always one attempt, always the error that tells staff what to do."""
    peer.mode = mode
    with pytest.raises(PeerError) as caught:
        client(peer.url).store(FILE, INSTANCE)
    assert type(caught.value) is STORE_FAULTS[mode]
    assert len(peer.requests) == 1
    assert peer.stored == {}


@pytest.mark.parametrize("mode", FAULTS)
@pytest.mark.parametrize(
    "ask",
    [
        DicomWebClient.probe,
        lambda c: c.has_instance(*UIDS),
        lambda c: c.instances(STUDY),
    ],
    ids=["probe", "has_instance", "instances"],
)
def test_a_query_at_a_faulty_service_names_the_fault(
    peer: Peer, mode: Mode, ask: Callable[[DicomWebClient], object]
) -> None:
    """No query takes a fault for an empty answer."""
    peer.mode = mode
    with pytest.raises(PeerError) as caught:
        ask(client(peer.url))
    assert type(caught.value) is FAULTS[mode]
    assert len(peer.requests) == 1


def test_a_lying_service_is_found_out_by_its_own_query(peer: Peer) -> None:
    """It names the instance as stored, and does not list it."""
    peer.mode = "lying"
    client(peer.url).store(FILE, INSTANCE)
    assert not client(peer.url).has_instance(*UIDS)


def test_an_answer_that_names_another_instance_is_not_believed(peer: Peer) -> None:
    """Success is this instance's UID in the Referenced SOP Sequence."""
    with pytest.raises(errors.NotStored):
        client(peer.url).store(FILE, "1.2.3")


def test_an_instance_stored_with_a_warning_is_stored(peer: Peer) -> None:
    """202 and warning reason 0xB000, coercion of data elements (PS3.18 table 10.5.3-1)."""
    peer.mode = "coercing"
    client(peer.url).store(FILE, INSTANCE)
    assert client(peer.url).has_instance(*UIDS)


def test_a_service_that_ignores_the_key_does_not_confirm_another_instance(peer: Peer) -> None:
    """The answer is filtered here."""
    peer.habits.ignores_keys = True
    peer.keep(DS, b"")
    assert client(peer.url).has_instance(*UIDS)
    assert not client(peer.url).has_instance(STUDY, SERIES, "1.2.3")


@pytest.mark.parametrize("page_size", [1, 7, 1000])
@pytest.mark.parametrize("ignores_offset", [False, True])
def test_all_instances_are_listed_however_the_service_pages(peer: Peer, page_size: int, ignores_offset: bool) -> None:
    """A service may give fewer rows than asked for, or always the same ones: then what it gives, and an end."""
    peer.habits.page_size, peer.habits.ignores_offset = page_size, ignores_offset
    expected = [f"1.2.{number}" for number in range(20)]
    for uid in expected:
        peer.stored[uid] = {"00080018": uid, "0020000E": SERIES}
    listed = [remote.sop_instance_uid for remote in client(peer.url).instances(STUDY)]
    assert listed == (expected[:page_size] if ignores_offset else expected)


def test_an_instance_without_a_valid_uid_is_not_listed(peer: Peer) -> None:
    """A peer's text never forms a path."""
    for uid in ("../../x", "1.2.3", "1.02.3", ""):
        peer.stored[uid] = {"00080018": uid, "0020000E": SERIES}
    assert [remote.sop_instance_uid for remote in client(peer.url).instances(STUDY)] == ["1.2.3"]


def test_an_instance_with_a_sloppy_uid_is_delivered_all_the_same(peer: Peer) -> None:
    """Units send leading zeros; the archive keeps them, so the line must not break on them."""
    uid = "1.2.03.4"
    peer.stored[uid] = {"00080018": uid}
    assert client(peer.url).has_instance("1.02", "1.2.0003", uid)


@pytest.mark.parametrize("uid", ["..", ".", "", "1/2", "1?x", "1%2e", "1" * 65])
def test_what_cannot_stand_in_a_path_is_never_asked_for(peer: Peer, uid: str) -> None:
    """The instance is refused, the others go on."""
    found = client(peer.url)
    with pytest.raises(errors.InstanceRefused):
        found.has_instance(uid, SERIES, INSTANCE)
    with pytest.raises(errors.InstanceRefused):
        found.fetch(STUDY, SERIES, uid, BytesIO())
    assert peer.requests == []


def test_a_single_part_answer_is_fetched_too(peer: Peer) -> None:
    """Some services answer application/dicom whatever was asked for."""
    peer.habits.single_part = True
    peer.keep(DS, FILE.read_bytes())
    sink = BytesIO()
    client(peer.url).fetch(*UIDS, sink)
    assert sink.getvalue() == FILE.read_bytes()


def test_fetching_what_is_gone_says_so(peer: Peer) -> None:
    """404 is not a wrong address when the query just worked."""
    with pytest.raises(errors.NotGiven, match="404"):
        client(peer.url).fetch(*UIDS, BytesIO())


@pytest.mark.parametrize("mode", sorted(set(FAULTS) - {"html", "huge", "garbled"}))
def test_a_fetch_at_a_faulty_service_names_the_fault(peer: Peer, mode: Mode) -> None:
    """Also when half of the file has arrived."""
    peer.keep(DS, FILE.read_bytes())
    peer.mode = mode
    with pytest.raises(PeerError) as caught:
        client(peer.url).fetch(*UIDS, BytesIO())
    assert type(caught.value) is FAULTS[mode]


@pytest.mark.parametrize("mode", ["html", "garbled"])
def test_an_answer_that_is_no_dicom_is_not_fetched(peer: Peer, mode: Mode) -> None:
    """Nothing of it reaches the sink."""
    peer.mode = mode
    sink = BytesIO()
    with pytest.raises(errors.BadAnswer):
        client(peer.url).fetch(*UIDS, sink)
    assert sink.getvalue() == b""


def test_half_a_file_of_unknown_length_is_not_taken_for_a_whole_one(peer: Peer) -> None:
    """Only the last boundary says that it is complete."""
    peer.keep(DS, FILE.read_bytes())
    peer.mode, peer.habits.says_length = "half-answering", False
    with pytest.raises(errors.BadAnswer):
        client(peer.url).fetch(*UIDS, BytesIO())


class FullDisk:
    """A sink on a disk without space."""

    def write(self, chunk: bytes) -> int:
        raise OSError(28, "No space left on device")


def test_the_sinks_own_failure_is_not_blamed_on_the_service(peer: Peer) -> None:
    """A full disk of the box is not an unreachable reader."""
    peer.keep(DS, FILE.read_bytes())
    with pytest.raises(OSError, match="No space left") as caught:
        client(peer.url).fetch(*UIDS, FullDisk())
    assert not isinstance(caught.value, PeerError)


@pytest.mark.parametrize(
    ("status", "created"),
    [(201, True), (200, True), (409, True), (404, False), (405, False), (501, False), (400, False)],
)
def test_a_workitem_is_created_or_the_service_has_no_worklist(peer: Peer, status: int, created: bool) -> None:
    """409 is an earlier attempt whose end was not seen (PS3.18 11.4)."""
    peer.habits.workitem_status = status
    assert client(peer.url).create_workitem("1.2.3", {}) is created
    assert peer.requests[0].path == "/dicom-web/workitems?1.2.3"


@pytest.mark.parametrize("mode", ["refusing", "busy", "unauthorized", "redirecting", "html", "hanging"])
def test_a_faulty_service_is_not_taken_for_one_without_a_worklist(peer: Peer, mode: Mode) -> None:
    """Else the request for a reading would be lost for good."""
    peer.mode = mode
    with pytest.raises(PeerError) as caught:
        client(peer.url).create_workitem("1.2.3", {})
    assert type(caught.value) is FAULTS[mode]


def test_nobody_at_the_address_is_unreachable() -> None:
    """A closed port, and a name that no resolver can know (RFC 6761 6.4)."""
    for url in (f"http://127.0.0.1:{free_port()}/dicom-web", "http://reader.invalid/dicom-web"):
        with pytest.raises(errors.Unreachable):
            client(url).probe()


def test_an_address_that_is_none_is_a_wrong_address() -> None:
    """Whatever got past the form."""
    for url in ("ftp://127.0.0.1/", "http://[::1", "http://*/"):
        with pytest.raises(errors.WrongAddress):
            client(url).probe()


def test_a_store_to_a_service_that_does_not_read_ends_in_bounded_time(peer: Peer, tmp_path: Path) -> None:
    """The time-out holds for sending too, long after all buffers are full."""
    peer.mode = "hanging"
    big = tmp_path / "big.dcm"
    with big.open("wb") as file:
        file.truncate(BIG_BYTES)
    started = time.monotonic()
    with pytest.raises(errors.Stalled):
        client(peer.url, answer_timeout_s=30).store(big, INSTANCE)
    assert time.monotonic() - started < 5


def test_a_line_that_dies_after_the_last_portion_is_noticed_before_the_answer_is_overdue() -> None:
    """What the kernel still holds is not acknowledged; the wait for a slow archive is not the wait for a dead line."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        started = time.monotonic()
        with pytest.raises(errors.Stalled):
            client(f"http://127.0.0.1:{listener.getsockname()[1]}", answer_timeout_s=20, resumable=False).store(
                FILE, INSTANCE
            )
        assert time.monotonic() - started < 10


def test_a_slow_but_moving_store_takes_as_long_as_it_needs(tmp_path: Path) -> None:
    """Longer in all than every time-out, and no portion of it longer."""
    path = tmp_path / "file.dcm"
    path.write_bytes(FILE.read_bytes() + bytes(2**20))
    answer = b'{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["%s"]}}]}}' % INSTANCE.encode()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=_read_slowly, args=[listener, path.stat().st_size, answer], daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        found = client(url, answer_timeout_s=0.5, resumable=False)
        started = time.monotonic()
        found.store(path, INSTANCE)
        assert time.monotonic() - started > 1


def _read_slowly(listener: socket.socket, size_bytes: int, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        received = bytearray()
        while len(received) < size_bytes or not received.endswith(b"--\r\n"):
            received += connection.recv(8192)
            time.sleep(0.01)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)


@pytest.fixture
def self_signed_port(tmp_path: Path) -> Iterator[int]:
    """A TLS service whose certificate nobody signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    arguments = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run([*arguments, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_shake_hands, args=[listener, context], daemon=True).start()
        yield int(listener.getsockname()[1])


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:  # the client refused the certificate
            return


def test_a_certificate_that_nobody_signed_is_not_trusted(self_signed_port: int) -> None:
    """The token is not sent to whoever answers."""
    with pytest.raises(errors.Untrusted):
        client(f"https://127.0.0.1:{self_signed_port}").probe()


def test_https_to_a_service_without_it_is_no_matter_of_certificates(peer: Peer) -> None:
    """The hint leads to the address."""
    with pytest.raises(errors.BrokenOff) as caught:
        client(peer.url.replace("http:", "https:")).probe()
    assert "http or https" in caught.value.advice


def test_a_redirection_is_not_followed_with_the_token(peer: Peer) -> None:
    """Neither a POST nor a query goes to another host."""
    with Peer() as other:
        peer.mode, peer.habits.elsewhere = "redirecting", f"{other.url}/studies"
        for ask in (DicomWebClient.probe, lambda c: c.store(FILE, INSTANCE)):
            with pytest.raises(errors.WrongAddress):
                ask(client(peer.url))
        assert other.requests == []


def test_neither_netrc_nor_proxy_of_the_environment_is_used(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the box sends and where does not hang on the environment."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    DicomWebClient(peer.url).probe()
    assert "Authorization" not in peer.requests[0].headers


def test_a_user_and_password_go_as_basic_authentication(peer: Peer) -> None:
    """For archives that know no tokens."""
    DicomWebClient(peer.url, basic=("ann", "pw")).probe()
    assert peer.requests[0].headers["Authorization"] == "Basic YW5uOnB3"


def test_every_error_has_its_own_code_words_and_advice_and_names_no_patient() -> None:
    """And only what concerns one instance for good is not tried again."""
    kinds = [
        k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, PeerError) and k is not PeerError
    ]
    assert len({kind.code for kind in kinds}) == len(kinds) >= 12
    for kind in kinds:
        fields = {name for _, name, _, _ in string.Formatter().parse(kind.message + kind.hint) if name}
        assert fields <= {"status", "reason"}
        error = kind(**dict.fromkeys(fields, 7))
        assert error.text.endswith(".")
        assert error.advice.endswith(".")
        assert error.transient or error.about_instance
    assert {kind for kind in kinds if not kind.transient} == {errors.InstanceRefused, errors.FileUnreadable}
