"""Traces that were imported, and what is remembered of removed ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trace",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trace")),
    )
    with op.batch_alter_table("removed_run", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("what", sa.String(length=10), server_default="run", nullable=False)
        )


def downgrade() -> None:
    op.execute("DELETE FROM removed_run WHERE what <> 'run'")
    with op.batch_alter_table("removed_run", schema=None) as batch_op:
        batch_op.drop_column("what")
    op.drop_table("trace")
