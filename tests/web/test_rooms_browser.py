"""Rooms in a browser: leader, member on a telephone and projector, with script and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

PHONE = {"width": 390, "height": 844}
PROJECTOR = {"width": 1920, "height": 1080}
SMALL_TEXT = """() => {
  const out = [];
  const walk = document.createTreeWalker(document.querySelector('#stage'), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const box = node.parentElement;
    const where = box.getBoundingClientRect();
    const style = getComputedStyle(box);
    const unseen = style.visibility === 'hidden' || style.display === 'none' || !where.width;
    const hidden = unseen || box.closest('.sdrive, title');
    if (!node.data.trim() || hidden) continue;
    const scale = box.ownerSVGElement ? box.getScreenCTM().d : 1;
    const size = parseFloat(style.fontSize) * scale;
    if (size < 23.5) out.push(`${node.data.trim()} ${size.toFixed(1)}`);
  }
  return out;
}"""


@dataclass
class Led:
    """A room and the page that leads it."""

    page: Page
    address: str
    code: str

    @property
    def url(self) -> str:
        return f"{self.address}/w/{self.code}"

    def to(self, step: int) -> None:
        self.page.fill("#to", str(step))
        self.page.click(".lto button")
        expect(self.page.locator(".lcmd .num")).to_have_text(re.compile(f"^{step}/"))


def lead(context: BrowserContext, address: str, runs: str = "vmsplice-leak\nhello-fork") -> Led:
    page = context.new_page()
    page.goto(f"{address}/w")
    page.fill("#runs", runs)
    page.fill("#name", "Kim")
    page.click("text=Make the room")
    code = page.locator("#lead").get_attribute("data-code") or ""
    return Led(page, address, code)


@pytest.fixture
def led(context: BrowserContext, address: str) -> Led:
    return lead(context, address)


@pytest.fixture
def member(browser: Browser, led: Led) -> Iterator[Page]:
    """A telephone that has joined."""
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(led.url)
    expect(page.locator("#live")).to_have_text("Live")
    yield page
    context.close()


def shows(page: Page, step: int) -> None:
    expect(page.locator("#explorer")).to_have_attribute("data-step", str(step))


def test_a_member_follows_wanders_off_and_comes_back(led: Led, member: Page) -> None:
    led.page.click("#next")
    shows(member, 1)
    led.to(5)
    shows(member, 5)
    where = member.locator("[data-where]")
    expect(where).to_have_text(re.compile("Following Kim · step 5 of 8"))
    member.keyboard.press("Escape")
    expect(member.locator("#rejoin")).to_be_visible()
    led.to(8)
    expect(where).to_have_text("3 steps behind")
    shows(member, 5)
    member.keyboard.press("ArrowLeft")
    shows(member, 4)
    expect(where).to_have_text("4 steps behind")
    assert f"/w/{led.code}" in member.url, "the address stays the room's"
    member.reload()
    shows(member, 4)
    expect(where).to_have_text("4 steps behind")
    member.click("#rejoin")
    shows(member, 8)
    expect(where).to_have_text(re.compile("Following Kim"))
    expect(member).to_have_url(led.url)
    member.set_viewport_size({"width": 1280, "height": 720})
    member.click("#prev")
    shows(member, 7)
    expect(where).to_have_text("1 step behind")
    led.page.click("#lock")
    shows(member, 8)
    member.keyboard.press("ArrowLeft")
    expect(where).to_have_text("Kim holds everybody at this step")
    shows(member, 8)


def test_a_member_who_is_slow_comes_where_the_leader_is(led: Led, member: Page) -> None:
    held: list[Route] = []
    member.route("**/r/*/1", lambda route: held.append(route), times=1)
    with member.expect_request("**/r/*/1"):
        led.to(1)
    led.to(5)
    expect(member.locator("[data-where]")).to_have_text(re.compile("step 5 of 8"))
    for route in held:
        route.continue_()
    shows(member, 5)


def test_news_of_the_room_take_nothing_out_of_the_leaders_hands(led: Led, member: Page) -> None:
    """The page asks for itself again when somebody came: by then a number is being typed."""
    held: list[Route] = []
    led.page.route(re.compile(r"/lead\?"), lambda route: held.append(route), times=1)
    with led.page.expect_request(lambda request: "/lead" in request.url):
        member.context.new_page().goto(led.url)
    led.page.fill("#to", "4")
    with led.page.expect_response(lambda answer: "/lead" in answer.url):
        for route in held:
            route.continue_()
    expect(led.page.locator("#to")).to_have_value("4")
    led.page.click(".lto button")
    expect(led.page.locator(".lcmd .num")).to_have_text(re.compile("^4/"))


def test_what_the_leader_types_outlives_the_answer_to_the_click_before(led: Led) -> None:
    held: list[Route] = []
    led.page.route("**/lead", lambda route: held.append(route), times=1)
    with led.page.expect_request("**/lead"):
        led.page.click("#next")
    led.page.fill("#to", "4")
    for route in held:
        route.continue_()
    expect(led.page.locator(".lcmd .num")).to_have_text(re.compile("^1/"))
    expect(led.page.locator("#to")).to_have_value("4")
    led.page.click(".lto button")
    expect(led.page.locator(".lcmd .num")).to_have_text(re.compile("^4/"))


def test_what_the_leader_points_at_and_darkens_everybody_sees(
    led: Led, member: Page, context: BrowserContext
) -> None:
    led.to(5)
    member.set_viewport_size({"width": 1280, "height": 720})
    shows(member, 5)
    led.page.click(".ldraw a[data-link=f0] >> nth=0")
    stage = context.new_page()
    stage.goto(f"{led.url}/stage")
    for page, scope in ((member, "#draw"), (stage, "#stage")):
        expect(page.locator(f"{scope} .frame").first).to_be_visible()
        expect(page.locator(f"{scope} .lk.is-linked").first).to_be_visible()
    led.page.click("#blank")
    expect(member.locator("#curtain")).to_be_visible()
    expect(stage.locator("#stage")).to_have_class(re.compile("blank"))
    stage.keyboard.press("b")
    expect(member.locator("#curtain")).to_be_hidden()
    stage.keyboard.press("PageDown")
    shows(member, 6)
    expect(stage.locator(".snum")).to_have_text(re.compile("^6"))
    stage.keyboard.press("PageUp")
    shows(member, 5)


def test_a_clicker_acts_on_the_room_and_not_on_what_is_drawn(
    led: Led, context: BrowserContext
) -> None:
    stage = context.new_page()
    stage.goto(f"{led.url}/stage")
    expect(stage.locator(".sdrive")).to_be_attached()
    stage.route(re.compile(r"/stage$"), lambda route: None)
    led.page.click("#blank")
    expect(stage.locator("#stage")).to_have_class(re.compile("blank"))
    stage.keyboard.press("b")
    expect(led.page.locator("#blank")).to_have_text(re.compile("Darken"))
    with stage.expect_request("**/stage"):
        led.to(3)
    stage.keyboard.press("PageDown")
    expect(led.page.locator(".lcmd .num")).to_have_text(re.compile("^4/"))


def test_a_prediction_from_question_to_answer(led: Led, member: Page) -> None:
    led.to(5)
    led.page.click(".loffers li:first-child button")
    card = member.locator("#poll")
    expect(card.locator("legend")).to_be_visible()
    card.locator("input[name=answer]").first.check()
    card.locator(".go button").click()
    expect(card).to_contain_text("Your answer is kept")
    expect(led.page.locator("[data-answered]").first).to_have_text(re.compile(r"^1 of \d answered"))
    card.locator("input[name=answer]").nth(1).check()
    card.locator(".go button").click()
    member.reload()
    expect(card.locator("input[name=answer]").nth(1)).to_be_checked()
    expect(card).not_to_contain_text("right")
    led.page.click("text=Show distribution")
    expect(card.locator(".votes")).to_be_visible()
    expect(card).not_to_contain_text("✓")
    led.page.click("text=Reveal the answer")
    expect(card.locator(".qfeedback").first).to_be_visible()
    found = Axe().run(member)
    assert found.violations_count == 0, found.generate_report()
    led.page.click("#next")
    expect(card).to_be_hidden()
    shows(member, 6)


def test_an_answer_is_kept_while_there_is_no_connection(led: Led, member: Page) -> None:
    led.to(5)
    led.page.click(".loffers li:first-child button")
    card = member.locator("#poll")
    expect(card.locator("legend")).to_be_visible()
    refuse = lambda route: route.abort()  # noqa: E731
    member.route("**/answer", refuse)
    card.locator("input[name=answer]").first.check()
    card.locator(".go button").click()
    expect(card).to_contain_text("Not connected, your answer is kept here")
    member.unroute("**/answer", refuse)
    expect(card).to_contain_text("Your answer is kept. You can change it", timeout=15_000)
    expect(led.page.locator("[data-answered]").first).to_have_text(re.compile("^1 of"))


def test_a_lost_stream_is_said_and_polling_takes_its_place(browser: Browser, led: Led) -> None:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.clock.install()
    tried: list[str] = []

    def refuse(route: Route) -> None:
        tried.append(route.request.url)
        route.abort()

    page.route("**/events*", refuse)
    page.goto(led.url)
    expect(page.locator("#live")).to_have_text(re.compile(r"Reconnecting \(\d+ s\)"))
    for _ in range(40):
        if len(tried) > 4:
            break
        page.clock.run_for(2_000)
        page.wait_for_timeout(50)
    expect(page.locator("#live")).to_have_text("Live (asks every 2 s)")
    led.to(4)
    page.clock.run_for(3_000)
    shows(page, 4)
    context.close()


def test_a_hidden_tab_has_no_stream_and_catches_up(led: Led, member: Page) -> None:
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    member.evaluate(hide, True)
    led.to(3)
    member.wait_for_timeout(600)
    shows(member, 0)
    member.evaluate(hide, False)
    shows(member, 3)


def test_never_two_leaders(led: Led, context: BrowserContext) -> None:
    second = context.new_page()
    second.goto(f"{led.url}/lead")
    expect(second.locator("main")).to_contain_text("You lead from the other tab")
    twin = context.new_page()
    twin.goto(led.page.url)
    expect(twin.locator("main")).to_contain_text("You lead from the other tab")
    second.get_by_role("button", name="Lead from here").click()
    expect(second.locator("#next")).to_be_visible()
    led.page.click("#next")
    expect(led.page.locator("main")).to_contain_text("You lead from the other tab")
    second.click("#next")
    expect(second.locator(".lcmd .num")).to_have_text("1/8")


def test_everything_but_the_live_part_works_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    led = lead(context, address)
    led.page.click("#next")
    led.to(5)
    led.page.click(".loffers li:first-child button")
    expect(led.page.locator("[data-answered]")).to_contain_text("0 of")
    member = browser.new_context(java_script_enabled=False, viewport=PHONE).new_page()  # type: ignore[arg-type]
    member.goto(led.url)
    shows(member, 5)
    member.locator("input[name=answer]").first.check()
    member.click("#poll .go button")
    expect(member.locator("#poll")).to_contain_text("Your answer is kept")
    led.page.click("#next")
    member.goto(led.url)
    shows(member, 6)
    member.click("#leave")
    member.click("#next")
    expect(member.locator("[data-where]")).to_have_text("1 step ahead")
    assert "meta" in member.content()
    member.click("#rejoin")
    shows(member, 6)
    stage = context.new_page()
    stage.goto(f"{led.url}/stage")
    expect(stage.locator(".snum")).to_have_text(re.compile("^6"))
    member.context.close()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_accessibility_violation(
    led: Led, member: Page, context: BrowserContext, theme: str
) -> None:
    led.to(7)
    shows(member, 7)
    other = context.new_page()
    for page in (other, member, led.page):
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for path in ("/w", f"/w/{led.code}/stage", f"/w/{led.code}/lead"):
        other.goto(led.address + path)
        found = Axe().run(other)
        assert found.violations_count == 0, (path, found.generate_report())
    led.to(5)
    led.page.click(".loffers li:first-child button")
    expect(member.locator("#poll legend")).to_be_visible()
    for page in (led.page, member):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_nothing_overflows_a_phone(led: Led, member: Page) -> None:
    led.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    led.to(5)
    led.page.click(".loffers li:first-child button")
    expect(member.locator("#poll legend")).to_be_visible()
    root = "document.documentElement"
    for page in (led.page, member):
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0


STAGES = ["pinned-stays", "huge-one-write", "swap-cache-counts", "race-fork-tlb", "family-of-three"]


def test_the_stage_is_readable_from_the_back_row(context: BrowserContext, address: str) -> None:
    led = lead(context, address, "\n".join(STAGES))
    stage = context.new_page()
    stage.set_viewport_size(PROJECTOR)  # type: ignore[arg-type]
    for part in range(len(STAGES)):
        if part:
            led.page.click(f".lparts li:nth-child({part + 1}) button")
            expect(led.page.locator(".lcmd .num")).to_have_text(re.compile("^0/"))
        last = int((led.page.locator(".lcmd .num").text_content() or "/1").split("/")[1])
        for step in (0, last // 2, last):
            if step:
                led.to(step)
            stage.goto(f"{led.url}/stage")
            assert stage.evaluate(SMALL_TEXT) == [], (STAGES[part], step)
            root = "document.documentElement"
            for side in ("Width", "Height"):
                assert stage.evaluate(f"{root}.scroll{side} - {root}.client{side}") <= 0
            code = stage.locator(".sjoin .rcode").bounding_box()
            qr = stage.locator(".sjoin .qr").bounding_box()
            assert code is not None
            assert qr is not None
            assert qr["y"] + qr["height"] <= PROJECTOR["height"]
