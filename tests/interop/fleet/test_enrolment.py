"""Who gets into the vendor's service and who does not: real TLS, real client certificates."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.certificates import new_key, private_pem
from appliance.clock import now
from provisioning.agent.link import Link
from provisioning.agent.membership import Membership
from provisioning.fleet.authority import Authority
from provisioning.fleet.health import lines
from provisioning.fleet.serving import nginx_configuration
from provisioning.protocol.identity import Enrolment, Identity, keep, load_key, request_for
from provisioning.protocol.messages import (
    Challenge,
    ClaimRequest,
    EnrolRequest,
    Heartbeat,
    HeartbeatReply,
    Issued,
    RenewRequest,
)
from provisioning.protocol.refused import LinkDown, NotKnown, WrongCode
from tests.fleet import HOST, SERIAL, Service
from tests.fleet_line import lossy
from tests.fleet_nginx import behind_nginx

BEAT = Heartbeat("1.0", 1, 1, None, [], 0, 0, "", None, {})


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service."""
    made = Service(tmp_path / "fleet").start()
    yield made
    made.stop()


@pytest.fixture
def box(service: Service, tmp_path: Path) -> Membership:
    """A box that is registered and enrolled."""
    service.register(tmp_path / "box")
    found = Membership(tmp_path / "box")
    found.ensure("")
    return found


def _beat(box: Membership) -> HeartbeatReply:
    link = box.link("")
    try:
        return link.ask("heartbeat", BEAT, HeartbeatReply)
    finally:
        link.close()


def _replace_certificate(service: Service, box: Membership, life: timedelta) -> None:
    """Let the box have had its certificate for longer: issue one with another life, as the service would."""
    service.fleet.enrolments._life = life
    box.enrol("")
    service.fleet.enrolments._life = timedelta(days=30)


def test_an_enrolled_box_is_heard(service: Service, box: Membership) -> None:
    """Its certificate names the serial and lasts 30 days; its key file is for its user only."""
    assert _beat(box) == HeartbeatReply()
    certificate = box.certificate()
    assert certificate is not None
    assert certificate.subject.rfc4514_string() == f"CN={SERIAL}"
    assert abs(certificate.not_valid_after_utc - now() - timedelta(days=30)) < timedelta(minutes=5)
    assert (box.folder / "client.pem").stat().st_mode & 0o777 == 0o600
    assert (service.folder / "keys" / "authority-key.pem").stat().st_mode & 0o777 == 0o600


def test_without_a_certificate_nothing_but_enrolment_answers(service: Service, box: Membership) -> None:
    """The same for every address."""
    bare = Link(service.url, box.folder / "authority.pem")
    for path in ("document/settings", "releases/metadata/root.json"):
        with pytest.raises(NotKnown):
            bare.fetch(path)
    with pytest.raises(NotKnown):
        bare.ask("heartbeat", BEAT, HeartbeatReply)


def test_a_cloned_serial_and_an_unknown_one_get_the_same_answer(service: Service, box: Membership, tmp_path) -> None:
    """Whoever probes serials learns nothing."""
    answers = []
    for name, serial in (("clone", SERIAL), ("stranger", "BX-9999")):
        identity, link = Identity(tmp_path / name), requests.Session()
        authority = str(box.folder / "authority.pem")
        nonce = link.post(f"{service.url}/v1/challenge", data=b"{}", verify=authority, timeout=30).json()["nonce"]
        proof = identity.prove(Enrolment(serial, nonce, request_for(serial, new_key())))
        body = msgspec.json.encode(EnrolRequest(proof))
        answer = link.post(f"{service.url}/v1/enrol", data=body, verify=authority, timeout=30)
        answers.append((answer.status_code, answer.content))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
    _beat(box)


def test_an_enrolment_sent_again_is_refused(service: Service, box: Membership) -> None:
    """The nonce was used."""
    link = Link(service.url, box.folder / "authority.pem")
    nonce = link.ask("challenge", {}, Challenge).nonce
    request = EnrolRequest(box.identity.prove(Enrolment(SERIAL, nonce, request_for(SERIAL, new_key()))))
    link.ask("enrol", request, Issued)
    with pytest.raises(NotKnown):
        link.ask("enrol", request, Issued)


def test_an_old_nonce_is_no_good(service: Service, box: Membership) -> None:
    """One that the service never gave."""
    link = Link(service.url, box.folder / "authority.pem")
    request = EnrolRequest(box.identity.prove(Enrolment(SERIAL, "made-up", request_for(SERIAL, new_key()))))
    with pytest.raises(NotKnown):
        link.ask("enrol", request, Issued)


