"""Rooms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "room",
        sa.Column("id", sa.String(length=5), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sel", sa.String(length=200), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("blank", sa.Boolean(), nullable=False),
        sa.Column("poll", sa.Integer(), nullable=False),
        sa.Column("leader", sa.LargeBinary(length=16), nullable=True),
        sa.Column("leader_name", sa.String(length=40), nullable=False),
        sa.Column("leader_seen", sa.BigInteger(), nullable=False),
        sa.Column("tab", sa.String(length=12), nullable=False),
        sa.Column("claim", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room")),
    )
    with op.batch_alter_table("room", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_expires"), ["expires"], unique=False)

    op.create_table(
        "room_event",
        sa.Column("room", sa.String(length=5), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("data", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(
            ["room"], ["room.id"], name=op.f("fk_room_event_room_room"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room", "seq", name=op.f("pk_room_event")),
    )
    op.create_table(
        "room_item",
        sa.Column("room", sa.String(length=5), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room"], ["room.id"], name=op.f("fk_room_item_room_room"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name=op.f("fk_room_item_run_run")),
        sa.PrimaryKeyConstraint("room", "position", name=op.f("pk_room_item")),
    )
    op.create_table(
        "room_member",
        sa.Column("room", sa.String(length=5), nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("joined", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room"], ["room.id"], name=op.f("fk_room_member_room_room"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room", "id", name=op.f("pk_room_member")),
    )
    op.create_table(
        "room_poll",
        sa.Column("room", sa.String(length=5), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=160), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("revealed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room"], ["room.id"], name=op.f("fk_room_poll_room_room"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("room", "number", name=op.f("pk_room_poll")),
        sa.UniqueConstraint("room", "question", name=op.f("uq_room_poll_room")),
    )
    op.create_table(
        "room_answer",
        sa.Column("room", sa.String(length=5), nullable=False),
        sa.Column("poll", sa.Integer(), nullable=False),
        sa.Column("member", sa.LargeBinary(length=16), nullable=False),
        sa.Column("chosen", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["room", "member"],
            ["room_member.room", "room_member.id"],
            name=op.f("fk_room_answer_room_room_member"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["room", "poll"],
            ["room_poll.room", "room_poll.number"],
            name=op.f("fk_room_answer_room_room_poll"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("room", "poll", "member", name=op.f("pk_room_answer")),
    )


def downgrade() -> None:
    op.drop_table("room_answer")
    op.drop_table("room_poll")
    op.drop_table("room_member")
    op.drop_table("room_item")
    op.drop_table("room_event")
    with op.batch_alter_table("room", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_expires"))

    op.drop_table("room")
