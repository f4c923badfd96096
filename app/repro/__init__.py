"""A scenario as a self-contained C program that plays it on the running kernel, in TAP."""

from __future__ import annotations

from .program import Origin, c_program
from .sizes import TooManyPages, in_real_sizes

__all__ = ["Origin", "TooManyPages", "c_program", "in_real_sizes"]
