"""Questions on steps, made and answered by the engine.

`questions_for(run, step, source)` gives all questions on a step, the telling ones first;
`question(question_id, run)` gives one by its name. Both are pure. `source` is what the run is
called in links (a stored run's name). Shipped scenarios need no run: `shipped_run(source)`.
"""

from .make import question, questions_for, shipped_run
from .question import KINDS, Address, BadQuestion, Option, Question, address_of

__all__ = [
    "KINDS",
    "Address",
    "BadQuestion",
    "Option",
    "Question",
    "address_of",
    "question",
    "questions_for",
    "shipped_run",
]
