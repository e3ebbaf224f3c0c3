"""Delivery: log-ins, hours, choice of codec, copies, receipts; resumable uploads against our own service."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.data import get_testdata_file
from waitress.server import create_server

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.courier.access import Access, access_from
from appliance.courier.compression import choose
from appliance.courier.copies import EncodeWorker
from appliance.courier.delivery import ConfirmWorker, DeliveryWorker
from appliance.courier.found import Found
from appliance.courier.hours import limit_bytes_s, parse_hours
from appliance.courier.queue import PRIORITIES
from appliance.courier.uplink import Uplink
from appliance.dicomweb import uploads
from appliance.dicomweb.client import DicomWebClient
from appliance.dicomweb.multipart import FileBody
from appliance.errors import BadInput
from appliance.imaging.decode import decode_frame
from appliance.imaging.encode import ENCODERS, main
from appliance.logs import Log
from appliance.peer_errors import Altered, BadReceipt, ForeignKey
from appliance.reading.arrival import Overtaken, Sent, Straight
from appliance.reading.receipts import Held, Signer, read_receipt
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.pictures import small_study
from webui.services import BoxFacts

FILE = Path(str(get_testdata_file("CT_small.dcm", download=False)))
DS = dcmread(FILE)
UID = str(DS.SOPInstanceUID)
LOCAL = Provenance("local", "test", "", stamp())
JPEG_LS = "1.2.840.10008.1.2.4.80"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[Box, str, str]]:
    """A reader's services behind waitress, its DICOMweb address and a token."""
    box = Box(load(tmp_path / "reader", command_line={}, environ={}))
    facts = BoxFacts("reader", "R", lambda: ["127.0.0.1"], lambda: None, 0, box.secret_key)
    server = create_server(build_app(box, facts, Log("web")), host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    yield box, f"http://127.0.0.1:{server.effective_port}/dicom-web", box.tokens.create("clinic", "technician")
    server.close()


def test_an_instance_goes_as_a_resumable_upload_and_its_receipt_names_its_digest(
    reader: tuple[Box, str, str],
) -> None:
    """The whole round with our own service."""
    box, url, token = reader
    keys: list[str] = []
    client = DicomWebClient(url, token=token, on_key=keys.append)
    client.store(FILE, UID)
    held = box.catalogue.instance_by_uid(UID)
    sent = _sent(held.dataset_sha256)
    confirmation = client.confirm(sent)
    assert confirmation is not None
    assert (confirmation.by, confirmation.sha256) == ("receipt", held.dataset_sha256)
    assert keys == [box.signer.public_key]
    document = client.receipt(str(DS.StudyInstanceUID))
    assert document is not None
    assert [h.sop_instance_uid for h in _read(box, document).held] == [UID]


def _sent(digest: str) -> Sent:
    return Sent(str(DS.StudyInstanceUID), str(DS.SeriesInstanceUID), UID, str(DS.SOPClassUID), frozenset({digest}))


def _read(box: Box, document):  # type: ignore[no-untyped-def]  # a receipt
    return read_receipt(document, public_key=box.signer.public_key, study_instance_uid=str(DS.StudyInstanceUID))


def test_what_is_not_there_is_not_confirmed_and_other_content_is_noticed(reader: tuple[Box, str, str]) -> None:
    """None, and Altered; a key that is not the known one is not believed."""
    _, url, token = reader
    client = DicomWebClient(url, token=token)
    assert client.confirm(_sent("0" * 64)) is None
    client.store(FILE, UID)
    with pytest.raises(Altered):
        client.confirm(_sent("0" * 64))
    with pytest.raises(ForeignKey):
        DicomWebClient(url, token=token, reader_key="ab" * 32).confirm(_sent("0" * 64))


def test_a_receipt_that_was_changed_is_not_valid(tmp_path: Path) -> None:
    """Payload, study and signature."""
    signer = Signer(tmp_path / "keys" / "key")
    assert Signer(tmp_path / "keys" / "key").public_key == signer.public_key
    document = signer.receipt("1.2", "Reader", [Held("1.2.3", "ab", 5, stamp())])
    good = read_receipt(document, public_key=signer.public_key, study_instance_uid="1.2")
    assert good.digests("1.2.3") == {"ab"}
    for change in (
        {"payload": document["payload"].replace("ab", "cd")},
        {"signature": "00" * 64},
        {"signature": "no"},
    ):
        with pytest.raises(BadReceipt):
            read_receipt(document | change, public_key=signer.public_key, study_instance_uid="1.2")
    with pytest.raises(BadReceipt):
        read_receipt(document, public_key=signer.public_key, study_instance_uid="1.3")


class _Passage(Straight):
    """Breaks off after a number of portions."""

    def __init__(self, portions: int) -> None:
        self.left = portions
        self.urls: list[str | None] = []

    def upload_at(self, url: str | None) -> None:
        self.upload_url = url
        self.urls.append(url)

    def moved(self, size_bytes: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise Overtaken


def test_an_overtaken_upload_goes_on_where_it_was(reader: tuple[Box, str, str], tmp_path: Path) -> None:
    """Also over another connection; not a byte goes twice."""
    box, url, token = reader
    (ds,) = small_study("cervical-spine", 0.3)
    path = tmp_path / "big.dcm"
    ds.save_as(path, enforce_file_format=True)
    client, passage = DicomWebClient(url, token=token), _Passage(4)
    with pytest.raises(Overtaken):
        client.store(path, str(ds.SOPInstanceUID), passage)
    assert passage.upload_url is not None
    (part,) = (box.settings.data / "uploads").glob("*.part")
    assert part.stat().st_size == 4 * uploads.PORTION_BYTES
    again = DicomWebClient(url, token=token)
    again.store(path, str(ds.SOPInstanceUID), passage)
    assert len([u for u in passage.urls if u]) == 1
    assert dcmread(box.catalogue.instance_by_uid(str(ds.SOPInstanceUID)).path).PixelData == ds.PixelData


@pytest.mark.parametrize("path", [f"/uploads/{'0' * 32}", "/uploads", "/studies", ""])
def test_a_lost_upload_begins_anew(path: str, reader: tuple[Box, str, str]) -> None:
    """The far side has forgotten it, or never had one at this address."""
    box, url, token = reader
    passage = _Passage(-1)
    passage.upload_url = url + path
    DicomWebClient(url, token=token).store(FILE, UID, passage)
    assert box.catalogue.instance_by_uid(UID)


def test_uploads_answer_as_the_draft_says(reader: tuple[Box, str, str]) -> None:
    """Creation, offset, a wrong offset, a wrong digest, another sender, cancellation."""
    box, url, token = reader
    auth = {"Authorization": f"Bearer {token}"}
    body = FileBody(FILE)
    content = body.portion(len(body))
    wrong = base64.b64encode(b"\0" * 32).decode()
    said = auth | {"Content-Type": body.content_type, "Upload-Complete": "?0", "Upload-Length": str(len(content))}
    assert "Upload-Limit" in requests.options(f"{url}/studies", headers=auth, timeout=10).headers

    def create(**more: str) -> str:
        answer = requests.post(f"{url}/studies", headers=said | more, timeout=10)
        assert answer.status_code == 201
        return answer.headers["Location"]

    def append(upload: str, offset: int, data: bytes, complete: str = "?0") -> requests.Response:
        headers = auth | {"Upload-Offset": str(offset), "Upload-Complete": complete}
        return requests.patch(upload, headers=headers, data=data, timeout=10)

    upload = create()
    assert append(upload, 0, content[:1000]).headers["Upload-Offset"] == "1000"
    assert append(upload, 0, content[:1000]).status_code == 409
    state = requests.head(upload, headers=auth, timeout=10)
    assert (state.headers["Upload-Offset"], state.headers["Upload-Complete"]) == ("1000", "?0")
    other = {"Authorization": f"Bearer {box.tokens.create('other', 'technician')}"}
    assert requests.head(upload, headers=other, timeout=10).status_code == 404
    assert append(upload, 1000, content[1000:] + b"more", "?1").status_code == 400
    bad = create(**{"Repr-Digest": f"sha-256=:{wrong}:"})
    assert append(bad, 0, content, "?1").status_code == 400
    assert requests.head(bad, headers=auth, timeout=10).status_code == 404
    assert box.catalogue.count() == 0
    good = create()
    assert append(good, 0, content, "?1").status_code == 200
    assert box.catalogue.count() == 1
    assert requests.head(good, headers=auth, timeout=10).headers["Upload-Complete"] == "?1"
    assert requests.delete(upload, headers=auth, timeout=10).status_code == 204
    assert requests.head(f"{url}/uploads/..%2f..%2fx", headers=auth, timeout=10).status_code == 404


@pytest.mark.parametrize("syntax", sorted(ENCODERS))
def test_a_copy_has_the_same_pixels_and_the_same_words(syntax: str, tmp_path: Path) -> None:
    """Bit by bit, UID kept, original untouched."""
    (ds,) = small_study("cervical-spine", 0.2)
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"
    ds.save_as(source, enforce_file_format=True)
    before = source.read_bytes()
    assert main([str(source), str(target), "--to", syntax]) == 0
    copy = dcmread(target)
    assert copy.file_meta.TransferSyntaxUID == syntax
    assert copy.SOPInstanceUID == ds.SOPInstanceUID
    assert (decode_frame(target).pixels == ds.pixel_array).all()
    assert target.stat().st_size < source.stat().st_size
    assert source.read_bytes() == before


def test_a_picture_that_hides_something_above_its_samples_is_not_encoded(tmp_path: Path) -> None:
    """An old overlay in the upper bits would be lost."""
    (ds,) = small_study("cervical-spine", 0.2)
    pixels = ds.pixel_array.copy()
    pixels[5, 5] |= 0x8000
    ds.PixelData = pixels.tobytes()
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert main([str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm"), "--to", JPEG_LS]) == 1


def test_the_codec_is_chosen_by_line_destination_and_cpu() -> None:
    """A slow line wants the smallest, a fast one none, a slow CPU the quickest."""
    assert choose(Found()) == JPEG_LS
    assert choose(Found(syntaxes={JPEG_LS: False})) != JPEG_LS
    assert choose(Found(syntaxes=dict.fromkeys(ENCODERS, False))) is None
    assert choose(Found(rate_bytes_s=500e6)) is None
    assert choose(Found(rate_bytes_s=6e6), cpu=0.2) != JPEG_LS
    assert choose(Found(), cpu=0.001) is None


@pytest.mark.parametrize(
    ("text", "hour", "limit"),
    [
        ("", 9, None),
        ("08-18=2000", 9, 250_000),
        ("08-18=2000", 18, None),
        ("22-06=0", 2, 0),
        ("8-9=80 8-12=8", 8, 1000),
    ],
)
def test_hours_limit_what_they_name(text: str, hour: int, limit: int | None) -> None:
    """Spans may run over midnight; the tightest counts."""
    assert limit_bytes_s(parse_hours(text), datetime(2026, 1, 1, hour)) == limit  # noqa: DTZ001 - local hours


@pytest.mark.parametrize("text", ["8=1", "08-18", "08-25=1", "24-3=1", "8-8=1", "a-b=c", "08-18=-1"])
def test_hours_that_make_no_sense_are_refused(text: str) -> None:
    """At the edge."""
    with pytest.raises(BadInput):
        parse_hours(text)


def test_access_keeps_what_it_is_given_and_shows_no_secret() -> None:
    """To the row and back."""
    access = Access(token_url="https://x.example/token", client_id="box", client_secret="zzsecret").checked()
    assert access_from(access.to_json()) == access
    assert "zzsecret" not in json.dumps(access.without_secrets().__dict__)
    for bad in (Access(user="x"), Access(token_url="https://x.example/t"), Access(certificate_pem="x")):
        with pytest.raises(BadInput):
            bad.checked()


def _workers(box: Box, destination_id: int) -> tuple[DeliveryWorker, ConfirmWorker]:
    uplink = Uplink(box.queue, box.copies, box.destinations)
    common = {"destinations": box.destinations, "queue": box.queue, "uplink": uplink, "client_for": box.client_for}
    return (
        DeliveryWorker(destination_id, requests=box.requests, copies=box.copies, **common),  # type: ignore[arg-type]  # options of several types
        ConfirmWorker(destination_id, evidence=box.evidence, **common),  # type: ignore[arg-type]  # options of several types
    )


def test_a_study_goes_as_encoded_copies_and_its_receipt_adds_up(box: Box, reader: tuple[Box, str, str]) -> None:
    """Counted, received, at the reader: three numbers that agree, with the digests of what went out."""
    far, url, token = reader
    destination = box.destinations.add("Reader", url, token=token, auto=True)
    for ds in small_study(scale=0.25):
        take_dataset(box.intake, ds, LOCAL)
    box.queue.route_new()
    encoder = EncodeWorker(box.database, box.destinations, box.copies)
    while encoder.run_once() == 0.0:
        pass
    delivery, confirm = _workers(box, destination.id)
    while not box.queue.progress(1)[0].complete:
        delivery.run_once()
        confirm.run_once()
    confirm.run_once()
    box.evidence.count(1, 3, "ann")
    receipt = box.evidence.of_study(1)
    (at,) = receipt.destinations
    assert (receipt.total, at.verified, receipt.complete_at(at)) == (3, 3, False)  # three local ones, none from a unit
    assert {line.verified_by for line in at.lines} == {"receipt"}
    assert {line.sent_as for line in at.lines} == {JPEG_LS}
    assert all(line.far_sha256 == line.sent_sha256 != line.dataset_sha256 for line in at.lines)
    assert at.reader_key == far.signer.public_key
    assert at.document is not None
    assert not list((box.settings.data / "copies").rglob("*.dcm")) or encoder.run_once() > 0
    assert not list((box.settings.data / "copies").rglob("*.dcm"))
    for ds in far.catalogue.instances(1):
        assert dcmread(ds.path).file_meta.TransferSyntaxUID == JPEG_LS


def test_order_after_days_without_a_line_is_stat_urgent_oldest(box: Box) -> None:
    """Faults of the line do not shuffle the queue."""
    destination = box.destinations.add("Reader", "http://127.0.0.1:1/dicom-web")
    for number, urgency in enumerate(("routine", "urgent", "STAT", "routine"), 1):
        (ds,) = small_study("cervical-spine", 0.05)
        take_dataset(box.intake, ds, LOCAL)
        box.queue.request(number, destination.id, PRIORITIES[urgency], "ann", f"1.2.{number}")
    with box.database.write() as db:
        db.conn.execute("UPDATE reading_request SET workitem_state = 'unsupported'")
    worker, _ = _workers(box, destination.id)
    for _ in range(3):
        box.destinations.kick(destination.id)
        worker.run_once()
    order = []
    while delivery := box.queue.next_due(destination.id, ("waiting",)):
        order.append(delivery.study_id)
        box.queue.verified(delivery)
    assert order == [3, 2, 1, 4]


def test_a_closed_window_holds_back_all_but_stat(box: Box, reader: tuple[Box, str, str]) -> None:
    """Nothing is sent at any hour but what cannot wait."""
    _, url, token = reader
    destination = box.destinations.add("Reader", url, token=token, hours="0-24=0")
    for number, urgency in enumerate(("urgent", "STAT"), 1):
        (ds,) = small_study("cervical-spine", 0.05)
        take_dataset(box.intake, ds, LOCAL)
        box.queue.request(number, destination.id, PRIORITIES[urgency], "ann", f"1.2.{number}")
    delivery, confirm = _workers(box, destination.id)
    for _ in range(6):
        delivery.run_once()
        confirm.run_once()
    assert box.destinations.get(destination.id).trouble is None
    assert [box.queue.progress(n)[0].verified for n in (1, 2)] == [0, 1]


def test_a_body_is_the_same_each_time_and_can_begin_anywhere() -> None:
    """What an upload needs that goes on after a restart."""
    first, second = FileBody(FILE), FileBody(FILE)
    whole = first.portion(len(first))
    for offset in (0, 1, 70, 150, 1000, len(whole) - 30, len(whole) - 1, len(whole)):
        second.seek(offset)
        assert second.portion(len(whole)) == whole[offset:]
    assert io.BytesIO(whole).getbuffer().nbytes == len(first)
