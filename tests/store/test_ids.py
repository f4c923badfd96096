"""Names of runs read well."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.ids import ALPHABET, LENGTH, MAX_LENGTH, encode, is_rude, names

digests = st.binary(min_size=32, max_size=32)


@given(digests)
def test_names_grow_by_one_character_and_are_clean(digest: bytes) -> None:
    found = list(names(digest))
    assert [len(name) for name in found] == list(range(LENGTH, MAX_LENGTH + 1))
    assert not any(is_rude(name) for name in found)
    assert all(set(name) <= set(ALPHABET) for name in found)


@given(digests)
def test_the_same_digest_has_the_same_names(digest: bytes) -> None:
    assert list(islice(names(digest), 3)) == list(islice(names(digest), 3))


@pytest.mark.parametrize(
    "word", ["ass", "xx5ex9", "p0rnhub", "wtf", "sh1t", "sxfck0", "4r5e", "d1ck", "bo0b", "c1it"]
)
def test_rude_words_are_seen_through_their_digits(word: str) -> None:
    assert is_rude(word)


def test_few_names_are_screened_out() -> None:
    """A list that catches everything would catch good names too."""
    words = [encode(n.to_bytes(32, "big") * 2)[-LENGTH:] for n in range(1, 4_000_000, 997)]
    assert sum(map(is_rude, words)) < len(words) / 50


def test_base_32_counts() -> None:
    numbers = [encode(n.to_bytes(5, "big")) for n in range(100)]
    assert numbers[:2] == ["00000000", "00000001"]
    assert numbers[33] == "00000011"
    assert all(a < b for a, b in pairwise(numbers))
