"""What `web.py` compares with: the same stack answering with bytes, or with a plain template.

`/bytes` sends BENCH_BYTES bytes that are in memory; `/page` renders a plain Jinja2 page of as
many bytes for every request: a table, autoescaped. No middleware, no database.
"""

from __future__ import annotations

import os
from itertools import count

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

SIZE = int(os.environ.get("BENCH_BYTES", "32768"))
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}: {{ number }}</title>
<link rel="stylesheet" href="/static/style.css"></head><body><main><h1>{{ title }}</h1>
<table><thead><tr>{% for name in names %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr class="{{ 'own' if row.exclusive else 'shared' }}"><th scope="row">{{ row.label }}</th>\
<td class="val">{{ row.value }}</td><td>{{ row.words }}</td><td class="num">{{ row.count }}</td>\
<td>{% for holder in row.holders %}<span class="tok">{{ holder }}</span>{% endfor %}</td></tr>
{% endfor %}
</tbody></table></main></body></html>
"""
ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
TEMPLATE = ENVIRONMENT.from_string(PAGE)
ROW = {
    "exclusive": True,
    "label": "f12",
    "value": 42,
    "words": "anon, exclusive",
    "count": 3,
    "holders": ["A", "B", "lru"],
}
NUMBERS = count()


def render(rows: int) -> str:
    return TEMPLATE.render(
        title="A plain page",
        number=next(NUMBERS),
        names=["page", "value", "state", "ref", "held by"],
        rows=[ROW] * rows,
    )


def rows_for(size: int) -> int:
    """Rows that make a page of about `size` bytes."""
    none, some = len(render(0)), len(render(100))
    return max(1, round((size - none) * 100 / (some - none)))


BODY = b"x" * SIZE
ROWS = rows_for(SIZE)


async def send_bytes(request: Request) -> Response:
    return Response(BODY, media_type="text/html")


async def send_page(request: Request) -> Response:
    return HTMLResponse(render(ROWS))


app = Starlette(routes=[Route("/bytes", send_bytes), Route("/page", send_page)])
