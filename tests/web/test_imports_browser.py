"""Importing in a browser: by file and by pasting, with a script and without."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.recordings import odd, recorded, written


def test_a_file_becomes_a_page_and_a_step_the_explorer(
    offline: Page, complaints: list[str], address: str, tmp_path: Path
) -> None:
    file = tmp_path / "trace.json"
    file.write_bytes(written(odd()))
    offline.goto(f"{address}/new")
    offline.click("text=Import a recorded trace")
    offline.set_input_files("#import-file", file)
    offline.click("button:text-is('Import')")
    expect(offline).to_have_url(re.compile(r"/t/\w{10}$"))
    offline.click("text=First difference: step 5")
    expect(offline.locator("#step-5")).to_be_in_viewport()
    offline.click("#step-3 summary")
    expect(offline.locator("#step-3 .beside")).to_contain_text("mm_page_alloc")
    offline.click("#step-7 th a")
    expect(offline).to_have_url(re.compile(r"/r/\w+/7$"))
    expect(offline.locator("body")).to_contain_text("A write buf[0] 8")


def test_a_text_is_corrected_and_imported_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/import")
    text = written(recorded()).decode()
    page.fill("#import-text", text.replace('"kernel"', '"dream"'))
    page.click("button:text-is('Import')")
    expect(page.locator(".errs")).to_contain_text("source.kind: “dream” is unknown.")
    expect(page.locator("#import-text")).to_have_value(text.replace('"kernel"', '"dream"'))
    page.fill("#import-text", text)
    page.click("button:text-is('Import')")
    expect(page.locator(".lead")).to_contain_text("7 of 7 steps agree under linux.")
    context.close()
