"""Servers of a benchmark, and what `wrk` says of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

from msgspec import Struct

CONNECTIONS = 32
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Load(Struct, frozen=True):
    """Requests a second, latencies in milliseconds, answers that were no 2xx, requests made."""

    rate: float
    p50: float
    p99: float
    failed: int
    made: int


def wrk(url: str, seconds: float, paths: list[str] | None = None, fragment: bool = True) -> Load:
    """Load `url`, or each of `paths` under it once, in order."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency"]
    if fragment:
        command += ["-H", "HX-Request: true"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if paths is not None:
            listed = ",\n".join(f'"{path}"' for path in paths)
            script.write(f"local paths = {{\n{listed}\n}}\nlocal at = 0\n")
            script.write("request = function()\n  at = at % #paths + 1\n")
            script.write("  return wrk.format(nil, paths[at])\nend\n")
            script.flush()
            command += ["-s", script.name]
        said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    made = int(found(r"(\d+) requests in", said))
    if paths is not None and made > len(paths):
        sys.exit(f"{made} requests for {len(paths)} paths: some were asked twice. Seed more.")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Load(
        rate=float(found(r"Requests/sec:\s+([\d.]+)", said)),
        p50=milliseconds(found(r"\n\s+50%\s+(\S+)", said)),
        p99=milliseconds(found(r"\n\s+99%\s+(\S+)", said)),
        failed=int(failed[1]) if failed else 0,
        made=made,
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"wrk said something else than expected:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


@contextmanager
def peer(size: int) -> Iterator[str]:
    """The address of `_peer.py` under uvicorn, as cowscope is served."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "_peer:app", "--port", str(port), "--loop", "uvloop",
         "--http", "httptools", "--no-access-log", "--log-level", "warning"],
        cwd=Path(__file__).parent,
        env={**os.environ, "BENCH_BYTES": str(size)},
    )  # fmt: skip
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    for _ in range(100):
        try:
            HTTPConnection("127.0.0.1", port, timeout=1).connect()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing answers on port {port}")
