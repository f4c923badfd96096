"""Why the machine did what it did: one constant for each decision it can take.

A reason is never formatted while the machine runs. The engine keeps the constant, the folio as it
was and the numbers that were compared; `app.trace` fills them in when somebody looks.
"""

from .faults import *  # noqa: F403
from .huge import *  # noqa: F403
from .moving import *  # noqa: F403
from .reason import Reason as Reason
from .sharing import *  # noqa: F403
from .taking import *  # noqa: F403
