"""QR codes: an address that a phone reads off a screen or a sheet of paper."""

from __future__ import annotations

from html import escape
from io import BytesIO

import segno
from markupsafe import Markup

QUIET = 4
"""Modules of white around the code; readers need them (ISO/IEC 18004, 9.1)."""


def qr_svg(url: str, label: str) -> Markup:
    """`url` as SVG, black on white in either theme. Raises segno.DataOverflowError past 2,331 B."""
    out = BytesIO()
    segno.make(url, error="m", micro=False).save(
        out, kind="svg", border=QUIET, dark="#000", light="#fff", xmldecl=False, omitsize=True,
        svgclass="qr", lineclass=None,
    )  # fmt: skip
    svg = out.getvalue().decode().strip()
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))
