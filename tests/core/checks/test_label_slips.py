"""Label names that are slips of one another, and names that only look so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checks.labels import Slip, slips


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"billing": 50, "Billing": 3}, [("Billing", "billing", "form")]),
        ({"billing": 50, "billing ": 60}, [("billing", "billing ", "form")]),
        ({"科技": 50, "科 技": 1, "ＩＴ": 4, "IT": 9}, [("ＩＴ", "IT", "form"), ("科 技", "科技", "form")]),
        ({"card_lost": 20, "card-lost": 2}, [("card-lost", "card_lost", "form")]),
        ({"物流": 50, "物流。": 4, "退款": 30, "退款，": 1}, [("物流。", "物流", "form"), ("退款，", "退款", "form")]),
        ({"Billing": 50, "Billing.": 3}, [("Billing.", "Billing", "form")]),
        ({"delivery": 40, "delivry": 2}, [("delivry", "delivery", "letters")]),
        ({"delivery": 40, "deilvery": 2}, [("deilvery", "delivery", "letters")]),
        ({"cancellation": 40, "cancelatoin": 2}, [("cancelatoin", "cancellation", "letters")]),
        ({"市政道路管理": 60, "市政到路管理": 1}, [("市政到路管理", "市政道路管理", "letters")]),
        ({"科技": 60, "技科": 1}, [("技科", "科技", "letters")]),
        # names of their own
        ({"delivery": 40, "delivary": 30}, []),
        ({"科技": 60, "科学": 1}, []),
        ({"class 1": 60, "class 2": 1}, []),
        ({"yes": 60, "no": 1}, []),
        ({"cat": 60, "car": 12}, []),
        ({"": 60, " ": 1}, []),
        ({}, []),
        ({f"label {n}": 1 for n in range(2_500)}, []),
    ],
)
def test_slips(counts: dict[str, int], found: list[tuple[str, str, str]]) -> None:
    assert [(slip.label, slip.meant, slip.why) for slip in slips(counts)] == found


@given(st.dictionaries(st.text(max_size=12), st.integers(1, 1_000), max_size=15))
def test_a_slip_never_points_at_a_slip_of_form_or_a_rarer_name(counts: dict[str, int]) -> None:
    found = slips(counts)
    assert len({slip.label for slip in found}) == len(found)
    for slip in found:
        assert isinstance(slip, Slip) and slip.rows <= slip.meant_rows and slip.label != slip.meant
        assert slip.meant not in {other.label for other in found if other.why == "form"}
