"""The machine: a pure library. `boot()` makes one, `step()` runs one operation on it."""

from .state import Config, Machine, boot
from .step import Step, step

__all__ = ["ENGINE_VERSION", "Config", "Machine", "Step", "boot", "step"]

ENGINE_VERSION = "5"
"""Raised whenever a rule of the engine changes what a scenario does."""
