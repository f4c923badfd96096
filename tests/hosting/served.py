"""`cowscope serve` as its own processes, and a client that trusts no connection twice."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]


class Served:
    """One `cowscope serve`, from its start to its end."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = 0

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate(timeout=30)[1])
        self.port = int(line.split()[3].rstrip("/").rpartition(":")[2])

    def ask(
        self, path: str, method: str = "GET", body: object = None, seconds: float = 30
    ) -> tuple[int, Any]:
        """Status and document, over a connection of its own. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} if content else {}
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            text = answer.read()
            kind = answer.headers.get("content-type", "")
            return answer.status, json.loads(text) if "json" in kind else text.decode()
        finally:
            connection.close()

    def post(self, text: str, policy: str = "linux") -> tuple[int, Any]:
        return self.ask("/api/v1/runs", "POST", {"scenario": text, "policy": policy})

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the server and its workers as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.close()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.tell(signal.SIGTERM)
        self.close()

    def close(self) -> None:
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


@contextmanager
def served(*arguments: str, ready: bool = True, **environment: str) -> Iterator[Served]:
    """A server for the length of the block; settings as `data_dir=...`."""
    named = {f"COWSCOPE_{name.upper()}": value for name, value in environment.items()}
    server = Served(("--port", "0", *arguments), named)
    try:
        if ready:
            server.wait_until_ready()
        yield server
    finally:
        server.stop()
