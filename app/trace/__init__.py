"""Scenarios played, explained, written as `trace/1`, and held against recorded kernels."""

from .conform import BadTrace, Conformance, Mismatch, conform_file
from .run import KINDS, Played, Run, play

__all__ = ["KINDS", "BadTrace", "Conformance", "Mismatch", "Played", "Run", "conform_file", "play"]
