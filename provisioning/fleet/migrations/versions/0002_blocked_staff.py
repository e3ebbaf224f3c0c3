"""Accounts that an owner has blocked; frozen once released."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is blocked so far."""
    op.add_column("staff", sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false()))
