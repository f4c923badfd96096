"""Which browser the tests use. `python -m tests.browser` prints its path, or what to install."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = """\
The browser tests need Chromium, and none was found. Install it and run make again:
  Debian:  apt-get install chromium
  Ubuntu:  .venv/bin/playwright install --with-deps chromium
  others:  install Chrome or Chromium, and set COWSCOPE_TEST_CHROMIUM to its path
or leave these tests out: make test BROWSER=no"""


def find_chromium() -> str | None:
    """Return the path of a Chromium: the one asked for, the system's, or Playwright's own."""
    if asked := os.environ.get("COWSCOPE_TEST_CHROMIUM"):
        return asked if Path(asked).is_file() else None
    for name in NAMES:
        path = shutil.which(name)
        if path and not is_snap_stub(Path(path)):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def is_snap_stub(path: Path) -> bool:
    """Ubuntu's chromium-browser is a script that asks for a snap, which a container cannot run."""
    resolved = path.resolve()
    if str(resolved).startswith("/snap/") or resolved.name == "snap":
        return True
    with resolved.open("rb") as file:
        start = file.read(16_384)
    return start.startswith(b"#!") and b"/snap/bin" in start


if __name__ == "__main__":
    chromium = find_chromium()
    if chromium is None:
        sys.exit(MISSING)
    print(chromium)
