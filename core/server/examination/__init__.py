"""The files of a job looked through and its training planned, in a process of its own where they are large.

Its rules take long to load, so whoever needs them imports this room where it does.
"""

from core.server.examination.examining import Abandoned, examine
from core.server.examination.validation import Unfit, keep_inputs

__all__ = [
    "Abandoned",
    "Unfit",
    "examine",
    "keep_inputs",
]
