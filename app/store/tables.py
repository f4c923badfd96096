"""The tables. Constraint names follow one convention, so that a migration can name any of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Dialect,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.store.ids import MAX_LENGTH

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
CHECKSUM_BYTES = 8


class CompressedText(TypeDecorator[str]):
    """Text, deflated: scenarios repeat few words."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.compress(value.encode(), 9)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else zlib.decompress(value).decode()


class Compressed(TypeDecorator[bytes]):
    """Bytes, deflated."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.compress(value, 9)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.decompress(value)


class Packed(TypeDecorator[list[str]]):
    """A list of short words, as deflated MessagePack."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> bytes | None:
        return None if value is None else zlib.compress(msgspec.msgpack.encode(value), 9)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> list[str] | None:
        if value is None:
            return None
        return msgspec.msgpack.decode(zlib.decompress(value), type=list[str])


class Checksums(TypeDecorator[Sequence[bytes]]):
    """A list of checksums of 8 bytes each, one after the other: noise does not deflate."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Sequence[bytes] | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        if any(len(checksum) != CHECKSUM_BYTES for checksum in value):
            raise ValueError(f"a checksum has {CHECKSUM_BYTES} bytes")
        return b"".join(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Sequence[bytes] | None:
        if value is None:
            return None
        starts = range(0, len(value), CHECKSUM_BYTES)
        return [value[start : start + CHECKSUM_BYTES] for start in starts]


class Json(TypeDecorator[dict[str, int]]):
    """A small object, as compact JSON text that a person with a SQL prompt can read."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dict[str, int] | None, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, int] | None:
        return None if value is None else msgspec.json.decode(value, type=dict[str, int])


class Moment(TypeDecorator[datetime]):
    """A point in time, UTC, in whole seconds since 1970: five bytes and one meaning everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Run(Base):
    """A scenario played under a policy by one version of the engine. Never changed once stored.

    The states are not here: they are played again from the text. `outcomes` (one word a step) and
    `checksums` (one a state, the state before the first step included) tell whether an engine of
    another version still plays the same.
    """

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint("(based_on_run IS NULL) = (based_on_step IS NULL)", name="based_on_whole"),
        CheckConstraint("based_on_step >= 0", name="based_on_step_counts"),
    )

    id: Mapped[str] = mapped_column(String(MAX_LENGTH), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created: Mapped[datetime] = mapped_column(Moment)
    engine: Mapped[str] = mapped_column(String(40))
    policy: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(CompressedText)
    outcomes: Mapped[list[str]] = mapped_column(Packed)
    checksums: Mapped[Sequence[bytes]] = mapped_column(Checksums)
    violations: Mapped[dict[str, int]] = mapped_column(Json(500))
    based_on_run: Mapped[str | None] = mapped_column(ForeignKey("run.id"), index=True)
    based_on_step: Mapped[int | None]

    @property
    def steps(self) -> int:
        return len(self.outcomes)


class Trace(Base):
    """A trace that somebody recorded and imported, byte for byte as it came. Never changed."""

    __tablename__ = "trace"

    id: Mapped[str] = mapped_column(String(MAX_LENGTH), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created: Mapped[datetime] = mapped_column(Moment)
    title: Mapped[str] = mapped_column(String(200))
    document: Mapped[bytes] = mapped_column(Compressed)
