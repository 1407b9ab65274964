"""Which tokens of an example are learnt. Needs no torch: a tokenizer made on the spot is enough."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from tinymodel import CHATML, make_tokenizer

from core.server.engines.lora.bases import Folder
from core.server.engines.lora.encoding import Encoder, Row, Rows
from core.server.engines.lora.toolcalls import format_of

CALL = {"id": "c", "type": "function", "function": {"name": "track", "arguments": '{"n": 1}'}}
TOOL = {"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}
PLAIN = (
    "{% for m in messages %}[{{ m.role }}] {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def encoder(folder: Path, template: str = CHATML, longest: int | None = None) -> Encoder:
    make_tokenizer(folder, template)
    return Encoder(Folder(folder), longest)


def file(folder: Path, *bodies: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(body) for body in bodies), "utf-8")
    return path


def talk(*turns: str, **more: Any) -> dict[str, Any]:
    """A conversation; a turn in brackets is an answer of weight 0."""
    messages = []
    for number, text in enumerate(turns):
        quiet = text.startswith("(")
        message: dict[str, Any] = {"role": ("user", "assistant")[number % 2], "content": text.strip("()")}
        messages.append({**message, "weight": 0} if quiet else message)
    return {"messages": messages, **more}


def learnt(made: Encoder, rows: Rows[Row]) -> list[str]:
    """What is learnt of each row, as text."""
    decode = made.tokenizer.tokenizer.decode
    assert all(len(row.ids) == len(row.labels) for row in rows.rows)
    assert all(label in (-100, token) for row in rows.rows for token, label in zip(row.ids, row.labels, strict=True))
    return [decode([label for label in row.labels if label >= 0], skip_special_tokens=False) for row in rows.rows]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (talk("When?", "At nine."), ["At nine.<|im_end|>"]),
        (talk("When?", "(Soon.)", "Be exact.", "At nine."), ["At nine.<|im_end|>"]),
        (talk("When?", "Soon.", "Be exact.", "(At nine.)"), ["Soon.<|im_end|>"]),
        (talk("When?", "Soon.", "Be exact.", "At nine."), ["Soon.<|im_end|>", "At nine.<|im_end|>"]),
        (talk("When?", "(Soon.)"), []),
        ({"prompt": "a ->", "completion": " b"}, [" b<|im_end|>"]),
        (
            {
                "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [CALL]}],
                "tools": [TOOL],
            },
            ['<tool_call>\n{"name": "track", "arguments": {"n": 1}}\n</tool_call><|im_end|>'],
        ),
        (
            {
                "messages": [
                    {"role": "developer", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": "When?"}]},
                    {"role": "assistant", "content": "九点。"},
                ]
            },
            ["九点。<|im_end|>"],
        ),
    ],
)
def test_answers_are_learnt_up_to_their_end_and_nothing_else(
    tmp_path: Path, body: dict[str, Any], expected: list[str]
) -> None:
    made = encoder(tmp_path)
    rows = made.chats(file(tmp_path, body))
    assert learnt(made, rows) == expected
    assert (rows.examples, rows.dropped) == (1, 0 if expected else 1)


def test_each_answer_stands_behind_what_the_model_is_asked(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    body = talk("When?", "Soon.", "Be exact.", "At nine.")
    rows = made.chats(file(tmp_path, body)).rows
    for row, asked in zip(rows, (body["messages"][:1], body["messages"][:3]), strict=True):
        prompt = made.prompt(asked)
        assert row.ids[: len(prompt)] == prompt
        assert set(row.labels[: len(prompt)]) == {-100} and -100 not in row.labels[len(prompt) :]


def test_a_template_that_writes_turns_once_gives_one_row_for_all_answers(tmp_path: Path) -> None:
    steady = CHATML.replace("loop.last and not add_generation_prompt", "false").replace(
        "enable_thinking is defined", "false"
    )
    made = encoder(tmp_path, steady)
    rows = made.chats(file(tmp_path, talk("When?", "Soon.", "Be exact.", "At nine.")))
    assert learnt(made, rows) == ["Soon.<|im_end|>At nine.<|im_end|>"]


def test_an_answer_without_an_end_of_its_own_gets_the_end_of_the_text(tmp_path: Path) -> None:
    made = encoder(tmp_path, PLAIN)
    rows = made.chats(file(tmp_path, talk("When?", "At nine.")))
    assert learnt(made, rows) == ["At nine.<|im_end|>"]


def test_what_is_too_long_loses_its_end_or_is_left_out(tmp_path: Path) -> None:
    made = encoder(tmp_path, longest=40)
    rows = made.chats(file(tmp_path, talk("?", "x" * 90), talk("y" * 90, "no"), talk("?", "yes")))
    assert (rows.examples, rows.cut, rows.dropped, len(rows.rows)) == (3, 1, 1, 2)
    assert max(rows.lengths()) == 40


def test_preferences_are_cut_into_question_and_two_answers(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    good, bad = ([{"role": "assistant", "content": word}] for word in ("good", "bad"))
    body = {"input": talk("?"), "preferred_output": good, "non_preferred_output": bad}
    (pair,) = made.pairs(file(tmp_path, body)).rows
    decode = made.tokenizer.tokenizer.decode
    assert [decode(ids, False) for ids in (pair.chosen, pair.rejected)] == ["good<|im_end|>", "bad<|im_end|>"]
    assert pair.prompt == made.prompt(talk("?")["messages"])


def test_tasks_keep_the_fields_of_the_grader(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    (task,) = made.tasks(file(tmp_path, {**talk("?"), "want": "e", "level": 2})).rows
    assert task.item == {"want": "e", "level": 2} and task.prompt == made.prompt(talk("?")["messages"])


def test_a_refusing_template_is_counted_with_its_reason(tmp_path: Path) -> None:
    made = encoder(tmp_path)
    late = [{"role": "user", "content": "?"}, {"role": "system", "content": "!"}, {"role": "assistant", "content": "a"}]
    rows = made.chats(file(tmp_path, {"messages": late}, talk("?", "yes")))
    assert (rows.examples, rows.refused, len(rows.rows)) == (2, 1, 1)
    assert "late system" in str(rows.reason)


@pytest.mark.parametrize(("template", "known"), [(CHATML, True), (PLAIN, False)])
def test_a_model_knows_tools_where_its_template_names_them(tmp_path: Path, template: str, known: bool) -> None:
    written, call = encoder(tmp_path, template).sample_call()
    assert (format_of(written, call) is not None) is known


def test_a_call_that_the_template_cannot_write_is_no_answer(tmp_path: Path) -> None:
    made = encoder(tmp_path, PLAIN)
    body = talk("?")
    body["messages"].append({"role": "assistant", "tool_calls": [CALL]})
    rows = made.chats(file(tmp_path, body))
    assert (rows.dropped, rows.rows) == (1, [])


@pytest.mark.parametrize(
    "family", ["qwen2_5", "qwen3", "qwen3_5_nothink", "llama3_1", "gemma3", "cohere", "phi3", "gptoss"]
)
def test_the_templates_of_known_families_are_understood(tmp_path: Path, family: str) -> None:
    trl = importlib.util.find_spec("trl")
    if trl is None or trl.origin is None:
        pytest.skip("the templates come with trl, which is not installed here")
    template = (Path(trl.origin).parent / "chat_templates" / f"{family}.jinja").read_text("utf-8")
    made = encoder(tmp_path, template)
    rows = made.chats(file(tmp_path, talk("When?", "Soon.", "Be exact.", "At nine.")))
    text = "".join(learnt(made, rows))
    assert rows.refused == 0 and text.count("Soon.") == text.count("At nine.") == 1
    assert "When?" not in text and "Be exact." not in text
