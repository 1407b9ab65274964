"""The tutorials' own conversions, byte by byte: what a few plain lines of Python make of a table, `core prepare` makes.

The expected lines are written here, chats by `json.dumps` as it is, pairs without blanks as the old preparer did.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from test_prepare import run

from core.checks import check_file
from core.dataset.examples import Kind
from core.dataset.mapping import label_counts, suggest
from core.dataset.readers import read, sniff
from core.dataset.recipes import Mode, Recipe, Sample
from core.dataset.vocabulary import Role
from core.tokens import default_epochs, estimate

NAMES = {
    "tech": "科技", "finance": "金融", "entertainment": "娱乐", "world": "世界", "car": "汽车", "sports": "运动",
    "culture": "文化", "military": "军事", "travel": "旅游", "game": "游戏", "edu": "教育", "agriculture": "农业",
    "house": "房产", "story": "社会",
}  # fmt: skip
PROMPT = f"对给定文本进行分类，类别包括：{'、'.join(NAMES.values())}。\n\n给定文本：\n{{sentence}}\n类别：\n"
SHA_TITLES = "8e1f816ab59e6c02ac3c41415944c54198103db5867758a72bb271d9189c386e"
FIRST_TITLE = (
    '{"messages": [{"role": "user", "content": "对给定文本进行分类，类别包'
    "括：科技、金融、娱乐、世界、汽车、运动、文化、军事、旅游、游戏、教育、农业、房产、社会。\\n\\n给定文本"
    '：\\n直播预告：2018创新中国春季峰会丨5.9-10 北京\\n类别：\\n"}, {"role": "ass'
    'istant", "content": "科技"}]}'
)
SHA_DOCTOR = "44fa73bc638b7e772d6688e6adc01c1cc6d13f2aeafdb30c751f01f58ceb366f"
FIRST_DOCTOR = (
    '{"messages": [{"role": "user", "content": "患者小王，女性，42岁，近'
    '期感觉胸部有异常肿物，产生疼痛感，同时有体重减轻、厌食等症状，初步诊断为何种乳腺癌？"}, {"role"'
    ': "assistant", "content": "初步诊断为转移性乳腺癌，因为患者除了乳房有肿物和疼痛以外'
    '，还有体重减轻和厌食等症状，这些都是乳腺癌晚期常见的临床表现。"}]}'
)
# A few titles as the real ones are, written for this test; the class of the third is too rare to keep.
TITLES = [
    ("tech", "新手机的电池可以用三天"),
    ("sports", "主队在最后一分钟追平比分"),
    ("stock", "两市收盘小幅上涨"),
    ("house", "老小区加装电梯，“最后一公里”怎么走"),
]


def jsonl(bodies: Iterable[Any]) -> bytes:
    return "".join(json.dumps(body, ensure_ascii=False) + "\n" for body in bodies).encode()


def pairs(bodies: Iterable[Any]) -> bytes:
    return "".join(json.dumps(b, ensure_ascii=False, separators=(",", ":")) + "\n" for b in bodies).encode()


def chat(*texts: str) -> dict[str, Any]:
    roles = ("system", "user", "assistant")[3 - len(texts) :]
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]}


def test_a_table_of_system_user_and_assistant_becomes_chats(tmp_path: Path) -> None:
    rows = [
        ("You are a kind librarian.", "When are you open?", 'Tuesday to Friday, from ten. We call it "late".'),
        ("你是一名图书管理员。", "可以续借吗？", "可以，\n最多两次。"),
    ]
    with (tmp_path / "x.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("system_content", "user_content", "assistant_content"), *rows])
    assert run(tmp_path / "x.csv") == 0
    expected = (
        '{"messages": [{"role": "system", "content": "You are a kind librarian."}, {"role": "user", "content": '
        '"When are you open?"}, {"role": "assistant", "content": "Tuesday to Friday, from ten. We call it '
        '\\"late\\"."}]}\n'
        '{"messages": [{"role": "system", "content": "你是一名图书管理员。"}, {"role": "user", "content": '
        '"可以续借吗？"}, {"role": "assistant", "content": "可以，\\n最多两次。"}]}\n'
    ).encode()
    assert expected == jsonl(chat(*row) for row in rows)
    assert (tmp_path / "x_prepared.jsonl").read_bytes() == expected


def test_a_sheet_of_prompts_and_completions_becomes_lines(tmp_path: Path) -> None:
    rows = [("给我讲个故事 ->", " 从前有座山。\n"), ("Price of 2 tickets ->", " 14 €\n"), ("=1+1 ->", " two\n")]
    book = openpyxl.Workbook()
    for place, row in enumerate([("prompt", "completion"), *rows], start=1):
        for column, text in enumerate(row, start=1):
            book.active.cell(place, column, text).data_type = "s"
    book.save(tmp_path / "x.xlsx")
    assert run(tmp_path / "x.xlsx") == 0
    expected = (
        '{"prompt":"给我讲个故事 ->","completion":" 从前有座山。\\n"}\n'
        '{"prompt":"Price of 2 tickets ->","completion":" 14 €\\n"}\n'
        '{"prompt":"=1+1 ->","completion":" two\\n"}\n'
    ).encode()
    assert expected == pairs({"prompt": prompt, "completion": completion} for prompt, completion in rows)
    assert (tmp_path / "x_prepared.jsonl").read_bytes() == expected


def test_the_old_preparer_is_back_with_its_questions_and_file_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tickets.csv"
    classes = ["refund", "delivery"]
    path.write_text("prompt,completion\n" + "".join(f"question {n},{classes[n % 2]}\n" for n in range(10)))
    assert run(path, "-q") == 0
    said = capsys.readouterr().out
    train, valid = (tmp_path / f"tickets_prepared_{part}.jsonl" for part in ("train", "valid"))
    assert said.splitlines()[:14] == [
        "- Your file is formatted as a CSV file.",
        "- There are 10 prompt-completion pairs. A few hundred are a good start; results tend to grow evenly with "
        "every doubling of their number.",
        "- This looks like classification: 2 different answers. Hold rows out of the training, and the model can be "
        "measured on them.",
        "- The prompts have no common separator at their end. One makes it clear to the model where the completion "
        "begins. For open-ended writing leave the prompts empty.",
        "- All prompts start with prefix `question `.",
        "- The completion should begin with a space (` `): with the usual tokenisers that gives better results.",
        "",
        "Based on the analysis we will perform the following actions:",
        "- [Necessary] Your format `CSV` will be converted to `JSONL`",
        "- [Recommended] Add a suffix separator ` ->` to all prompts [Y/n]: Y",
        "- [Recommended] Add a whitespace character to the beginning of the completion [Y/n]: Y",
        "- [Recommended] Would you like to split into training and validation set? [Y/n]: Y",
        "",
        "Your data will be written to a new JSONL file. Proceed [Y/n]: Y",
    ]
    assert f"10 examples written to `{train}`, `{valid}`" in said
    # The draw is numpy's: RandomState(42).permutation(10) begins 8 1 5 0 7 2 9 4.
    order = [8, 1, 5, 0, 7, 2, 9, 4]
    for file, places in ((train, order), (valid, [3, 6])):
        assert file.read_bytes() == pairs(
            {"prompt": f"question {n} ->", "completion": f" {classes[n % 2]}"} for n in places
        )
    assert run(path, "-q") == 0
    assert sorted(p.name for p in tmp_path.glob("*.jsonl")) == [
        "tickets_prepared_train (1).jsonl", "tickets_prepared_train.jsonl",
        "tickets_prepared_valid (1).jsonl", "tickets_prepared_valid.jsonl",
    ]  # fmt: skip


def titles(n: int) -> Recipe:
    """The recipe of the tutorial on news titles: a class dropped, a prompt, names for the classes, the last n rows."""
    return Recipe(
        Kind.CHAT,
        roles={"sentence": Role.IGNORE, "label_desc": Role.LABEL, "label": Role.IGNORE, "keywords": Role.IGNORE},
        templates={Role.USER: PROMPT},
        label_names={f"news_{name}": shown for name, shown in NAMES.items()},
        dropped=["news_stock"],
        sample=Sample(Mode.LAST, n),
        strip=False,
    )


def prepared_titles(path: Path, n: int, folder: Path) -> bytes:
    recipe = folder / "recipe.json"
    recipe.write_text(titles(n).to_json(), encoding="utf-8")
    assert run(path, "--recipe", recipe, "--out", folder) == 0
    return (folder / f"{path.stem}_prepared.jsonl").read_bytes()


def plainly(path: Path, n: int) -> bytes:
    """The same in the tutorial's own few lines."""
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [item for item in items if item["label_desc"] != "news_stock"][-n:]
    return jsonl(
        chat(PROMPT.replace("{sentence}", item["sentence"]), NAMES[item["label_desc"].removeprefix("news_")])
        for item in kept
    )


