"""`python -m app.trace.recorded FOLDER [FILE]`: pack recorded traces for the package."""

from __future__ import annotations

import sys
from pathlib import Path

from app.trace.conform import BadTrace

from .store import SUFFIX, pack

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2) or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(arguments[1]) if len(arguments) > 1 else HERE / f"kernel{SUFFIX}"
    files = sorted(Path(arguments[0]).rglob("*.json"))
    try:
        content = pack(files)
    except BadTrace as error:
        print(error, file=sys.stderr)
        return 2
    target.write_bytes(content)
    print(f"{target}: {len(files)} traces in {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
