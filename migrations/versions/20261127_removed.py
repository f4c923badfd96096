"""What is remembered of removed runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("text_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_run")),
    )
    op.create_index(op.f("ix_removed_run_text_digest"), "removed_run", ["text_digest"])


def downgrade() -> None:
    op.drop_index(op.f("ix_removed_run_text_digest"), "removed_run")
    op.drop_table("removed_run")
