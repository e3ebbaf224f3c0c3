"""The tables of the service. Times are stamps of `appliance.clock`; the schema itself is made by alembic."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, bytes: LargeBinary}  # noqa: RUF012 - as SQLAlchemy wants it declared


class Clinic(Base):
    """Who has boxes."""

    __tablename__ = "clinic"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    made_at: Mapped[str]


class Box(Base):
    """One box, from its manufacture to its end."""

    __tablename__ = "box"
    serial: Mapped[str] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(unique=True)
    """Fingerprint of the identity key."""
    code_hash: Mapped[str | None]
    """argon2id of the setup code; NULL once it was used."""
    code_tries: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="registered")
    """registered, enrolled, revoked, wipe-pending, retired."""
    clinic_id: Mapped[int | None] = mapped_column(ForeignKey("clinic.id"), index=True)
    replaced_by: Mapped[str | None] = mapped_column(ForeignKey("box.serial"))
    registered_at: Mapped[str]
    seen_at: Mapped[str | None] = mapped_column(index=True)
    release: Mapped[str | None]
    pinned: Mapped[str | None]
    """The release that this box stays with, whatever is rolled out."""
    heartbeat: Mapped[dict[str, Any] | None]
    audit_number: Mapped[int] = mapped_column(default=0)
    audit_hash: Mapped[str] = mapped_column(default="")
    audit_trouble: Mapped[str | None]
    versions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The number of the newest document by kind, as in a heartbeat's reply."""


class Certificate(Base):
    """A client certificate; only those without `revoked_at` open anything."""

    __tablename__ = "certificate"
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    serial: Mapped[str] = mapped_column(ForeignKey("box.serial"), index=True)
    key_fingerprint: Mapped[str]
    pem: Mapped[str]
    issued_at: Mapped[str]
    ends_at: Mapped[str]
    shown_at: Mapped[str | None]
    """When the box first came with it; the older ones end then."""
    revoked_at: Mapped[str | None]
    __table_args__ = (UniqueConstraint("serial", "key_fingerprint"),)


class Nonce(Base):
    """A number handed out for one enrolment."""

    __tablename__ = "nonce"
    nonce: Mapped[str] = mapped_column(primary_key=True)
    ends_at: Mapped[str] = mapped_column(index=True)


class Document(Base):
    """A signed document for a box, and what became of it."""

    __tablename__ = "document"
    serial: Mapped[str] = mapped_column(ForeignKey("box.serial"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    envelope: Mapped[bytes]
    body: Mapped[dict[str, Any]]
    made_by: Mapped[str]
    made_at: Mapped[str]
    outcome: Mapped[str | None]
    """done, refused; NULL while the box did not answer."""
    reason: Mapped[str] = mapped_column(default="")
    figures: Mapped[dict[str, Any] | None]
    answered_at: Mapped[str | None]


class Diagnostics(Base):
    """What a clinic looked at and released: gzip of JSON by the list of `protocol.diagnostics`."""

    __tablename__ = "diagnostics"
    id: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[str] = mapped_column(ForeignKey("box.serial"), index=True)
    came_at: Mapped[str]
    content: Mapped[bytes]


class Rollout(Base):
    """A release on its way through the rings."""

    __tablename__ = "rollout"
    id: Mapped[int] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(unique=True)
    ring: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(default="running")
    """running, halted, done."""
    reason: Mapped[str] = mapped_column(default="")
    ring_since: Mapped[str]
    soak_s: Mapped[int]
    made_by: Mapped[str]


class RolloutBox(Base):
    """A box to which a release was offered."""

    __tablename__ = "rollout_box"
    rollout_id: Mapped[int] = mapped_column(ForeignKey("rollout.id"), primary_key=True)
    serial: Mapped[str] = mapped_column(ForeignKey("box.serial"), primary_key=True)
    offered_at: Mapped[str]
    outcome: Mapped[str | None]
    """good, returned, aside (the release was not for this box); NULL while nothing was heard."""


class Staff(Base):
    """A person of the vendor."""

    __tablename__ = "staff"
    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    totp_secret: Mapped[str]
    totp_last: Mapped[int] = mapped_column(default=0)
    """The last time step used, so that a number seen over a shoulder is worth nothing."""
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[str | None]
    blocked: Mapped[bool] = mapped_column(default=False)


class Event(Base):
    """One entry of the audit, each with a hash over itself and the one before."""

    __tablename__ = "event"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str]
    who: Mapped[str] = mapped_column(index=True)
    what: Mapped[str]
    serial: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str]
    hash: Mapped[str]
