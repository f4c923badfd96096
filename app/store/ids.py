"""Short names of runs: what a link carries and a person may read out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o or u, which are misread."""

LENGTH = 10
MAX_LENGTH = 32

ROOM_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters alone: a room's code is read out, and typed on a telephone."""
ROOM_LENGTH = 5

LOOKALIKES = str.maketrans("0134578", "oieastb")
RUDE = re.compile(
    r"anal|anus|arse|ass|bastard|bitch|boob|butt|clit|cock|coon|crap|cum|cunt|dick|dildo"
    r"|dyke|fag|fck|fuck|fuk|gook|hoe|homo|jew|jerk|kike|kkk|nazi|negr|nigg|nude|paki|penis"
    r"|phuk|piss|porn|pube|pussy|queer|rape|retard|scat|sex|shag|shit|slave|slut|smut|spast"
    r"|spic|tard|tit|tosser|turd|twat|vag|vulv|wank|wetback|whore|wtf|xxx"
)


def is_rude(word: str) -> bool:
    """Whether a rude word can be read in `word`, digits standing for the letters they resemble."""
    spelled = word.translate(LOOKALIKES)
    also = word.replace("1", "l").translate(LOOKALIKES)
    return any(RUDE.search(reading) for reading in (word, spelled, also))


def encode(digest: bytes) -> str:
    """`digest` in base 32, most significant digit first."""
    number = int.from_bytes(digest, "big")
    digits = []
    for _ in range(len(digest) * 8 // 5):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def names(digest: bytes) -> Iterator[str]:
    """Names for the content with this digest, the preferred one first, each longer than the last.

    A name that reads rude is replaced by the next one that a counter in the hash gives.
    """
    for length in range(LENGTH, MAX_LENGTH + 1):
        words = (encode(blake2b(digest, salt=n.to_bytes(8, "big")).digest()) for n in count())
        yield next(word[:length] for word in words if not is_rude(word[:length]))


def room_code() -> str:
    """A code for a new room, at random: 5 of 22 letters, nothing rude."""
    while True:
        code = "".join(secrets.choice(ROOM_ALPHABET) for _ in range(ROOM_LENGTH))
        if not is_rude(code.lower()):
            return code


def room_code_of(text: str) -> str:
    """A code as somebody typed it, in the form that it is kept in; "" for what can be none."""
    code = "".join(text.split()).replace("-", "").upper()
    return code if len(code) == ROOM_LENGTH and set(code) <= set(ROOM_ALPHABET) else ""
