"""What other sites show beside a link to a step: Open Graph and Twitter tags."""

from __future__ import annotations

from msgspec import Struct

from app.urls import step_twin_url, step_url

from .card import HEIGHT, WIDTH


class Preview(Struct, frozen=True):
    """`url` and `image` are absolute: crawlers resolve no relative links."""

    url: str
    image: str
    title: str
    words: str
    alt: str
    width: int = WIDTH
    height: int = HEIGHT


def preview_of(
    origin: str, run_id: str, step: int, query: str, *, last: int, title: str, command: str,
    lead: str,
) -> Preview:  # fmt: skip
    """The tags of a step; `origin` is scheme and host, without a slash at its end.

    `query` is what hides something in drawing and link.
    """
    headline = f"Step {step}/{last}: {command}" if step else title
    words = lead if step else f"{last} steps of Linux memory management, one page each."
    return Preview(
        url=origin + step_url(run_id, step) + query,
        image=origin + step_twin_url(run_id, step, "png") + query,
        title=headline.split("\n", 1)[0],
        words=words,
        alt=f"{title}: memory after step {step} of {last}, drawn"
        if step
        else f"{title}: its steps",
    )
