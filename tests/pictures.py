"""`make pictures`: the pictures of README and documentation, taken of the program as it is."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from app.main import create_app
from app.resources import CHECKOUT
from app.settings import Settings
from app.store import migrate
from tests.browser import MISSING, find_chromium
from tests.web.serving import serving

PICTURES = CHECKOUT / "docs" / "pictures"
COLOURS = 128
"""Enough for flat drawings; a palette makes the files a third as large."""


def explorer(page: Page, address: str) -> None:
    """The step at which the leak happens, under the rule of 5.7."""
    page.goto(f"{address}/s/vmsplice-leak?step=7&policy=mapcount")


def policies(page: Page, address: str) -> None:
    page.goto(f"{address}/m/vmsplice-leak")


def stage(page: Page, address: str) -> None:
    """The projector's page of a room, at the step that decides."""
    page.goto(f"{address}/w?run=vmsplice-leak")
    page.locator("form.rmake button:not([type=button])").last.click()
    page.wait_for_url("**/lead*")
    page.locator("#to").fill("7")
    page.locator("#to").press("Enter")
    page.wait_for_selector("#back:not([disabled])")
    page.goto(page.url.partition("/lead")[0] + "/stage")


SHOTS = {"explorer": explorer, "policies": policies, "stage": stage}


def take(folder: Path) -> list[Path]:
    """Take every picture; returns the files."""
    executable = find_chromium()
    if executable is None:
        sys.exit(MISSING)
    out = []
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        app = create_app(Settings(data_dir=Path(data), cdn=False))
        migrate(app.state.engine)
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-background-networking"]
        )
        with serving(app) as address:
            for name, show in SHOTS.items():
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.emulate_media(color_scheme="light", reduced_motion="reduce")
                show(page, address)
                page.evaluate("document.fonts.ready")
                with Image.open(io.BytesIO(page.screenshot())) as shot:
                    file = folder / f"{name}.png"
                    shot.convert("RGB").quantize(COLOURS).save(file, optimize=True)
                out.append(file)
                page.close()
        browser.close()
        app.state.runs.close()
        app.state.engine.dispose()
    return out


if __name__ == "__main__":
    for made in take(PICTURES):
        print(f"{made.relative_to(CHECKOUT)}: {made.stat().st_size // 1000} kB")