def test_titles_get_a_prompt_and_the_names_of_their_classes(tmp_path: Path) -> None:
    path = tmp_path / "titles.json"
    items = [
        {"label": str(100 + n), "label_desc": f"news_{name}", "sentence": text, "keywords": ""}
        for n, (name, text) in enumerate(TITLES)
    ]
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")
    made = prepared_titles(path, 2, tmp_path)
    assert made == plainly(path, 2) and "“最后一公里”怎么走\\n类别：\\n" in made.decode() and made.count(b"\n") == 2


@pytest.mark.data
def test_the_real_titles_give_the_figures_of_the_tutorial(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared_data("tnews.json")
    counts = label_counts(titles(100), read(sniff(path)))
    assert list(counts.items())[:2] == [("news_tech", 1089), ("news_finance", 956)] and counts["news_stock"] == 45
    made = prepared_titles(path, 100, tmp_path)
    assert made == plainly(path, 100)
    assert hashlib.sha256(made).hexdigest() == SHA_TITLES
    assert made.split(b"\n")[0].decode() == FIRST_TITLE
    report = check_file(tmp_path / "tnews_prepared.jsonl", encoding="cl100k_base").as_json()
    figures = {name: round(value, 2) for name, value in report["tokens"].items()}
    assert figures == {
        "total": 11_990, "min": 101, "max": 146, "mean": 119.9, "median": 120.0, "p10": 107.0, "p90": 132.1
    }  # fmt: skip
    assert [report["assistant_tokens"][name] for name in ("min", "max", "mean", "median")] == [2, 5, 3.04, 3.0]
    assert (report["errors"], report["missing_system"], report["over_limit"]) == (0, 100, 0)
    assert (report["epochs"], report["billable_tokens"], report["charged_tokens"]) == (3, 11_990, 35_970)


def test_the_published_price_example_is_met() -> None:
    money = estimate(100_000, default_epochs(100), 8.0)  # dollars per million tokens
    assert money and round(money.high, 2) == 2.40


@pytest.mark.data
def test_questions_to_a_doctor_are_sampled_and_become_chats(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared_data("medical_qa_alpaca.jsonl")
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    chance, places = random.Random(42), list(range(100))
    for n in range(100, len(items)):  # a reservoir: each row as likely as any other
        if (place := chance.randrange(n + 1)) < 100:
            places[place] = n
    chosen = [items[n] for n in sorted(places)]
    expected = jsonl(
        chat("\n".join(filter(None, (item["instruction"], item["input"]))), item["output"].strip()) for item in chosen
    )
    recipe = tmp_path / "recipe.json"
    recipe.write_text(replace(suggest(sniff(path)), sample=Sample(Mode.RANDOM, 100, 42)).to_json(), encoding="utf-8")
    assert run(path, "--recipe", recipe, "--out", tmp_path) == 0
    made = (tmp_path / "medical_qa_alpaca_prepared.jsonl").read_bytes()
    assert made == expected and made.count(b"\n") == 100
    assert hashlib.sha256(made).hexdigest() == SHA_DOCTOR
    assert made.split(b"\n")[0].decode() == FIRST_DOCTOR


def test_a_table_that_luopan_exported_becomes_the_lines_that_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 2})
    with (tmp_path / "x.csv").open("w", newline="", encoding="utf-8-sig") as file:
        rows = [(1, "", " q ", "'- one", "", "train", ""), (2, "", "a", "b", "", "test", whole)]
        csv.writer(file).writerows([("id", "system", "user", "assistant", "label", "split", "messages"), *rows])
    assert run(tmp_path / "x.csv") == 0 and "exported from Luopan" in capsys.readouterr().out
    assert (tmp_path / "x_prepared.jsonl").read_bytes() == jsonl([chat(" q ", "- one")]) + whole.encode() + b"\n"