def test_a_foreign_authority_opens_nothing(service: Service, box: Membership, tmp_path: Path) -> None:
    """Neither towards the service nor towards the box."""
    foreign = Authority(tmp_path / "foreign")
    foreign.create("Foreign", [HOST])
    key = new_key()
    pem = foreign.issue(SERIAL, key.public_key()).public_bytes(Encoding.PEM)
    keep(tmp_path / "forged.pem", pem + private_pem(key))
    with pytest.raises(LinkDown):
        Link(service.url, box.folder / "authority.pem", tmp_path / "forged.pem").ask("heartbeat", BEAT, HeartbeatReply)
    with pytest.raises(LinkDown, match="certificate"):
        Link(service.url, foreign.certificate_file).ask("challenge", {}, Challenge)


def test_headers_of_a_proxy_are_refused_from_anywhere_else(service: Service, box: Membership) -> None:
    """Even together with nothing else wrong."""
    pem = (box.folder / "client.pem").read_text().partition("-----BEGIN PRIVATE")[0]
    forged = {"X-Client-Certificate": quote(pem), "X-Client-Verify": "SUCCESS"}
    answer = requests.post(
        f"{service.url}/v1/heartbeat",
        data=msgspec.json.encode(BEAT),
        headers=forged,
        verify=str(box.folder / "authority.pem"),
        timeout=30,
    )
    assert answer.status_code == 403


def test_nginx_overwrites_forged_headers(tmp_path: Path) -> None:
    """The real nginx with our configuration: a forged header fails, a real certificate passes."""
    with behind_nginx(tmp_path, nginx_configuration) as (service, url):
        service.register(tmp_path / "box")
        box = Membership(tmp_path / "box")
        box.enrol(url)
        assert box.link(url).ask("heartbeat", BEAT, HeartbeatReply) == HeartbeatReply()
        pem = (box.folder / "client.pem").read_text().partition("-----BEGIN PRIVATE")[0]
        forged = {"X-Client-Certificate": quote(pem), "X-Client-Verify": "SUCCESS"}
        answer = requests.post(
            f"{url}/v1/heartbeat",
            data=msgspec.json.encode(BEAT),
            headers=forged,
            verify=str(box.folder / "authority.pem"),
            timeout=30,
        )
        assert answer.status_code == 403


def test_an_expired_certificate_fails_and_the_identity_key_brings_the_box_back(
    service: Service, box: Membership
) -> None:
    """As after 90 days without a line."""
    _replace_certificate(service, box, timedelta(seconds=-60))
    with pytest.raises(LinkDown):
        _beat(box)
    assert box.ensure("")
    assert _beat(box) == HeartbeatReply()


