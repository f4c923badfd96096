"""The scenario language: text to operations, and back to canonical text."""

from .continuation import Continuation
from .errors import ScenarioError, ScenarioErrors
from .expectations import Expectation, Note
from .format import format_scenario
from .library import Shipped, library
from .scenario import Scenario, ScenarioStep, longest_valid, parse
from .text import MAX_BYTES, MAX_FRAMES, MAX_PROCESSES, MAX_STEPS
from .units import Unit, units_of

__all__ = [
    "MAX_BYTES",
    "MAX_FRAMES",
    "MAX_PROCESSES",
    "MAX_STEPS",
    "Continuation",
    "Expectation",
    "Note",
    "Scenario",
    "ScenarioError",
    "ScenarioErrors",
    "ScenarioStep",
    "Shipped",
    "Unit",
    "format_scenario",
    "library",
    "longest_valid",
    "parse",
    "units_of",
]
