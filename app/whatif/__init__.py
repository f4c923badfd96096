"""What if: steps that could come next, a step or a rule switched off, the shortest text.

Everything here is asked of the language's compiler and of the engine; no rule is written twice.
"""

from .actions import Action, Actions, actions_at
from .alter import WithinBlock, branch_text
from .minimise import Minimised, NotBroken, minimise
from .position import Ground
from .rules import RuleOff, Rules, rules_off
from .without import Change, Row, Without, without

__all__ = [
    "Action",
    "Actions",
    "Change",
    "Ground",
    "Minimised",
    "NotBroken",
    "Row",
    "RuleOff",
    "Rules",
    "WithinBlock",
    "Without",
    "actions_at",
    "branch_text",
    "minimise",
    "rules_off",
    "without",
]
