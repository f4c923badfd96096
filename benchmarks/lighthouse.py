"""Lighthouse on home, explorer, comparison and editor: performance 95, all else 100.

Run: python benchmarks/lighthouse.py (needs Node.js and npm; Lighthouse is installed below .make/
when it is missing). Medians of three runs with its desktop settings (--mobile for its phone). Exit
status 1 when a page is below the limits.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser import find_chromium
from tests.hosting.served import Served, served

VERSION = "13.5.0"
FOLDER = Path(__file__).resolve().parent.parent / ".make" / "lighthouse"
LIMITS = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
ATTEMPTS = 3
TEXT = "A mmap buf 1\nA write buf 1\nA fork B\nB write buf 2\nA read buf\nexpect value 1\n"


def installed() -> Path:
    """The command of the pinned Lighthouse."""
    command = FOLDER / VERSION / "node_modules" / ".bin" / "lighthouse"
    if command.exists():
        return command
    if shutil.which("npm") is None:
        sys.exit("npm is not installed; on Debian and Ubuntu: apt-get install npm")
    command.parents[2].mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix",
         str(command.parents[2]), f"lighthouse@{VERSION}"],
        check=True,
    )  # fmt: skip
    return command


def pages(server: Served) -> dict[str, str]:
    _, run = server.post(TEXT)
    _, other = server.post(TEXT, "mapcount")
    return {
        "home": "/",
        "explorer": f"/r/{run['id']}/4",
        "compare": f"/c/{run['id']}..{other['id']}/4",
        "editor": "/new",
    }


def audit(command: Path, url: str, mobile: bool) -> tuple[dict[str, float], list[str]]:
    """Scores out of 100, and the ids of the audits outside performance that failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        asking: list[str | Path] = (
            [command, url, "--output=json", f"--output-path={report}", "--quiet",
             f"--only-categories={','.join(LIMITS)}", *([] if mobile else ["--preset=desktop"]),
             "--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-quic"
             " --disable-background-networking --disable-component-update"]
        )  # fmt: skip
        environment = {**os.environ, "CHROME_PATH": str(find_chromium())}
        # On a busy machine Chromium at times gives it no trace; that says nothing of the page.
        for _ in range(ATTEMPTS - 1):
            if subprocess.run(asking, env=environment, stderr=subprocess.DEVNULL).returncode == 0:
                break
        else:
            subprocess.run(asking, env=environment, check=True)
        found: dict[str, Any] = json.loads(report.read_text())
    scores = {name: 100.0 * (found["categories"][name]["score"] or 0) for name in LIMITS}
    failed = [
        ref["id"]
        for name in LIMITS
        for ref in found["categories"][name]["auditRefs"]
        if ref["weight"] and (found["audits"][ref["id"]]["score"] or 0) < 0.9
        and found["audits"][ref["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")
    ]  # fmt: skip
    return scores, failed


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--mobile", action="store_true")
    given = options.parse_args()
    command = installed()
    kept = True
    print(f"{'':<10}" + "".join(f"{name:>16}" for name in LIMITS))
    # No CDN: what is measured is this server, not the way to another.
    with tempfile.TemporaryDirectory() as folder, served(data_dir=folder, cdn="false") as server:
        for name, path in pages(server).items():
            url = f"http://127.0.0.1:{server.port}{path}"
            audits = [audit(command, url, given.mobile) for _ in range(given.runs)]
            scores = {n: statistics.median(scores[n] for scores, _ in audits) for n in LIMITS}
            kept = kept and all(scores[n] >= LIMITS[n] for n in LIMITS)
            failed = sorted({audit for _, found in audits for audit in found})
            print(f"{name:<10}" + "".join(f"{scores[n]:>16.0f}" for n in LIMITS), *failed)
    print(f"{'limit':<10}" + "".join(f"{limit:>16}" for limit in LIMITS.values()))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
