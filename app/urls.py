"""Every URL of runs and scenarios is made here."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request


def run_url(run_id: str) -> str:
    return f"/r/{quote(run_id, safe='')}/0"


def step_url(run_id: str, step: int) -> str:
    return f"/r/{quote(run_id, safe='')}/{step}"


def step_twin_url(run_id: str, step: int, suffix: str) -> str:
    """`suffix` is "json", "txt", "svg", "png", "c" or "itf.json"."""
    return f"{step_url(run_id, step)}.{suffix}"


def run_twin_url(run_id: str, suffix: str) -> str:
    """`suffix` is "json", "cow", "html", "c" or "itf.json"."""
    return f"/r/{quote(run_id, safe='')}.{suffix}"


def embed_url(run_id: str, step: int) -> str:
    return f"/e/{quote(run_id, safe='')}/{step}"


def share_url(run_id: str, step: int) -> str:
    return f"{step_url(run_id, step)}/share"


def sheet_url(run_id: str) -> str:
    return f"/r/{quote(run_id, safe='')}/sheet"


def next_url(run_id: str, step: int) -> str:
    """What could come after a step."""
    return f"{step_url(run_id, step)}/next"


def branch_url(run_id: str, step: int) -> str:
    """To be posted to: a run that goes on otherwise."""
    return f"{step_url(run_id, step)}/branch"


def without_url(run_id: str, step: int) -> str:
    """The run without one of its steps."""
    return f"/r/{quote(run_id, safe='')}/without/{step}"


def rules_url(run_id: str) -> str:
    return f"/r/{quote(run_id, safe='')}/rules"


def minimise_url(run_id: str) -> str:
    return f"/r/{quote(run_id, safe='')}/minimise"


def scenario_url(slug: str) -> str:
    return f"/s/{quote(slug, safe='')}"


def compare_url(left: str, right: str, step: int | None = None) -> str:
    """Without a step it leads to the first divergence."""
    pair = f"/c/{quote(left, safe='')}..{quote(right, safe='')}"
    return pair if step is None else f"{pair}/{step}"


def matrix_url(name: str) -> str:
    """`name` is a run's or the slug of a shipped scenario."""
    return f"/m/{quote(name, safe='')}"


def selftest_url() -> str:
    return "/selftest"


def conformance_url() -> str:
    return "/conformance"


def import_url() -> str:
    return "/import"


def trace_url(trace_id: str) -> str:
    """An imported trace."""
    return f"/t/{quote(trace_id, safe='')}"


def api_trace_url(trace_id: str) -> str:
    return f"/api/v1/traces/{quote(trace_id, safe='')}"


def question_url(question_id: str) -> str:
    """A question on a step, to be answered alone."""
    return f"/q/{quote(question_id, safe='~@:')}"


def rooms_url() -> str:
    return "/w"


def room_url(code: str) -> str:
    return f"/w/{quote(code, safe='')}"


def stage_url(code: str) -> str:
    return f"{room_url(code)}/stage"


def lead_url(code: str, tab: str = "") -> str:
    """`tab` is the name of the browser tab that leads."""
    return f"{room_url(code)}/lead" + (f"?tab={quote(tab, safe='')}" if tab else "")


def claim_url(code: str, once: str) -> str:
    """The link that makes its reader the leader, once."""
    return f"{room_url(code)}/lead/{quote(once, safe='')}"


def api_run_url(run_id: str) -> str:
    return f"/api/v1/runs/{quote(run_id, safe='')}"


def api_step_url(run_id: str, step: int) -> str:
    return f"{api_run_url(run_id)}/steps/{step}"


def absolute(request: Request, path: str) -> str:
    """A link that works outside this server's pages."""
    base = request.app.state.settings.base_url or request.base_url
    return str(base).rstrip("/") + path
