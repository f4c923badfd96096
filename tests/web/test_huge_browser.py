"""Huge pages of 512 in a browser: three processes, by key, chosen, on a phone, without a script."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.web.serving import make_run
from tests.web.test_explorer_browser import browser_context_args, open_step

__all__ = ["browser_context_args"]

LAPTOP, PHONE = (1440, 900), (390, 844)
PAGES = """title: A huge page and three processes
huge: 512
A mmap buf 512 thp
A write buf 1
A fork B
B fork C
B write buf[7] 5
C write buf[200:230] 9
kernel reclaim A buf
C read buf
B exit
"""
FORKED, SPLIT, COPIED, RECLAIMED, READ, LAST = 4, 5, 6, 7, 8, 9
LEAVES_ITS_BOX = """() => [...document.querySelectorAll('#draw .pte')].flatMap(entry => {
  const box = entry.querySelector('.box')?.getBoundingClientRect();
  return [...entry.querySelectorAll('text')].filter(words => {
    const at = words.getBoundingClientRect();
    return box && (at.left < box.left - 1 || at.right > box.right + 1);
  }).map(words => words.textContent);
})"""
RUN_INTO_EACH_OTHER = """() => {
  const texts = [...document.querySelectorAll('#draw svg text')].filter(text =>
    text.textContent.trim() && getComputedStyle(text).opacity !== '0');
  const boxes = texts.map(text => text.getBoundingClientRect());
  const found = [];
  texts.forEach((one, i) => texts.slice(i + 1).forEach((other, k) => {
    const a = boxes[i], b = boxes[i + 1 + k];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1.5 && high > 0.6 * Math.min(a.height, b.height))
      found.push(`${one.textContent} | ${other.textContent}`);
  }));
  return found;
}"""
CUT_OFF = """() => [...document.querySelectorAll('#tables td, #tables th')]
  .filter(cell => cell.scrollWidth > cell.clientWidth + 1)
  .map(cell => cell.textContent.trim())"""


@pytest.fixture(scope="module")
def pages(app: FastAPI, address: str) -> str:
    return f"{address}/r/{make_run(app, PAGES)}"


def sized(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})


def at_step(page: Page, number: int) -> None:
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(number))


def thick(page: Page, selector: str) -> float:
    width = page.locator(selector).first.evaluate("e => getComputedStyle(e).strokeWidth")
    return float(width.removesuffix("px"))


def test_a_pmd_is_one_thick_line_until_it_is_split(page: Page, pages: str) -> None:
    sized(page, LAPTOP)
    open_step(page, f"{pages}/{FORKED}")
    draw = page.locator("#draw")
    expect(draw.locator(".pte")).to_have_count(3)
    expect(draw.locator(".pte.pmd")).to_have_count(3)
    expect(draw.locator(".wire.ro:not(.pmd)")).to_have_count(0)
    pmd = thick(page, "#draw .wire.pmd.ro")
    page.keyboard.press("ArrowRight")
    at_step(page, SPLIT)
    expect(draw.locator(".pte.pmd")).to_have_count(2)
    expect(draw.locator('.pick[data-sel="B.buf[7]"]').first).to_be_attached()
    assert pmd >= 3 * thick(page, "#draw .wire.ro:not(.pmd)")


def test_each_page_shows_its_own_bit_and_swap_comes_in_runs(page: Page, pages: str) -> None:
    sized(page, LAPTOP)
    open_step(page, f"{pages}/{COPIED}")
    draw = page.locator("#draw")
    expect(draw.locator(".subgate.own")).to_have_count(30)
    for key, step in (("ArrowRight", RECLAIMED), ("ArrowLeft", COPIED), ("ArrowRight", RECLAIMED)):
        page.keyboard.press(key)
        at_step(page, step)
    row = page.locator("#tables tbody tr", has=page.get_by_role("rowheader", name="buf[8..199]"))
    expect(row.locator("td.sw")).to_have_count(3)
    for cell in row.locator("td.sw").all():
        expect(cell).to_contain_text("s8..s199")


def test_every_label_can_be_read_in_every_step(page: Page, pages: str) -> None:
    sized(page, LAPTOP)
    open_step(page, f"{pages}/0")
    for step in range(1, LAST + 1):
        page.keyboard.press("ArrowRight")
        at_step(page, step)
        assert page.evaluate(LEAVES_ITS_BOX) == [], f"step {step}"
        assert page.evaluate(RUN_INTO_EACH_OTHER) == [], f"step {step}"
    for step in range(LAST - 1, -1, -1):
        page.keyboard.press("ArrowLeft")
        at_step(page, step)


def test_one_page_of_a_strip_is_chosen_and_stays_chosen(page: Page, pages: str) -> None:
    sized(page, LAPTOP)
    open_step(page, f"{pages}/{SPLIT}")
    page.locator('.pick[data-sel="B.buf[7]"]').first.click()
    inspector = page.locator("#inspector")
    expect(inspector).to_have_attribute("data-sel", "B.buf[7]")
    page.keyboard.press("ArrowRight")
    at_step(page, COPIED)
    expect(inspector).to_have_attribute("data-sel", "B.buf[7]")
    page.goto(f"{pages}/{COPIED}?sel=f300")
    expect(inspector).to_have_attribute("data-sel", "f300")
    expect(inspector).to_contain_text("f300")


def test_what_many_pages_read_is_told_in_the_timeline(page: Page, pages: str) -> None:
    sized(page, LAPTOP)
    open_step(page, f"{pages}/{READ}")
    expect(page.locator(".time")).to_contain_text("C reads 1…")
    expect(page.locator(".time")).not_to_contain_text("Non")


def test_a_phone_shows_whole_labels(page: Page, pages: str) -> None:
    sized(page, PHONE)
    open_step(page, f"{pages}/0")
    for step in (FORKED, COPIED, RECLAIMED, READ):
        page.goto(f"{pages}/{step}")
        assert page.evaluate(CUT_OFF) == [], f"step {step}"
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_without_a_script_each_step_is_a_page(
    browser: Browser, pages: str, size: tuple[int, int]
) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": size[0], "height": size[1]}
    )
    page = context.new_page()
    page.goto(f"{pages}/{SPLIT}")
    page.locator("#next").click()
    expect(page).to_have_url(f"{pages}/{COPIED}")
    row = page.locator("#tables tbody tr", has=page.get_by_role("rowheader", name="buf[200..229]"))
    expect(row.locator("td.rw")).to_contain_text("f513..f542")
    page.locator("#prev").click()
    expect(page).to_have_url(f"{pages}/{SPLIT}")
    context.close()
