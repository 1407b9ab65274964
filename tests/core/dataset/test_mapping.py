"""Recipes at work: drop, sample, map; nothing empty passes, everything left out is named."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset.examples import Draft, Kind, Origin
from core.dataset.mapping import apply, check, label_counts, preview, suggest
from core.dataset.readers import Reject, Row, read, sniff
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.vocabulary import Role
from core.errors import BadInput
from core.words import T

CLASSIFY = Recipe(roles={"text": Role.USER, "label": Role.LABEL})
ANSWER = Recipe(roles={"q": Role.USER, "a": Role.ASSISTANT})
_KEYS = "tech finance entertainment world car sports culture military travel game edu agriculture house story"
_NAMES = "科技 金融 娱乐 世界 汽车 运动 文化 军事 旅游 游戏 教育 农业 房产 社会"
NEWS = {f"news_{key}": name for key, name in zip(_KEYS.split(), _NAMES.split(), strict=True)}
PROMPT = f"对给定文本进行分类，类别包括：{'、'.join(NEWS.values())}。\n\n给定文本：\n{{sentence}}\n类别：\n"


def row(number: int = 2, **cells: str) -> Row:
    return Row(number, cells)


def draft(recipe: Recipe, **cells: str) -> Draft:
    made = preview(recipe, row(**cells))
    assert isinstance(made, Draft), made
    return made


def messages(recipe: Recipe, **cells: str) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in draft(recipe, **cells).body["messages"]]


def test_a_class_becomes_the_answer_under_its_new_name() -> None:
    made = draft(dataclasses.replace(CLASSIFY, label_names={"news_culture": "文化"}), text="a", label=" news_culture ")
    assert made.raw == '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "文化"}]}'
    assert made.label == "文化"


def test_messages_stand_in_the_order_system_user_assistant() -> None:
    recipe = Recipe(roles={"a": Role.ASSISTANT, "u": Role.USER, "s": Role.SYSTEM})
    assert messages(recipe, a="3", u="2", s="1") == [("system", "1"), ("user", "2"), ("assistant", "3")]
    assert messages(recipe, a="3", u="2", s=" ") == [("user", "2"), ("assistant", "3")]


def test_an_instruction_and_its_input_are_joined_where_there_is_one() -> None:
    recipe = Recipe(roles={"instruction": Role.USER, "input": Role.USER, "output": Role.ASSISTANT})
    assert messages(recipe, instruction="Sum", input="1 2", output="3")[0] == ("user", "Sum\n1 2")
    assert messages(recipe, instruction="Sing", input="", output="la")[0] == ("user", "Sing")


def test_templates_and_constants_come_before_columns() -> None:
    recipe = dataclasses.replace(
        CLASSIFY,
        templates={Role.USER: "Classify: {text}\n"},
        constants={Role.SYSTEM: "Be {brief}."},
    )
    assert messages(recipe, text=" x ", label="l")[:2] == [("system", "Be {brief}."), ("user", "Classify: x\n")]


def test_an_answer_column_beside_a_label_leaves_both() -> None:
    recipe = Recipe(roles={"q": Role.USER, "a": Role.ASSISTANT, "l": Role.LABEL})
    made = draft(recipe, q="1", a="2", l="3")
    assert (made.body["messages"][1]["content"], made.label) == ("2", "3")


def test_white_space_is_kept_where_asked() -> None:
    assert messages(dataclasses.replace(ANSWER, strip=False), q=" a\n", a="b ")[0] == ("user", " a\n")


def test_prompt_and_completion_can_stay_what_they_are() -> None:
    recipe = dataclasses.replace(ANSWER, kind=Kind.COMPLETION, constants={Role.SYSTEM: "S"})
    assert draft(recipe, q="a", a="b").body == {"prompt": "S\n\na", "completion": "b"}


def test_where_a_row_came_from_travels_along(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label,note\na,b,c\n")
    source = sniff(path, "mine.csv")
    (made,) = apply(CLASSIFY, read(source), source=source)
    assert made == Draft(
        made.raw, Kind.CHAT, "b", origin=Origin("mine.csv", 2, "", {"text": "a", "label": "b", "note": "c"})
    )  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("recipe", "cells", "column", "words"),
    [
        (ANSWER, {"q": " ", "a": "x"}, "q", "user's message is empty"),
        (ANSWER, {"q": "x", "a": ""}, "a", "assistant's message is empty"),
        (CLASSIFY, {"text": "x", "label": ""}, "label", "assistant's message is empty"),
        (
            dataclasses.replace(CLASSIFY, templates={Role.USER: "Sort: {text}"}),
            {"text": "", "label": "b"},
            "text",
            "user's",
        ),
    ],
)
def test_an_empty_part_rejects_the_row(recipe: Recipe, cells: dict[str, str], column: str, words: str) -> None:
    made = preview(recipe, row(7, **cells))
    assert isinstance(made, Reject)
    assert (made.row, made.column) == (7, column)
    assert words in str(made.reason)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe(roles={"txt": Role.USER, "label": Role.LABEL}), 'column "txt".*text, label'),
        (Recipe(roles={"label": Role.LABEL}), "user's message"),
        (Recipe(roles={"text": Role.USER}), "assistant's message"),
        (dataclasses.replace(CLASSIFY, templates={Role.SYSTEM: "{x}"}), '"x"'),
        (dataclasses.replace(CLASSIFY, kind=Kind.PREFERENCE), "preference"),
    ],
)
def test_a_recipe_that_does_not_fit_says_so_at_once(recipe: Recipe, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check(recipe, ["text", "label"])


def numbers(sample: Sample, n: int = 10, dropped: tuple[str, ...] = ()) -> list[int]:
    rows = [row(i, text=str(i), label="odd" if i % 2 else "even") for i in range(n)]
    recipe = dataclasses.replace(CLASSIFY, sample=sample, dropped=dropped)
    return [made.origin.row for made in apply(recipe, rows) if isinstance(made, Draft)]


def test_classes_are_dropped_before_the_sample_is_taken() -> None:
    assert numbers(Sample(Mode.FIRST, 3), dropped=("even",)) == [1, 3, 5]
    assert numbers(Sample(Mode.LAST, 3), dropped=("odd",)) == [4, 6, 8]
    assert numbers(Sample(Mode.LAST, 99)) == list(range(10))


@pytest.mark.parametrize("mode", [Mode.FIRST, Mode.LAST, Mode.RANDOM])
def test_a_sample_may_be_larger_than_any_file(mode: Mode) -> None:
    assert numbers(Sample(mode, 10**100)) == list(range(10))


def test_a_random_sample_is_repeatable_in_order_and_fair() -> None:
    once = numbers(Sample(Mode.RANDOM, 4, seed=7))
    assert once == numbers(Sample(Mode.RANDOM, 4, seed=7)) == sorted(once)
    seen = Counter(i for seed in range(300) for i in numbers(Sample(Mode.RANDOM, 3, seed)))
    assert min(seen.values()) > 50  # 90 expected of each


def test_rows_that_were_rejected_stay_listed_and_do_not_count() -> None:
    bad = Reject(1, "text", T("bad"))
    outcomes = list(apply(dataclasses.replace(CLASSIFY, sample=Sample(Mode.LAST, 1)), [bad, row(text="a", label="b")]))
    assert outcomes[0] is bad
    assert len(outcomes) == 2


def test_progress_counts_the_rows_read() -> None:
    told: list[int] = []
    list(apply(CLASSIFY, [row(i, text="a", label="b") for i in range(2_500)], told.append))
    assert told == [1_000, 2_000, 2_500]


def test_a_line_of_another_format_is_rejected() -> None:
    recipe = Recipe(as_is=True)
    good, bad = apply(recipe, [Row(1, {}, '{"messages": null, "x":1}'), Row(2, {}, '{"prompt": "a"}')])
    assert isinstance(good, Draft)
    assert good.raw == '{"messages": null, "x":1}'
    assert isinstance(bad, Reject)
    assert "no messages" in str(bad.reason)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"messages": st.lists(st.dictionaries(text, text), max_size=2), "note": text}), min_size=1
    )
)
def test_import_then_export_is_the_identity(tmp_path_factory: pytest.TempPathFactory, bodies: list[object]) -> None:
    path = tmp_path_factory.mktemp("identity") / "x.jsonl"
    path.write_text("".join(json.dumps(b, ensure_ascii=False) + "\n" for b in bodies), encoding="utf-8", newline="")
    source = sniff(path)
    recipe = Recipe(as_is=True)
    lines = [made.raw for made in apply(recipe, read(source), source=source) if isinstance(made, Draft)]
    assert "".join(f"{line}\n" for line in lines).encode() == path.read_bytes()


@pytest.mark.data
def test_tnews_labels_are_counted(shared_data) -> None:  # type: ignore[no-untyped-def]
    source = sniff(shared_data("tnews.json"))
    counts = label_counts(suggest(source), read(source))
    assert counts == {
        "news_tech": 1089, "news_finance": 956, "news_entertainment": 910, "news_world": 905, "news_car": 791,
        "news_sports": 767, "news_culture": 736, "news_military": 716, "news_travel": 693, "news_game": 659,
        "news_edu": 646, "news_agriculture": 494, "news_house": 378, "news_story": 215, "news_stock": 45,
    }  # fmt: skip


@pytest.mark.data
def test_the_tutorial_set_of_a_hundred_titles(shared_data) -> None:  # type: ignore[no-untyped-def]
    path = shared_data("tnews.json")
    source = sniff(path)
    recipe = dataclasses.replace(
        suggest(source),
        templates={Role.USER: PROMPT},
        label_names=NEWS,
        dropped=("news_stock",),
        sample=Sample(Mode.LAST, 100),
    )
    made = [d for d in apply(recipe, read(source), source=source) if isinstance(d, Draft)]
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line["label_desc"] != "news_stock"]
    assert len(kept) == 9_955
    assert [d.body for d in made] == [
        {
            "messages": [
                {"role": "user", "content": PROMPT.replace("{sentence}", line["sentence"].strip())},
                {"role": "assistant", "content": NEWS[line["label_desc"]]},
            ]
        }
        for line in kept[-100:]
    ]


@pytest.mark.data
def test_medical_questions_are_mapped_without_a_loss(shared_data) -> None:  # type: ignore[no-untyped-def]
    source = sniff(shared_data("medical_qa_alpaca.jsonl"))
    outcomes = list(apply(suggest(source), read(source), source=source))
    assert (len(outcomes), [o for o in outcomes if isinstance(o, Reject)]) == (3_000, [])