def test_renewal_is_due_after_two_thirds_and_brings_a_fresh_key(
    service: Service, box: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the box itself when it next calls; the old certificate ends when the new one is first used."""
    assert not box.ensure("")
    before = load_key(box.folder / "client.pem")
    shutil.copy(box.folder / "client.pem", box.folder / "old.pem")
    certificate = box.certificate()
    assert certificate is not None
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    for part, due in ((0.66, False), (0.67, True)):
        at = certificate.not_valid_before_utc + life * part
        monkeypatch.setattr("provisioning.agent.membership.now", lambda at=at: at)
        assert box.ensure("") == due
    monkeypatch.undo()
    assert load_key(box.folder / "client.pem").private_numbers() != before.private_numbers()
    old = Link(service.url, box.folder / "authority.pem", box.folder / "old.pem")
    assert old.ask("heartbeat", BEAT, HeartbeatReply) == HeartbeatReply()
    _beat(box)
    with pytest.raises(NotKnown):
        old.ask("heartbeat", BEAT, HeartbeatReply)


def test_a_lost_renewal_reply_is_repeated_with_the_same_key(
    service: Service, box: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line breaks after the service renewed and before the box heard: asked again, the same certificate comes."""
    renew, issued = service.fleet.enrolments.renew, []
    with lossy(service.port) as line:

        def renew_and_cut(serial: str, csr: str) -> str:
            issued.append(renew(serial, csr))
            if len(issued) == 1:
                line.cut()
            return issued[-1]

        monkeypatch.setattr(service.fleet.enrolments, "renew", renew_and_cut)
        with pytest.raises(LinkDown):
            box.renew(f"https://{HOST}:{line.port}")
        key = (box.folder / "next-key.pem").read_bytes()
        again = Membership(box.folder)
        again.renew(f"https://{HOST}:{line.port}")
    assert issued[0] == issued[1]
    assert (box.folder / "client.pem").read_bytes() == issued[0].encode() + key
    assert _beat(again) == HeartbeatReply()


def test_a_revoked_box_is_out_at_its_next_request(service: Service, box: Membership) -> None:
    """And cannot enrol again."""
    link = box.link("")
    link.ask("heartbeat", BEAT, HeartbeatReply)
    service.fleet.registry.revoke(SERIAL, who="owner")
    with pytest.raises(NotKnown):
        link.ask("heartbeat", BEAT, HeartbeatReply)
    with pytest.raises(NotKnown):
        box.enrol("")


def test_a_label_works_once(service: Service, tmp_path: Path) -> None:
    """Typed as people type; a used, a wrong and a guessed code get one answer."""
    code = service.register(tmp_path / "box")
    box = Membership(tmp_path / "box")
    box.claim("", code.lower().replace("-", " "), "Test Clinic")
    for wrong in (code, "AAAA-BBBB-CCCC"):
        with pytest.raises(WrongCode):
            box.claim("", wrong, "Other Clinic")
    link = box.link("")
    with pytest.raises(WrongCode):
        link.ask("claim", ClaimRequest(code, "Other Clinic"), dict)


def test_codes_cannot_be_guessed_for_long(service: Service, tmp_path: Path) -> None:
    """After ten tries even the right code is void."""
    code = service.register(tmp_path / "box")
    box = Membership(tmp_path / "box")
    box.ensure("")
    link = box.link("")
    for _ in range(10):
        with pytest.raises(WrongCode):
            link.ask("claim", ClaimRequest("AAAA-BBBB-CCCC", "Test Clinic"), dict)
    with pytest.raises(WrongCode):
        link.ask("claim", ClaimRequest(code, "Test Clinic"), dict)


def test_a_replaced_box_is_shut_out_and_the_new_one_has_its_clinic(
    service: Service, box: Membership, tmp_path: Path
) -> None:
    """At once; and the settings that the vendor made for the clinic."""
    service.fleet.registry.assign(SERIAL, "Test Clinic", who="owner")
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    service.register(tmp_path / "new", "BX-0002")
    new = Membership(tmp_path / "new")
    new.ensure("")
    service.fleet.documents.replace(SERIAL, "BX-0002", who="owner")
    with pytest.raises(NotKnown):
        _beat(box)
    assert _beat(new) == HeartbeatReply(settings_version=1, claimed=True)
    assert service.document("settings", 1, "BX-0002").body["values"] == {"ae_title": "XRAY"}
    assert [(line.serial, line.clinic, line.state) for line in lines(service.fleet.store)] == [
        (SERIAL, "Test Clinic", "revoked"),
        ("BX-0002", "Test Clinic", "enrolled"),
    ]


def test_an_impostor_with_a_good_certificate_gets_only_its_own(service: Service, box: Membership, tmp_path) -> None:
    """Whatever serial its request names: who asks is told by the certificate alone."""
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    service.register(tmp_path / "impostor", "BX-0666")
    service.hand_trust(tmp_path / "impostor", SERIAL)
    impostor = Membership(tmp_path / "impostor")
    with pytest.raises(NotKnown):
        impostor.enrol("")
    service.hand_trust(tmp_path / "impostor", "BX-0666")
    impostor = Membership(tmp_path / "impostor")
    impostor.enrol("")
    with pytest.raises(LinkDown, match="404"):
        impostor.link("").fetch("document/settings")
    asked = RenewRequest(request_for(SERIAL, new_key()))
    renewed = x509.load_pem_x509_certificate(impostor.link("").ask("renew", asked, Issued).certificate.encode())
    assert renewed.subject.rfc4514_string() == "CN=BX-0666"
    assert box.link("").fetch("document/settings") == service.document("settings", 1).envelope


def test_a_certificate_without_its_key_opens_nothing(service: Service, box: Membership, tmp_path: Path) -> None:
    """As copied from a log or from the wire."""
    pem = (box.folder / "client.pem").read_text().partition("-----BEGIN PRIVATE")[0]
    keep(tmp_path / "copied.pem", pem.encode() + private_pem(new_key()))
    with pytest.raises((LinkDown, OSError)):
        Link(service.url, box.folder / "authority.pem", tmp_path / "copied.pem").ask("heartbeat", BEAT, HeartbeatReply)


def test_the_services_own_certificate_is_renewed_before_it_ends(service: Service, box: Membership) -> None:
    """For the same names, by the same authority, so that boxes go on."""
    authority = service.fleet.authority
    before = authority.server_certificate_file.read_bytes()
    assert not authority.ensure_server()
    later = now() + timedelta(days=800)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provisioning.fleet.authority.now", lambda: later)
        assert authority.ensure_server()
    assert authority.server_certificate_file.read_bytes() != before
