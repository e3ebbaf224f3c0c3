"""Certificates for boxes: the first, the next, and one after a long time without.

An unknown serial, a cloned one, a revoked or retired box, and a used nonce get one and the same answer.
"""

import secrets
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from appliance.clock import after, moment, now, stamp
from provisioning.fleet import audit
from provisioning.fleet.authority import Authority, fingerprint_of, key_fingerprint_of, requested_key
from provisioning.fleet.registry import ANSWERED
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Box, Certificate, Nonce
from provisioning.protocol.identity import Proof, opened
from provisioning.protocol.messages import CERTIFICATE_DAYS
from provisioning.protocol.refused import NotKnown

NONCE_S = 300.0


class Enrolments:
    """Issues certificates, and tells whose a certificate is."""

    def __init__(self, store: Store, authority: Authority, life: timedelta = timedelta(days=CERTIFICATE_DAYS)) -> None:
        self._store = store
        self._authority = authority
        self._life = life

    def challenge(self) -> str:
        """A number for one enrolment within five minutes."""
        nonce = secrets.token_urlsafe(24)
        with self._store.write() as session:
            session.execute(delete(Nonce).where(Nonce.ends_at < stamp()))
            session.add(Nonce(nonce=nonce, ends_at=after(NONCE_S)))
        return nonce

    def enrol(self, proof: Proof) -> str:
        """A certificate (PEM) for a box that proves its registered identity; raises NotKnown."""
        enrolment, identity = opened(proof)
        key = requested_key(enrolment.csr)
        with self._store.write() as session:
            used = session.execute(
                delete(Nonce).where(Nonce.nonce == enrolment.nonce, Nonce.ends_at >= stamp()).returning(Nonce.nonce)
            ).first()
            box = session.get(Box, enrolment.serial)
            good = used is not None and box is not None and box.identity == identity and box.state in ANSWERED
            if not good or box is None:
                audit.record(session, "box", "enrolment-refused", enrolment.serial[:32])
                pem = None
            else:
                box.state = "enrolled" if box.state == "registered" else box.state
                audit.record(session, "box", "enrolled", box.serial)
                pem = self._issue(session, box, key)
        if pem is None:
            raise NotKnown
        return pem

    def renew(self, serial: str, csr: str) -> str:
        """A certificate for a fresh key; asked again with the same request, the same answer. Raises NotKnown."""
        key = requested_key(csr)
        with self._store.write() as session:
            box = session.get(Box, serial)
            if box is None or box.state not in ANSWERED:
                raise NotKnown
            audit.record(session, "box", "renewed", serial)
            return self._issue(session, box, key)

    def _issue(self, session: Session, box: Box, key: ec.EllipticCurvePublicKey) -> str:
        key_fingerprint = key_fingerprint_of(key)
        known = session.scalars(select(Certificate).where(Certificate.key_fingerprint == key_fingerprint)).first()
        if known:
            if known.serial != box.serial or known.revoked_at or moment(known.ends_at) <= now():
                raise NotKnown  # a key is certified once: a fresh one is needed
            return known.pem
        made = self._authority.issue(box.serial, key, self._life)
        pem = made.public_bytes(serialization.Encoding.PEM).decode()
        session.add(
            Certificate(
                fingerprint=fingerprint_of(made),
                serial=box.serial,
                key_fingerprint=key_fingerprint,
                pem=pem,
                issued_at=stamp(),
                ends_at=stamp(made.not_valid_after_utc),
            )
        )
        return pem

    def caller(self, session: Session, certificate: x509.Certificate) -> Box:
        """The box that shows a certificate, as the database has it at this moment; raises NotKnown."""
        return self._shown(session, certificate)[1]

    def greet(self, session: Session, certificate: x509.Certificate) -> Box:
        """As `caller`; and a certificate that is shown for the first time ends the older ones with their keys."""
        shown, box = self._shown(session, certificate)
        if shown.shown_at is None:
            shown.shown_at = stamp()
            older = update(Certificate).where(
                Certificate.serial == shown.serial,
                Certificate.issued_at < shown.issued_at,
                Certificate.revoked_at.is_(None),
            )
            session.execute(older.values(revoked_at=stamp()))
        return box

    def _shown(self, session: Session, certificate: x509.Certificate) -> tuple[Certificate, Box]:
        query = (
            select(Certificate, Box)
            .join(Box, Box.serial == Certificate.serial)
            .where(Certificate.fingerprint == fingerprint_of(certificate))
        )
        found = session.execute(query).first()
        if found is None:
            raise NotKnown
        known, box = found
        if known.revoked_at or moment(known.ends_at) <= now() or box.state not in ANSWERED:
            raise NotKnown
        return known, box
