"""The first schema; frozen once released."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "clinic",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("made_at", sa.String(), nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
    )
    op.create_table(
        "nonce",
        sa.Column("nonce", sa.String(), primary_key=True),
        sa.Column("ends_at", sa.String(), nullable=False),
    )
    op.create_table(
        "rollout",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("release", sa.String(), nullable=False, unique=True),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ring_since", sa.String(), nullable=False),
        sa.Column("soak_s", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
    )
    op.create_table(
        "staff",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("totp_secret", sa.String(), nullable=False),
        sa.Column("totp_last", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.String()),
    )
    op.create_table(
        "box",
        sa.Column("serial", sa.String(), primary_key=True),
        sa.Column("identity", sa.String(), nullable=False, unique=True),
        sa.Column("code_hash", sa.String()),
        sa.Column("code_tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("clinic_id", sa.Integer(), sa.ForeignKey("clinic.id")),
        sa.Column("replaced_by", sa.String(), sa.ForeignKey("box.serial")),
        sa.Column("registered_at", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String()),
        sa.Column("release", sa.String()),
        sa.Column("pinned", sa.String()),
        sa.Column("heartbeat", sa.JSON()),
        sa.Column("audit_number", sa.Integer(), nullable=False),
        sa.Column("audit_hash", sa.String(), nullable=False),
        sa.Column("audit_trouble", sa.String()),
        sa.Column("versions", sa.JSON(), nullable=False),
    )
    op.create_table(
        "certificate",
        sa.Column("fingerprint", sa.String(), primary_key=True),
        sa.Column("serial", sa.String(), sa.ForeignKey("box.serial"), nullable=False),
        sa.Column("key_fingerprint", sa.String(), nullable=False),
        sa.Column("pem", sa.String(), nullable=False),
        sa.Column("issued_at", sa.String(), nullable=False),
        sa.Column("ends_at", sa.String(), nullable=False),
        sa.Column("shown_at", sa.String()),
        sa.Column("revoked_at", sa.String()),
        sa.UniqueConstraint("serial", "key_fingerprint"),
    )
    op.create_table(
        "diagnostics",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("serial", sa.String(), sa.ForeignKey("box.serial"), nullable=False),
        sa.Column("came_at", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "document",
        sa.Column("serial", sa.String(), sa.ForeignKey("box.serial"), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("outcome", sa.String()),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON()),
        sa.Column("answered_at", sa.String()),
    )
    op.create_table(
        "rollout_box",
        sa.Column("rollout_id", sa.Integer(), sa.ForeignKey("rollout.id"), primary_key=True),
        sa.Column("serial", sa.String(), sa.ForeignKey("box.serial"), primary_key=True),
        sa.Column("offered_at", sa.String(), nullable=False),
        sa.Column("outcome", sa.String()),
    )
    op.create_index("ix_box_clinic_id", "box", ["clinic_id"])
    op.create_index("ix_box_seen_at", "box", ["seen_at"])
    op.create_index("ix_certificate_serial", "certificate", ["serial"])
    op.create_index("ix_diagnostics_serial", "diagnostics", ["serial"])
    op.create_index("ix_event_serial", "event", ["serial"])
    op.create_index("ix_event_who", "event", ["who"])
    op.create_index("ix_nonce_ends_at", "nonce", ["ends_at"])
