"""An index that finds the branches of a run."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_run_based_on_run"), "run", ["based_on_run"])


def downgrade() -> None:
    op.drop_index(op.f("ix_run_based_on_run"), "run")
