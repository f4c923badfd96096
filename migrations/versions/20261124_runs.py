"""Runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.String(length=40), nullable=False),
        sa.Column("policy", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("checksums", sa.LargeBinary(), nullable=False),
        sa.Column("violations", sa.String(length=500), nullable=False),
        sa.Column("based_on_run", sa.String(length=32), nullable=True),
        sa.Column("based_on_step", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(based_on_run IS NULL) = (based_on_step IS NULL)",
            name=op.f("ck_run_based_on_whole"),
        ),
        sa.CheckConstraint("based_on_step >= 0", name=op.f("ck_run_based_on_step_counts")),
        sa.ForeignKeyConstraint(["based_on_run"], ["run.id"], name=op.f("fk_run_based_on_run_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )


def downgrade() -> None:
    op.drop_table("run")
