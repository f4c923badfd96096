"""Comparisons without a browser: what differs, where two runs part, and every way to ask."""

from __future__ import annotations

import re
from functools import partial

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.settings import Settings
from app.web import compare, templating
from app.web.compare_steps import Ways, aligned
from tests.awaiting import awaited
from tests.web.serving import FORKS, LEAK, make_run
from tests.web.test_explorer import names_in

SHORT = "\n".join(LEAK.split("\n")[:7]) + "\n"
LONG = "A mmap buf 1\nA write buf[0] 1\nA fork B\n" + "B write buf[0] 2\nB read buf[0]\n" * 70


def pair(app: FastAPI, text: str, left: str, right: str) -> str:
    return f"/c/{make_run(app, text, left)}..{make_run(app, text, right)}"


def test_it_opens_where_the_two_part(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux")
    answer = client.get(url)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{url}/6")
    page = client.get(f"{url}/6").text
    assert "The first divergence" in page
    # why, with the numbers of both
    assert "mapcount decides by mapcount 1 + swap entries 0 = 1" in page
    assert "linux decides by refcount" in page
    assert f'href="{url}/7" title="next divergence (d)" aria-keyshortcuts="d"' in page
    assert 'id="div-prev"' not in page
    assert f'href="{url}/6" title="previous divergence' in client.get(f"{url}/7").text


def test_what_differs_is_named_and_marked(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux")
    found = client.get(f"{url}/6.json").json()
    assert found["divergences"] == [6, 7]
    subjects = {d["subject"]: (d["kind"], d["left"], d["right"]) for d in found["differences"]}
    assert subjects["A buf[0]"] == ("pte", "f0 P W D S", "f1 P W D S")
    assert subjects["outcome"] == ("outcome", "1 fault, 0 copies", "1 fault, 1 copy")
    assert subjects["properties"][1:] == ("violates isolation I2", "nothing violated")
    assert subjects["f1"][1] == "not there"
    assert subjects["g"][1:] == ("sees 42", "sees 7")
    page = client.get(f"{url}/6").text
    drawn = page.count('<g class="ne">')
    in_pictures = sum(d["kind"] in ("pte", "frame", "handle") for d in found["differences"])
    assert drawn == 2 * in_pictures
    assert "no f1 here" in page
    assert "they agree" not in page.lower()


def test_before_the_divergence_nothing_is_marked(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux")
    page = client.get(f"{url}/4").text
    assert '<g class="ne">' not in page
    assert "The first divergence is step 6." in page
    assert "Nothing differs" in page


def test_a_step_left_out_leaves_a_gap_and_moves_nothing_else(
    app: FastAPI, client: TestClient
) -> None:
    without = make_run(app, LEAK.replace("B munmap buf\n", ""))
    url = f"/c/{make_run(app, LEAK)}..{without}"
    for place in range(9):
        found = client.get(f"{url}/{place}.json").json()
        assert "step" not in {d["kind"] for d in found["differences"]}
        assert found["left"]["step"] == place
        assert found["right"]["step"] == (None if place == 5 else place - (place > 5))
    page = client.get(f"{url}/5").text
    assert "Only the left has this step." in page
    assert "This run does not have the step: it stays as it was after its step 4." in page
    behind = client.get(f"{url}/7").text
    assert "Step 7 on the left is step 6 on the right." in behind
    assert '<span class="own-step">its step 6</span>' in behind
    assert "Step 4 on the left" not in client.get(f"{url}/4").text
    assert client.get(f"{url}/9").status_code == 404


def test_the_first_divergence_is_the_first_real_one(app: FastAPI, client: TestClient) -> None:
    """A read that is left out changes nothing; by number every step behind it would differ."""
    text = "A mmap buf 1\nA write buf 1\nA read buf\nA fork B\nB write buf 2\nA read buf\n"
    url = f"/c/{make_run(app, text)}..{make_run(app, text.replace('A read buf', '#', 1))}"
    assert client.get(url).headers["location"] == f"{url}/0"
    for place in range(7):
        assert client.get(f"{url}/{place}.json").json()["differences"] == []
    assert "The two never diverge" in client.get(f"{url}/6").text
    fork = f"/c/{make_run(app, text)}..{make_run(app, text.replace('B write buf 2', '#'))}"
    assert client.get(fork).headers["location"] == f"{fork}/5"
    swapped = "..".join(reversed(fork.removeprefix("/c/").split("..")))
    assert client.get(f"/c/{swapped}").headers["location"] == f"/c/{swapped}/5"


def test_sides_of_one_policy_are_told_apart(app: FastAPI, client: TestClient) -> None:
    """Of a branch that was played under the same policy: lanes, tabs, headings and sentences."""
    text = "A mmap buf 1\nA write buf 1\nA fork B\nB write buf 2\n"
    url = f"/c/{make_run(app, text)}..{make_run(app, text.replace('B write buf 2', 'B read buf'))}"
    html = client.get(f"{url}/4").text
    assert '<label for="tab-left">linux, left</label><label for="tab-right">linux, right' in html
    assert ">linux, left</text>" in html
    assert "linux, left" in client.get(f"{url}/4.txt").text
    assert client.get(f"{url}/4.json").json()["left"]["policy"] == "linux"
    other = client.get(f"/c/{make_run(app, text)}..{make_run(app, text, 'mapcount')}/4").text
    assert "linux, left" not in other


def test_of_two_equal_steps_the_one_that_was_left_out_is_missing(app: FastAPI) -> None:
    text = "A mmap buf 1\nA write buf 1\nA write buf 1\nA read buf\n"
    whole, less = make_run(app, text), text.replace("A write buf 1\n", "", 1)
    runs = app.state.runs
    loaded = awaited(runs.load(whole))
    known = awaited(runs.create(less, None, (whole, 1)))
    assert Ways.of(loaded, known).at[1] == (0, 1, 1, 2, 3)
    assert Ways.of(known, loaded).at[0] == (0, 1, 1, 2, 3)


@pytest.mark.parametrize(
    ("left", "right", "acts"),
    [
        ("abc", "abc", "===" ),
        ("abcd", "acd", "=<=="),
        ("acd", "abcd", "=>=="),
        ("abc", "abxyz", "==?>>"),
        ("abcde", "xbcd", "?===<"),
        ("", "ab", ">>"),
        ("aab", "ab", "=<="),
    ],
)  # fmt: skip
def test_steps_are_paired_by_what_they_say(left: str, right: str, acts: str) -> None:
    """= the same, ? another in its place, < and > on one side alone."""
    signs = {(True, True): "=?", (True, False): "<", (False, True): ">"}
    found = aligned(left, right, 0)
    assert len(found) == len(acts)
    assert all(sign in signs[act] for sign, act in zip(acts, found, strict=True))
    ways = Ways.along(found)
    assert ways.last == len(acts)
    for side, text in enumerate((left, right)):
        assert [ways.at[side][place] for place in ways.places[side]] == list(range(len(text) + 1))
    mirrored = aligned(right, left, 0)
    assert [(b, a) for a, b in mirrored] == found


def test_long_texts_are_paired_in_time() -> None:
    """What is too long for a comparison of texts is paired by number behind what is the same."""
    left, right = ("r", *("ab" * 1500)), ("r", "x", *("ba" * 1499), "c")
    assert len(aligned(left, right, 0)) == len(left)


def test_what_only_one_side_violates_is_a_divergence(app: FastAPI, client: TestClient) -> None:
    less = LEAK.replace("A write buf[0] 42\n", "")
    url = f"/c/{make_run(app, LEAK, 'mapcount')}..{make_run(app, less, 'mapcount')}"
    found = client.get(f"{url}/6.json").json()
    told = {d["subject"]: (d["left"], d["right"]) for d in found["differences"]}
    assert told["properties"] == ("violates isolation I2", "no such step")
    assert found["divergences"][0] == 6
    page = client.get(f"{url}/7").text
    assert f'<a class="tag bad" href="{url}/6">✗ isolation: step 6</a>' in page


def test_a_selection_is_followed_across_a_gap(app: FastAPI, client: TestClient) -> None:
    less = LEAK.replace("B munmap buf\n", "")
    url = f"/c/{make_run(app, LEAK)}..{make_run(app, less)}"
    page = client.get(f"{url}/6?sel=A.buf[0]").text
    right = page.partition('class="of-side" data-side="right"')[2]
    assert 'data-writes="1 2 3 6"' in right.partition(">")[0]
    assert re.search(rf'href="{url}/6(\?[^"]*)?" title="A write buf\[0\] 42"', right)


def test_references_of_lru_batches_are_shown_and_are_no_divergence(
    app: FastAPI, client: TestClient
) -> None:
    """Only `linux` drains this CPU's batch before it decides; both copy."""
    text = "A mmap buf 1\nA mmap other 1\nA write buf 1\nA write other 1\nA fork B\nB write buf 2\n"
    url = pair(app, text, "mapcount", "linux")
    found = client.get(f"{url}/6.json").json()
    assert found["divergences"] == []
    assert [(d["subject"], d["left"], d["right"]) for d in found["differences"]] == [
        ("f0", "ref 2", "ref 1"), ("f1", "ref 3", "ref 2"),
    ]  # fmt: skip
    page = client.get(f"{url}/6").text
    assert "in LRU batches" in page
    assert "Only the references that LRU batches hold differ." in page
    assert "counts and outcomes are the same" not in page


def test_two_that_never_diverge_say_so(app: FastAPI, client: TestClient) -> None:
    url = pair(app, FORKS, "refcount", "linux")
    assert client.get(url).headers["location"] == f"{url}/0"
    page = client.get(f"{url}/9").text
    assert "The two never diverge" in page
    assert 'id="div-next"' not in page
    same = make_run(app, FORKS)
    assert "Both sides are the same run" in client.get(f"/c/{same}..{same}/3").text


def test_each_side_tells_of_the_pages_that_differ(app: FastAPI, client: TestClient) -> None:
    """The fork shares f0 on both sides alike; they part over the pinned f2."""
    page = client.get(pair(app, FORKS, "textbook", "linux") + "/7").text
    assert "The child maps f2, too" in page
    assert "The child gets a copy f3 of f2 at once" in page
    assert "The child maps f0" not in page


def test_a_page_is_the_same_whatever_its_number(app: FastAPI, client: TestClient) -> None:
    """One copy more on the right: every later frame has another number there."""
    url = pair(app, FORKS, "textbook", "linux")
    found = client.get(f"{url}/14.json").json()
    assert any("f3 = f4" in remark for remark in found["remarks"])
    assert not any(d["subject"].startswith("A buf[0]") for d in found["differences"])
    page = client.get(f"{url}/9").text
    left, right = page.split('class="panel side right')
    assert 'id="left-f3" class="lk" data-link="f3"' in left
    assert 'id="right-f4" class="lk" data-link="f3"' in right


def test_what_is_the_same_has_the_same_place(app: FastAPI, client: TestClient) -> None:
    url = pair(app, FORKS, "textbook", "linux")
    place = r'id="{}-\w+" class="lk" data-link="(\w+)"><g [^>]+><rect class="body" (x="\d+" y="\d+)'
    for step in (7, 9, 14):
        page = client.get(f"{url}/{step}").text
        left, right = page.split('class="panel side right')
        here = dict(re.findall(place.format("left"), left))
        there = dict(re.findall(place.format("right"), right))
        assert here
        assert all(there[link] == spot for link, spot in here.items() if link in there)
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(set(ids)) == len(ids)


def test_a_page_of_another_step_is_not_taken_for_one_of_the_same_number(
    app: FastAPI, client: TestClient
) -> None:
    """Left f810 appears in step 7, right f810 in step 6, where left has it as f809."""
    text = (
        "A mmap buf 512\nA write buf 1\nA fork B\nA pin buf[0] p\nA fork C\n"
        "B write buf[3:300] 4\nC write buf 5\n"
    )
    url = pair(app, text, "mapcount", "linux")
    found = client.get(f"{url}/6.json").json()
    assert found["divergences"] == [5, 7]
    # f805 is one of the pages that wait in an LRU batch on the right.
    assert {d["subject"] for d in found["differences"]} == {
        "A buf[0]", "C buf[0]", "f512", "f513", "f805 / f806",
    }  # fmt: skip


def test_a_rule_switched_off(app: FastAPI, client: TestClient) -> None:
    url = pair(app, FORKS, "linux", "linux:-swap-exclusive")
    found = client.get(f"{url}/5.json").json()
    assert found["divergences"][0] == 5
    assert [(d["left"], d["right"]) for d in found["differences"]] == [
        ("s0 in swap, exclusive", "s0 in swap, not exclusive")
    ]
    page = client.get(f"{url}/5").text
    assert "Only <code>linux</code> has the rules swap-exclusive." in page
    assert "without swap-exclusive" in page


def test_texts_and_lengths_may_differ(app: FastAPI, client: TestClient) -> None:
    url = f"/c/{make_run(app, LEAK)}..{make_run(app, SHORT)}"
    page = client.get(f"{url}/8").text
    assert "different texts" in page
    assert "2 on the left; there the other side stays as it was" in page
    assert "Only the left has this step: the right has ended." in page
    assert "This run ended at step 6." in page
    assert client.get(f"{url}/9").status_code == 404
    other = f"/c/{make_run(app, FORKS)}..{make_run(app, LEAK)}"
    found = client.get(f"{other}/1.json").json()["differences"]
    assert (found[0]["kind"], found[0]["left"]) == ("step", "A mmap buf 4")


def test_every_step_of_every_kind_of_pair_renders(app: FastAPI, client: TestClient) -> None:
    for left, right in [("textbook", "exclusive-pte"), ("cow-on-gup-read", "refcount@5.9")]:
        url = pair(app, FORKS, left, right)
        for step in range(15):
            page = client.get(f"{url}/{step}").text
            assert set(re.findall(r'data-step="(\d+)"', page)) == {str(step)}
            fragment = client.get(f"{url}/{step}", headers={"HX-Request": "true"}).text
            assert fragment.strip() in page
        text = client.get(f"{url}/9.txt").text
        assert left in text
        assert "divergences:" in text


def test_a_long_run_has_a_window_and_an_overview(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LONG, "mapcount", "linux:-fork-clears")
    page = client.get(f"{url}/100").text
    assert "divergences of the whole runs" in page
    assert page.count('<g class="tl-step') <= 2 * 122


def test_an_answer_is_kept_and_known(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux") + "/6"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" in client.get(url, headers={"HX-Request": "true"}).headers["cache-control"]


def test_the_step_field(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux")
    assert client.get(f"{url}/step?step=7").headers["location"] == f"{url}/7"
    for bad in ("", "x", "99"):
        answer = client.get(f"{url}/step?step={bad}")
        assert answer.status_code == 404
        assert f'href="{url}/8"' in answer.text


def test_bad_links_lead_to_the_nearest(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK)
    url = pair(app, LEAK, "mapcount", "linux")
    assert f'href="{url}/8"' in client.get(f"{url}/9").text
    assert client.get(f"{url}/9.json").json()["nearest"] == f"{url}/8"
    assert client.get(f"/c/{run}..nothere").status_code == 404
    assert client.get(f"/c/{run}../3").status_code == 404
    assert client.get(f"/c/{run}/3").status_code == 404
    assert client.get(f"/c/{run}").headers["location"] == f"/m/{run}"


def test_choosing_policies(app: FastAPI, client: TestClient) -> None:
    run = make_run(app, LEAK, "mapcount")
    post = partial(client.post, "/c")
    one = post(data={"scenario": run, "policy": "linux"})
    assert one.status_code == 303
    assert one.headers["location"] == pair(app, LEAK, "mapcount", "linux")
    again = post(data={"scenario": run, "policy": "linux"})
    assert again.headers["location"] == one.headers["location"]
    two = post(data={"scenario": run, "policy": ["refcount", "refcount@5.9"]})
    assert two.headers["location"] == pair(app, LEAK, "refcount", "refcount@5.9")
    three = post(data={"scenario": run, "policy": ["refcount", "linux", "textbook"]})
    assert three.headers["location"] == f"/m/{run}?policy=refcount&policy=linux&policy=textbook"
    shipped = post(data={"scenario": "hello-fork", "policy": "mapcount"})
    assert shipped.headers["location"].startswith("/c/")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 422),
        ({"scenario": "hello-fork"}, 422),
        ({"scenario": "hello-fork", "policy": "lunix"}, 422),
        ({"scenario": "nothere", "policy": "linux"}, 404),
    ],
)
def test_bad_choices_are_told(client: TestClient, data: dict[str, str], status: int) -> None:
    answer = client.post("/c", data=data)
    assert answer.status_code == status
    assert "Internal" not in answer.text


def test_another_sites_page_cannot_choose(client: TestClient) -> None:
    data = {"scenario": "hello-fork", "policy": "mapcount"}
    answer = client.post("/c", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_template_gets_exactly_the_documented_fields(settings: Settings) -> None:
    env = templating.environment(settings)
    asked = names_in(env, "compare.html", set()) - set(env.globals)
    assert asked - {"look"} <= set(compare.CompareContext.__struct_fields__)
    documentation = compare.CompareContext.__doc__ or ""
    for name in compare.CompareContext.__struct_fields__:
        assert re.search(rf"\b{name}\b", documentation), f"{name} is not documented"
        assert name in asked, f"{name} is not used"


def test_the_cursor_stays_within_the_timeline(app: FastAPI, client: TestClient) -> None:
    url = pair(app, LEAK, "mapcount", "linux")
    for step in (0, 8):
        lanes = client.get(f"{url}/{step}").text.partition('id="lanes"')[2]
        box = re.search(r'viewBox="0 0 (\d+) ', lanes)
        cursor = re.search(r'class="tl-cur" x="([\d.]+)" y="18" width="([\d.]+)"', lanes)
        assert box
        assert cursor
        left, width = map(float, cursor.groups())
        assert 100 < left < left + width < float(box[1])


def test_a_page_that_is_freed_here_is_no_gap_as_well(app: FastAPI, client: TestClient) -> None:
    """One box for it, with one text."""
    page = client.get(pair(app, LEAK, "mapcount", "linux") + "/8").text
    assert 'class="was">f0</tspan> freed' in page
    assert "no f0 here" not in page
    assert "no f1 here" in page
