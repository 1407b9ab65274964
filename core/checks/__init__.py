"""Checks: the rules of each training format, collected as issues and never raised.

`check_line` and `check_body` look at one example, `check_set` at a set, `check_file` at a file, `judge` at many
examples for the store. `issue_table` names every code.
"""

from core.checks.bodies import check_body
from core.checks.files import check_file
from core.checks.issues import Issue, make
from core.checks.judging import Judged, judge
from core.checks.lines import check_line, explain
from core.checks.report import DEFAULT_LIMIT, Report
from core.checks.rule import Severity
from core.checks.sets import MIN_EXAMPLES, check_set
from core.checks.table import issue_table, sentence_of

__all__ = [
    "DEFAULT_LIMIT",
    "MIN_EXAMPLES",
    "Issue",
    "Judged",
    "Report",
    "Severity",
    "check_body",
    "check_file",
    "check_line",
    "check_set",
    "explain",
    "issue_table",
    "judge",
    "make",
    "sentence_of",
]
