"""People of a room as a load test needs them: a leader, members that follow and answer, readers.

Plain HTTP/1.1 over asyncio streams, so that hundreds of clients cost less than the server they ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

HOST = "127.0.0.1"
PATIENCE = 60.0
LOST = (OSError, EOFError, asyncio.IncompleteReadError, TimeoutError, ValueError)
"""What an answer that does not come looks like."""


OPEN: set[asyncio.StreamWriter] = set()


async def hang_up() -> None:
    """Close every connection that is still open."""
    while OPEN:
        writer = OPEN.pop()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection, opened again when it is lost."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            OPEN.discard(self.streams[1])
            self.streams = None

    async def send(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[asyncio.StreamReader, int, dict[str, str]]:
        """Send a request and read the head of its answer. Raises one of LOST."""
        try:
            async with asyncio.timeout(PATIENCE):
                if self.streams is None:
                    self.streams = await asyncio.open_connection(HOST, self.port)
                    OPEN.add(self.streams[1])
                reader, writer = self.streams
                body = urlencode(form).encode() if form is not None else b""
                lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{self.port}"]
                lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
                if self.cookie:
                    lines.append(f"Cookie: {self.cookie}")
                if form is not None:
                    lines.append("Content-Type: application/x-www-form-urlencoded")
                    lines.append(f"Content-Length: {len(body)}")
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except LOST:
            self.close()
            raise
        found = {}
        for line in head[1:]:
            name, _, value = line.partition(": ")
            found[name.lower()] = value
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]
        return reader, int(head[0].split()[1]), found

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        """Raises one of LOST."""
        reader, status, found = await self.send(method, path, form, **headers)
        try:
            async with asyncio.timeout(PATIENCE):
                body = await reader.readexactly(int(found.get("content-length", "0")))
        except LOST:
            self.close()
            raise
        if found.get("connection") == "close":
            self.close()
        return Answer(status, found, body)

    async def insist(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        """Ask until an answer comes that is no refusal for the moment, as a browser's page does."""
        while True:
            try:
                answer = await self.ask(method, path, form, **headers)
                if answer.status < 500 and answer.status != 429:
                    return answer
            except LOST:
                pass
            await asyncio.sleep(random.uniform(0.1, 0.5))


class Leader:
    """Makes a room and leads it. `clicked` and `told`: step -> when it was asked for, and done."""

    def __init__(self, port: int) -> None:
        self.connection = Connection(port)
        self.clicked: dict[int, float] = {}
        self.told: dict[int, float] = {}
        self.code = self.tab = ""

    async def make(self, scenario: str) -> None:
        made = await self.connection.ask("POST", "/w", {"runs": scenario})
        once = made.headers["location"]
        led = await self.connection.ask("GET", once)
        self.code = once.split("/")[2]
        self.tab = led.headers["location"].rpartition("=")[2]

    async def do(self, name: str, value: str) -> Answer:
        form = {"tab": self.tab, name: value}
        return await self.connection.insist(
            "POST", f"/w/{self.code}/lead", form, Accept="application/json"
        )

    async def step(self, number: int) -> None:
        self.clicked[number] = time.perf_counter()
        answer = await self.do("step", str(number))
        assert answer.status == 200, answer.body
        self.told[number] = time.perf_counter()

    async def page(self) -> str:
        return (
            await self.connection.insist("GET", f"/w/{self.code}/lead?tab={self.tab}")
        ).body.decode()


@dataclass
class Member:
    """Joins, follows the stream, comes back when it breaks. `seen`: step -> when it came."""

    port: int
    code: str
    seen: dict[int, float] = field(default_factory=dict)
    joined: float = 0.0
    streams: int = 0
    chosen: str = ""
    acknowledged: float = 0.0
    poll: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        self.connection = Connection(self.port)

    async def follow(self) -> None:
        """Until it is cancelled."""
        began = time.perf_counter()
        await self.connection.insist("GET", f"/w/{self.code}")
        stream = Connection(self.port)
        stream.cookie = self.connection.cookie
        try:
            while True:
                with contextlib.suppress(*LOST):
                    await self.read(stream, began)
                stream.close()
                await asyncio.sleep(random.uniform(0.2, 1.5))
        finally:
            stream.close()
            self.connection.close()

    async def read(self, stream: Connection, began: float) -> None:
        path = f"/w/{self.code}/events?as=member"
        reader, status, _ = await stream.send("GET", path, Last_Event_ID=str(self.after))
        if status != 200:
            raise EOFError
        self.streams += 1
        while True:
            size = int((await reader.readuntil(b"\r\n")).strip() or b"0", 16)
            chunk = await reader.readexactly(size + 2)
            if size == 0:
                raise EOFError
            now = time.perf_counter()
            self.joined = self.joined or now - began
            for number, data in re.findall(rb"id: (\d+)\nevent: state\ndata: (.*)\n", chunk):
                self.take(int(number), json.loads(data), now)

    def take(self, number: int, state: dict[str, object], now: float) -> None:
        self.after = max(self.after, number)
        self.seen.setdefault(int(str(state["step"])), now)
        poll = state["poll"]
        if isinstance(poll, dict) and poll["open"]:
            self.number = int(poll["n"])
            self.poll.set()

    async def answer(self, options: str, within: float, twice: bool) -> None:
        """Some time after the prediction came; a change of mind, or the same sent twice."""
        await self.poll.wait()
        await asyncio.sleep(random.uniform(0, within))
        choices = [random.choice(options) for _ in range(2 if twice else 1)]
        for choice in choices:
            form = {"poll": str(self.number), "answer": choice}
            answer = await self.connection.insist(
                "POST", f"/w/{self.code}/answer", form, Accept="application/json"
            )
            assert answer.status == 200, answer.body
            self.chosen = choice
        self.acknowledged = time.perf_counter()


async def step_alone(
    port: int, run: str, last: int, seconds: float, pace: float, times: list[float]
) -> int:
    """One reader who steps through a run at a pace; returns how many answers were no step."""
    connection = Connection(port)
    await asyncio.sleep(random.uniform(0, pace))
    bad, number = 0, 0
    until = time.perf_counter() + seconds
    due = time.perf_counter()
    while due < until:
        number = number % last + 1
        began = time.perf_counter()
        try:
            answer = await connection.ask(
                "GET", f"/r/{run}/{number}", HX_Request="true", Accept_Encoding="gzip"
            )
            bad += answer.status != 200
        except LOST:
            bad += 1
        times.append(time.perf_counter() - began)
        due += pace
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    connection.close()
    return bad
