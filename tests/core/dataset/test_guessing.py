"""The first recipe: the tutorials' headers are recognised, other tables are looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.dataset.guessing import guess, suggest
from core.dataset.readers import Row, sniff
from core.dataset.recipes import Recipe
from core.dataset.vocabulary import Role

S, U, A, L, I = Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.LABEL, Role.IGNORE  # noqa: E741


@pytest.mark.parametrize(
    "roles",
    [
        {"system_content": S, "user_content": U, "assistant_content": A},
        {"System Content": S, "User Content": U, "Assistant Content": A},
        {"SYSTEM-CONTENT": S, "userContent": U, "assistant content": A},
        {"prompt": U, "completion": A},
        {"questions": U, "answers": A},
        {"Question": U, "Answer": A},
        {"instruction": U, "input": U, "output": A},
        {"input": U, "output": A},
        {"label": I, "label_desc": L, "sentence": U, "keywords": I},
        {"text": U, "category": L},
        {"title": U, "class": L},
        {"query": U, "intent": L},
        {"id": I, "system": S, "user": U, "assistant": A, "label": L, "split": I},
        {"问题": U, "答案": A},
        {"文本": U, "标签": L},
        {"指令": U, "输入": U, "输出": A},
    ],
    ids=lambda roles: ",".join(roles),
)
def test_headers_of_the_tutorials(roles: dict[str, Role]) -> None:
    cells = {c: c for c in roles}
    assert guess(list(roles), [Row(2, cells)]).roles == roles


@pytest.mark.parametrize(
    ("question", "answer", "others"),
    [
        ("客户问题", "客服回复", ("ID", "分类", "备注")),
        ("Customer message", "Our reply", ("Ticket", "Agent")),
        ("question_text", "answer_text", ("question_id", "question_type")),
        ("Customer question", "Agent answer", ("Subject of it", "Priority")),
    ],
)
def test_longer_names_tell_by_their_end(question: str, answer: str, others: tuple[str, ...]) -> None:
    asked = [f"Where is {n}?" for n in range(12)]
    told = [f"It is on its way to you, parcel {n}, and comes soon." for n in range(12)]
    filled = dict.fromkeys(others, ["a", "b"] * 6) | {question: asked, answer: told}
    sample = [Row(n, {column: cells[n] for column, cells in filled.items()}) for n in range(12)]
    found = guess([others[0], question, answer, *others[1:]], sample)
    assert (found.columns_for(U), found.columns_for(A)) == ((question,), (answer,))


def test_stars_beside_a_review_are_its_label() -> None:
    sample = [Row(n, {"review": f"It was nice, {n}", "stars": str(n % 5)}) for n in range(20)]
    assert guess(["review", "stars"], sample).label_column == "stars"


def test_the_instruction_goes_before_its_input_whatever_their_order() -> None:
    assert guess(["output", "input", "instruction"], []).columns_for(U) == ("instruction", "input")


def rows(*columns: list[str]) -> list[Row]:
    return [
        Row(n, {f"c{i}": cell for i, cell in enumerate(cells)}) for n, cells in enumerate(zip(*columns, strict=True))
    ]


def test_without_names_few_short_values_are_the_label_and_long_text_the_user() -> None:
    sample = rows(
        [str(n) for n in range(8)],
        [f"a fairly long sentence number {n} about something" for n in range(8)],
        [f"short {n}" for n in range(8)],
        ["yes", "no"] * 4,
    )
    assert guess(["c0", "c1", "c2", "c3"], sample).roles == {"c1": U, "c3": L, "c0": I, "c2": I}


def test_without_names_and_classes_the_question_comes_before_the_answer() -> None:
    sample = rows([f"question {n}" for n in range(6)], [f"a much longer answer to question {n}" for n in range(6)])
    assert guess(["c0", "c1"], sample).roles == {"c0": U, "c1": A}


def test_a_question_beside_an_unknown_column() -> None:
    sample = [Row(n, {"question": f"q {n}", "what we say": f"we say {n} times no"}) for n in range(6)]
    assert guess(["question", "what we say"], sample).roles == {"question": U, "what we say": A}


def test_nothing_to_go_by_gives_no_role_twice() -> None:
    assert guess([], []) == Recipe()
    assert guess(["c0"], rows(["only text here"])).roles == {"c0": U}


def test_training_files_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n')
    assert suggest(sniff(path)).as_is


@pytest.mark.parametrize(
    ("question", "label", "others"),
    [
        ("客户原话", "业务分类", ("日期", "处理人", "备注")),
        ("What the customer wrote", "Ticket category", ("Agent", "Created by", "Status")),
        ("Wortlaut", "Art", ("Assigned by", "Status")),
    ],
)
def test_the_label_is_the_column_that_is_called_so_not_who_did_it(
    question: str, label: str, others: tuple[str, ...]
) -> None:
    filled = {question: [f"Where is my parcel {n}, please?" for n in range(12)], label: ["late", "lost"] * 6}
    filled |= dict.fromkeys(others, ["Ann", "Bob", "Eve"] * 4)
    sample = [Row(n, {column: cells[n] for column, cells in filled.items()}) for n in range(12)]
    found = guess(list(filled), sample)
    assert (found.columns_for(U), found.columns_for(L)) == ((question,), (label,))
