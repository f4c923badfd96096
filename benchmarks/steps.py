"""A held arrow key in Chromium, and a run of 2,000 steps beside one of 20: opened and stepped.

Run: python benchmarks/steps.py. Steps a second that are shown while the key is held (the limit is
12, and never an older step after a newer one: more is exit status 1), the server's milliseconds for
a page and a fragment, the browser's for a step. Medians, the two runs taking turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from http.client import HTTPConnection
from time import perf_counter

from playwright.sync_api import Page, sync_playwright

from tests.browser import find_chromium
from tests.hosting.served import Served, served

LIMIT = 12
HOLD_SECONDS = 5
REPEATS_A_SECOND = 30
"""As a keyboard does."""
ROUNDS = 15
WATCH = """() => {
  window.seen = [];
  const look = () => {
    const step = Number(document.querySelector('#explorer')?.dataset.step);
    if (step !== window.seen.at(-1)) window.seen.push(step);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
"""At each frame, so that what is never painted is not counted."""


def text(steps: int) -> str:
    """Three processes on three pages; forks, copies and reads come round again and again."""
    lines = ["A mmap buf 3", "A write buf[0] 1", "A fork B", "A fork C"]
    while len(lines) < steps:
        n = len(lines)
        lines.append(f"{'ABC'[n % 3]} {'write' if n % 2 else 'read'} buf[{n % 3}]" + " 5" * (n % 2))
    return "\n".join(lines) + "\n"


def asked(server: Served, path: str, fragment: bool) -> float:
    """Milliseconds until the answer is there."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    start = perf_counter()
    connection.request("GET", path, headers={"HX-Request": "true"} if fragment else {})
    answer = connection.getresponse()
    body = answer.read()
    taken = 1e3 * (perf_counter() - start)
    assert answer.status == 200, body
    connection.close()
    return taken


def hold(page: Page) -> tuple[list[int], float]:
    """The steps that were shown, in order, and the seconds that the key was held."""
    page.evaluate(WATCH)
    start = perf_counter()
    for repeat in range(HOLD_SECONDS * REPEATS_A_SECOND):
        # By the clock: a keyboard does not wait for the page, as a pause after each event would.
        early = start + repeat / REPEATS_A_SECOND - perf_counter()
        if early > 0:
            page.wait_for_timeout(1e3 * early)
        page.keyboard.down("ArrowRight")
    seconds = perf_counter() - start
    page.keyboard.up("ArrowRight")
    seen: list[int] = page.evaluate("window.seen")
    return seen, seconds


def stepped(page: Page) -> float:
    """The browser's milliseconds from the key to the step."""
    taken: float = page.evaluate("""() => new Promise(done => {
      const start = performance.now();
      document.addEventListener('htmx:afterSettle',
        () => requestAnimationFrame(() => done(performance.now() - start)), { once: true });
      document.querySelector('#next').click();
    })""")
    return taken


def main() -> int:
    runs: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        with served(data_dir=folder, cdn="false") as server:
            for steps in (20, 2000):
                runs[steps] = server.post(text(steps))[1]["id"]
        with served(data_dir=folder, cdn="false") as server:
            for steps, run in runs.items():
                first = asked(server, f"/r/{run}/0", False)
                print(f"{steps:>5} steps: first page, run not in memory {first:8.1f} ms")
            kinds = {"fragment never shown": (True, 3), "page never shown": (False, 3)}
            for name, (fragment, start) in kinds.items():
                found: dict[int, list[float]] = {steps: [] for steps in runs}
                for i in range(ROUNDS):
                    for steps, run in runs.items():
                        at = start + i if steps == 20 else steps // 2 + i
                        found[steps].append(asked(server, f"/r/{run}/{at}", fragment))
                report(name, found)
            with sync_playwright() as playwright:
                return browse(playwright.chromium.launch(executable_path=find_chromium(),
                              args=["--no-sandbox"]).new_page(), server, runs)  # fmt: skip


def browse(page: Page, server: Served, runs: dict[int, str]) -> int:
    found: dict[int, list[float]] = {steps: [] for steps in runs}
    for _ in range(3):
        for steps, run in runs.items():
            page.goto(f"http://127.0.0.1:{server.port}/r/{run}/{0 if steps == 20 else 1000}")
            page.wait_for_function("window.htmx")
            found[steps] += [stepped(page) for _ in range(8)]
    report("a step in the browser", found)
    page.goto(f"http://127.0.0.1:{server.port}/r/{runs[2000]}/1000")
    page.wait_for_function("window.htmx")
    seen, seconds = hold(page)
    rate = len(seen) / seconds
    ordered = seen == sorted(seen)
    print(f"held arrow key: {rate:.1f} steps/s shown, limit {LIMIT}; in order: {ordered}")
    return 0 if ordered and rate >= LIMIT else 1


def report(name: str, found: dict[int, list[float]]) -> None:
    short, long = (statistics.median(found[steps]) for steps in (20, 2000))
    print(f"{name}: 20 steps {short:.1f} ms, 2,000 steps {long:.1f} ms, ratio {long / short:.2f}")


if __name__ == "__main__":
    sys.exit(main())
