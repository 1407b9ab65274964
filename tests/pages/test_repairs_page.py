"""A file that is nearly JSON: shown as it was probably meant, repaired into a copy, mapped at once."""

from __future__ import annotations

from pagedriver import HOSTILE, Open
from test_data_bring import BRING, keep

from core.settings import Settings

SAID = [{"role": "user", "content": f"it's {HOSTILE}"}, {"role": "assistant", "content": "ok"}]


def test_lines_that_python_printed_are_repaired_and_one_can_be_left_out(open_page: Open, settings: Settings) -> None:
    content = "".join(f"{ {'messages': SAID, 'n': n} }\n" for n in range(4))
    page = open_page(BRING, file=keep(settings, content, "odd.txt"))
    assert page.says("These lines are nearly JSON") and not page.unescaped(HOSTILE)
    next(box for box in page.app.checkbox if box.label == "Row 2").uncheck()
    page.run().click("Use the repaired lines")
    assert page.says("These lines are training examples already")
    token = page.app.query_params["file"]
    kept = (settings.folder("uploads") / (token if isinstance(token, str) else token[0])).read_text("utf-8")
    assert kept.count("\n") == 3 and '"n": 1}' not in kept and '"n": 2}' in kept


def test_what_is_nothing_like_json_is_not_offered(open_page: Open, settings: Settings) -> None:
    page = open_page(BRING, file=keep(settings, '[1, 2, 3]\n["a"]\n', "odd.json"))
    assert not page.says("nearly JSON")
