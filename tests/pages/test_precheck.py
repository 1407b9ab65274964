"""A file of training examples on the page where it is brought: its errors are shown before it is imported."""

from __future__ import annotations

import json

import pytest
from pagedriver import HOSTILE, Open
from test_data_intake import kept

from core.settings import Settings
from pages.parts import precheck

BRING = "pages/data/bring.py"


def line(question: str, role: str = "user") -> str:
    said = [{"role": role, "content": question}, {"role": "assistant", "content": "Yes."}]
    return json.dumps({"messages": said}) + "\n"


def lines() -> bytes:
    rows = [line(f"Is it {n}?") for n in range(60)]
    rows[7:9] = [line("Who?", "usr"), '{"messages": [\n', line(HOSTILE, HOSTILE)]
    return "".join(rows).encode()


@pytest.mark.parametrize("at_once", [precheck.AT_ONCE, 0])
def test_the_lines_with_errors_are_shown_before_the_import(
    open_page: Open, settings: Settings, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(precheck, "AT_ONCE", at_once)
    page = open_page(BRING, file=kept(settings, (lines(), "chat.jsonl")))
    assert page.says("60 examples") and page.says("3 errors") and page.says("0 warnings")
    (table,) = [frame.value for frame in page.app.dataframe if "Line" in frame.value.columns]
    assert table["Line"].tolist() == [8, 9, 10]
    assert table["Field"].tolist() == ["messages[0].role", "", "messages[0].role"]
    assert "usr" in table["What was found"][0] and "not valid JSON" in table["What was found"][1]
    assert not page.unescaped(HOSTILE)
    assert page.run().says("3 errors"), "kept for the next run"


def test_a_good_file_has_no_list(open_page: Open, settings: Settings) -> None:
    good = "".join(line(f"Is it {n}?") for n in range(60)).encode()
    page = open_page(BRING, file=kept(settings, (good, "chat.jsonl")))
    assert page.says("0 errors") and not [frame for frame in page.app.dataframe if "Line" in frame.value.columns]


def test_a_file_that_is_converted_or_mapped_has_no_report(open_page: Open, settings: Settings) -> None:
    share = json.dumps({"conversations": [{"from": "human", "value": "How?"}, {"from": "gpt", "value": "So"}]})
    for data, name in ((f"{share}\n{share}\n".encode(), "s.jsonl"), (b"question,answer\na,b\n", "t.csv")):
        page = open_page(BRING, file=kept(settings, (data, name)))
        assert not page.says("errors")
