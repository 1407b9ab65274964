"""An open-weight model's own tokenizer: read from its folder, kept, counted with, and refused where it is hostile."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.checks import check_file, judge
from core.errors import AppError, BadInput, NotFound
from core.tokens import Catalogue, Count, count_body, counter
from core.tokens.folders import FILES, GIVEN, install, installed, remove
from core.tokens.own import OwnCounter
from core.tokens.seen import seen
from tests.tinytokenizer import CHATML, model_folder

U = {"role": "user", "content": "where is my 包裹 🙂?"}
A = {"role": "assistant", "content": "on its way"}
CALL = {"id": "c", "type": "function", "function": {"name": "track", "arguments": '{"number": 7}'}}


@pytest.fixture(autouse=True)
def luopan_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUOPAN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def given(tmp_path: Path) -> str:
    """The name of the encoding of a folder."""
    return GIVEN + str(model_folder(tmp_path / "tiny"))


def own(name: str) -> OwnCounter:
    found = counter(name)
    assert isinstance(found, OwnCounter)
    return found


def rendered(name: str, body: dict[str, Any]) -> str:
    return own(name).readings(body)[0].text


def test_a_chat_is_counted_as_its_template_writes_it(given: str) -> None:
    body = {"messages": [U, A]}
    written = "<s><|im_start|>user\nwhere is my 包裹 🙂?<|im_end|>\n<|im_start|>assistant\non its way<|im_end|>\n"
    assert rendered(given, body) == written
    plain = own(given).own.tokenizer.encode(written, add_special_tokens=False)
    learnt = own(given).own.tokenizer.encode("on its way<|im_end|>", add_special_tokens=False)
    assert count_body(body, given) == Count(len(plain.ids), len(learnt.ids))


BROKEN = [
    '{"messages":[{"role":"\\ud83d","content":"half \\ud83d"},{"role":"assistant","content":"a\\udc00"}]}',
    '{"prompt":"\\ud800","completion":"x"}',
    '{"messages":[{"role":"assistant","content":null,"tool_calls":5}],"tools":"abc"}',
    '{"messages":[{"role":"assistant","content":[{"type":"text","text":"\\ud83d"}],"tool_calls":[{"x":"\\ud83d"}]}]}',
    '{"input":5,"preferred_output":null,"non_preferred_output":[{"role":"assistant","content":"a\\udc00"}]}',
]


@pytest.mark.parametrize("template", [CHATML, None])
@pytest.mark.parametrize("line", BROKEN)
def test_half_characters_and_calls_that_are_no_list_are_counted_too(tmp_path: Path, template: Any, line: str) -> None:
    name = install(model_folder(tmp_path / "tiny", template))
    (judged,) = judge([line], name)
    whole = count_body(json.loads(line.replace("\\ud83d", "\ufffd")), name)
    assert (judged.tokens, judged.answer_tokens) == whole
    (tmp_path / "x.jsonl").write_text(line)
    assert check_file(tmp_path / "x.jsonl", encoding=name).tokens.total == judged.tokens


EXAMPLES = [
    {"messages": [U, A]},
    {"messages": [{"role": "system", "content": "Be brief."}, U, {**A, "weight": 0}, U, A]},
    {"messages": [U, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "{}"}, A]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, A]},
    {"messages": [U]},
    {"messages": []},
    {"messages": ["odd", {"role": 7, "content": {"x": 1}}, A]},
    {"prompt": "where is", "completion": " my parcel 🚚"},
    {"prompt": 7, "completion": None},
    {"input": {"messages": [U]}, "preferred_output": [A], "non_preferred_output": [{**A, "content": "your parcel"}]},
    {"input": None, "preferred_output": [A], "non_preferred_output": "x"},
    {"messages": [U, A] * 40},
]


@pytest.mark.parametrize("body", EXAMPLES, ids=range(len(EXAMPLES)))
def test_what_is_shown_is_what_is_counted(given: str, body: dict[str, Any]) -> None:
    found = seen(body, given, 30)
    readings = own(given).readings(body)
    assert found.text == readings[0].text + "".join(r.text[r.skip :] for r in readings[1:])
    count = count_body(body, given)
    assert found.tokens == count.tokens
    whole = seen(body, given, 10**9)
    assert whole.cut == 0 and whole.trained <= count.answer_tokens
    assert sum(s.tokens for s in found.segments) == found.tokens


def test_the_turns_of_a_talk_are_told_apart_and_only_answers_are_learnt(given: str) -> None:
    found = seen({"messages": [U, {**A, "weight": 0}, U, A]}, given, 10**9)
    assert [(s.role, s.weighed, any(p.trained for p in s.pieces)) for s in found.segments] == [
        ("user", True, False), ("assistant", False, False), ("user", True, False), ("assistant", True, True),
    ]  # fmt: skip
    assert "".join(p.text for p in found.pieces if p.trained) == "on its way<|im_end|>"
    assert {p.text for p in found.pieces if p.special} == {"<s>", "<|im_start|>", "<|im_end|>"}


def test_a_pair_shares_its_question(given: str) -> None:
    found = seen(EXAMPLES[9], given, 10**9)
    assert [(s.role, s.branch) for s in found.segments] == [
        ("user", ""), ("assistant", "preferred"), ("assistant", "rejected"),
    ]  # fmt: skip


def test_the_arguments_of_a_call_reach_the_template_as_an_object(given: str) -> None:
    assert '<tool>track {"number": 7}' in rendered(given, EXAMPLES[2])


@pytest.mark.parametrize(
    ("template", "separate"), [(CHATML, True), ([{"name": "tool_use", "template": "x"},
                                                 {"name": "default", "template": CHATML}], False)]
)  # fmt: skip
def test_templates_are_found_wherever_they_are_published(tmp_path: Path, template: Any, separate: bool) -> None:
    name = GIVEN + str(model_folder(tmp_path / "other", template, separate=separate))
    assert rendered(name, {"messages": [U, A]}).startswith("<s><|im_start|>user")


@pytest.mark.parametrize(
    "template", [None, "{{ raise_exception('no system here') }}", "{% for a in range(99999) %}{% for b in "
                 "range(99999) %}{% endfor %}{% endfor %}"]
)  # fmt: skip
def test_without_a_usable_template_the_texts_alone_are_counted(tmp_path: Path, template: str | None) -> None:
    name = GIVEN + str(model_folder(tmp_path / "plain", template))
    found = seen({"messages": [U, A]}, name, 100)
    assert found.text == "where is my 包裹 🙂?\non its way\n" and found.tokens > 10
    assert bool(str(found.refused)) is (template is not None)


def test_a_folder_is_copied_once_and_then_counts_without_it(tmp_path: Path, luopan_home: Path) -> None:
    folder = model_folder(tmp_path / "My model, 8B")
    name = install(folder)
    assert name.startswith("own:My-model-8B-") and len(name) <= 40 and installed() == [name] and install(folder) == name
    before = count_body({"messages": [U, A]}, GIVEN + str(folder))
    for file in folder.iterdir():
        file.unlink()
    assert count_body({"messages": [U, A]}, name) == before
    row = {"provider": "mine", "model": "tiny", "encoding": name}
    (price,) = Catalogue.from_rows([row]).prices
    assert price.encoding == name
    remove(name)
    assert installed() == []
    counter.cache_clear()
    with pytest.raises(NotFound, match="not here any more"):
        count_body({"messages": [U, A]}, name)


def test_a_whole_file_is_checked_with_it(given: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(
        "".join(json.dumps({"messages": [U, {**A, "content": f"on its way {n}"}]}) + "\n" for n in range(12))
    )
    report = check_file(path, encoding=given)
    assert report.ok and report.encoding == given and report.tokens.total > 12 * 20


def pickled(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": 1}))


def linked(folder: Path) -> None:
    model_folder(folder / "real")
    (folder / "tokenizer.json").symlink_to(folder / "real" / "tokenizer.json")


def huge(folder: Path) -> None:
    with (folder / "tokenizer.json").open("wb") as file:
        file.truncate(FILES["tokenizer.json"] + 1)


def piped(folder: Path) -> None:
    os.mkfifo(folder / "tokenizer.json")


def broken_config(folder: Path) -> None:
    model_folder(folder)
    (folder / "tokenizer_config.json").write_text("[" * 100_000)


def broken_template(folder: Path) -> None:
    model_folder(folder, "{% for %}")


def long_template(folder: Path) -> None:
    model_folder(folder, "x" * 300_000)


HOSTILE: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: None, "holds no tokenizer.json"),
    (pickled, "only pickled files"),
    (lambda folder: (folder / "tokenizer.model").write_bytes(b"x"), "SentencePiece model"),
    (lambda folder: [(folder / name).write_text("{}") for name in ("vocab.json", "merges.txt")], "older vocabulary"),
    (linked, "is a link to somewhere else"),
    (huge, "has more than 96 MB"),
    (piped, "no ordinary file"),
    (lambda folder: (folder / "tokenizer.json").mkdir(), "tokenizer.json"),
    (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be read"),
    (lambda folder: (folder / "tokenizer.json").write_bytes(b"\xff\xfe"), "tokenizer.json cannot be read"),
    (lambda folder: (folder / "tokenizer.json").write_text("[" * 100_000), "tokenizer.json cannot be read"),
    (broken_config, "tokenizer_config.json cannot be read"),
    (broken_template, "template cannot be read"),
    (long_template, "template is too long"),
    (lambda folder: folder.rmdir(), "There is no folder"),
]


@pytest.mark.parametrize(("make", "said"), HOSTILE, ids=[said for _make, said in HOSTILE])
def test_a_folder_that_cannot_be_trusted_is_refused_with_a_sentence(
    tmp_path: Path, make: Callable[[Path], Any], said: str
) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    make(folder)
    with pytest.raises(AppError, match=said):
        install(folder)
    assert installed() == []


def test_a_given_folder_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no folder"):
        counter(GIVEN + str(tmp_path / "nowhere"))
