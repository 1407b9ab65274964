"""Files as the field publishes them: each is recognised, and its first row becomes the example that is meant."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checks import Severity, check_body
from core.dataset import mapping, transcripts
from core.dataset.examples import Draft, Kind
from core.dataset.readers import Reject, read, sniff

ASK, ANSWER, WORSE = "What is the capital of France?", "Paris.", "London."
USER, GOOD, BAD = (
    {"role": "user", "content": ASK},
    {"role": "assistant", "content": ANSWER},
    {"role": "assistant", "content": WORSE},
)
SYSTEM = {"role": "system", "content": "Be kind."}
CHAT, TOLD = {"messages": [USER, GOOD]}, {"messages": [SYSTEM, USER, GOOD]}
PAIR = {"input": {"messages": [USER]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}
BEFORE = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
LONGER = {"messages": [*BEFORE, USER, GOOD]}

LOGGED: dict[str, tuple[Any, Kind, dict[str, Any]]] = {
    "a log of calls": (
        {"request": {"model": "m", "messages": [USER]}, "response": {"choices": [{"index": 0, "message": GOOD}]}},
        Kind.CHAT,
        CHAT,
    ),
    "Langfuse": ({"id": "1", "input": {"messages": [USER]}, "output": GOOD}, Kind.CHAT, CHAT),
    "LangSmith": ({"inputs": {"question": ASK}, "outputs": {"answer": ANSWER}}, Kind.CHAT, CHAT),
    "OpenAI Evals": ({"input": [SYSTEM, USER], "ideal": ANSWER}, Kind.CHAT, TOLD),
    "messages as text": ({"messages": json.dumps([USER, GOOD])}, Kind.CHAT, CHAT),
    "LCCC": (["Hello", "Hi", ASK, ANSWER], Kind.CHAT, LONGER),
    "an empty instruction": ({"instruction": "", "query": ASK, "output": ANSWER}, Kind.CHAT, CHAT),
    "InternLM's pairs": (
        {"question": ASK, "response_chosen": ANSWER, "response_rejected": WORSE},
        Kind.PREFERENCE,
        PAIR,
    ),
    "positive and negative": ({"query": ASK, "positive": ANSWER, "negative": WORSE}, Kind.PREFERENCE, PAIR),
    "winner and loser": ({"prompt": ASK, "answer_win": ANSWER, "answer_lose": WORSE}, Kind.PREFERENCE, PAIR),
    "OCNLI": (
        {"sentence1": "A man runs.", "sentence2": "Somebody moves.", "label": "entailment"},
        Kind.CHAT,
        {
            "messages": [
                {"role": "user", "content": "A man runs.\nSomebody moves."},
                {"role": "assistant", "content": "entailment"},
            ]
        },
    ),
}
PUBLIC: dict[str, tuple[Any, Kind, dict[str, Any]]] = {
    "ShareGPT as items": (
        {"items": [{"from": "human", "value": ASK}, {"from": "gpt", "value": ANSWER}]},
        Kind.CHAT,
        CHAT,
    ),
    "OpenHermes": (
        {
            "system_prompt": "Be kind.",
            "conversations": [{"from": "human", "value": ASK}, {"from": "gpt", "value": ANSWER}],
        },
        Kind.CHAT,
        TOLD,
    ),
    "SlimOrca": (
        {
            "conversations": [
                {"from": "system", "value": "Be kind.", "weight": None},
                {"from": "human", "value": ASK, "weight": 0.0},
                {"from": "gpt", "value": ANSWER, "weight": 1.0},
            ]
        },
        Kind.CHAT,
        {"messages": [SYSTEM, USER, {**GOOD, "weight": 1}]},
    ),
    "WildChat": (
        {"model": "m", "conversation": [{**USER, "country": None, "redacted": False}, {**GOOD, "redacted": False}]},
        Kind.CHAT,
        CHAT,
    ),
    "xtuner": ({"conversation": [{"system": "Be kind.", "input": ASK, "output": ANSWER}]}, Kind.CHAT, TOLD),
    "MOSS": (
        {"conversation": [{"human": f"<|Human|>: {ASK}<eoh>\n", "assistant": f"<|MOSS|>: {ANSWER}<eom>\n"}]},
        Kind.CHAT,
        CHAT,
    ),
    "MOSS with plugins": (
        {
            "meta_instruction": "Be kind.",
            "num_turns": 1,
            "chat": {
                "turn_1": {
                    "Human": f"<|Human|>: {ASK}<eoh>\n",
                    "Inner Thoughts": "None",
                    "MOSS": f"<|MOSS|>: {ANSWER}<eom>\n",
                }
            },
        },
        Kind.CHAT,
        TOLD,
    ),
    "UltraChat": ({"id": "1", "data": ["Hello", "Hi", ASK, ANSWER]}, Kind.CHAT, LONGER),
    "swift": ({"query": ASK, "response": ANSWER, "history": [["Hello", "Hi"]]}, Kind.CHAT, LONGER),
    "ChatGLM": ({"prompt": ASK, "response": ANSWER, "history": [["Hello", "Hi"]]}, Kind.CHAT, LONGER),
    "Qianfan": (
        [{"prompt": "Hello", "response": [["Hi"]]}, {"prompt": ASK, "response": [[ANSWER]]}],
        Kind.CHAT,
        LONGER,
    ),
    "Qianfan, one turn": ({"prompt": ASK, "response": [[ANSWER]]}, Kind.CHAT, CHAT),
    "HelpSteer": ({"prompt": ASK, "response": ANSWER, "helpfulness": 4}, Kind.CHAT, CHAT),
    "lists of messages": ([USER, GOOD], Kind.CHAT, CHAT),
    "TRL": ({"prompt": [USER], "completion": [GOOD]}, Kind.CHAT, CHAT),
    "Anthropic": ({"system": "Be kind.", **CHAT}, Kind.CHAT, TOLD),
    "Bedrock": (
        {
            "schemaVersion": "x",
            "system": [{"text": "Be kind."}],
            "messages": [
                {"role": "user", "content": [{"text": ASK}]},
                {"role": "assistant", "content": [{"text": ANSWER}]},
            ],
        },
        Kind.CHAT,
        TOLD,
    ),
    "Gemini": (
        {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be kind."}]},
            "contents": [{"role": "user", "parts": [{"text": ASK}]}, {"role": "model", "parts": [{"text": ANSWER}]}],
        },
        Kind.CHAT,
        TOLD,
    ),
    "Cohere": (
        {
            "messages": [
                {"role": "System", "content": "Be kind."},
                {"role": "User", "content": ASK},
                {"role": "Chatbot", "content": ANSWER},
            ]
        },
        Kind.CHAT,
        TOLD,
    ),
    "Claude's export": (
        {
            "uuid": "1",
            "name": "n",
            "chat_messages": [{"sender": "human", "text": ASK}, {"sender": "assistant", "text": ANSWER}],
        },
        Kind.CHAT,
        CHAT,
    ),
    "DeepSeek's export": (
        {
            "title": "t",
            "mapping": {
                "root": {"parent": None, "children": ["1"], "message": None},
                "1": {
                    "parent": "root",
                    "children": ["2"],
                    "message": {"fragments": [{"type": "REQUEST", "content": ASK}]},
                },
                "2": {
                    "parent": "1",
                    "children": [],
                    "message": {
                        "fragments": [{"type": "THINK", "content": "hm"}, {"type": "RESPONSE", "content": ANSWER}]
                    },
                },
            },
        },
        Kind.CHAT,
        CHAT,
    ),
    "OpenAssistant's trees": (
        {
            "message_tree_id": "t",
            "tree_state": "ready",
            "prompt": {
                "text": "Hello",
                "role": "prompter",
                "replies": [
                    {"text": "Go away", "role": "assistant", "rank": 1, "replies": []},
                    {
                        "text": "Hi",
                        "role": "assistant",
                        "rank": 0,
                        "replies": [
                            {
                                "text": ASK,
                                "role": "prompter",
                                "replies": [
                                    {
                                        "text": ANSWER,
                                        "role": "assistant",
                                        "replies": [{"text": "Thanks", "role": "prompter"}],
                                    }
                                ],
                            }
                        ],
                    },
                ],
            },
        },
        Kind.CHAT,
        LONGER,
    ),
    "Guanaco": (
        {"text": f"### Human: Hello### Assistant: Hi### Human: {ASK}### Assistant: {ANSWER}"},
        Kind.CHAT,
        LONGER,
    ),
    "Vicuna": ({"text": f"Be kind. USER: {ASK} ASSISTANT: {ANSWER}</s>"}, Kind.CHAT, TOLD),
    "ChatML": (
        {
            "text": f"<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n{ASK}<|im_end|>\n"
            f"<|im_start|>assistant\n{ANSWER}<|im_end|>\n"
        },
        Kind.CHAT,
        TOLD,
    ),
    "Llama 2": (
        {"text": f"<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n{ASK} [/INST] {ANSWER} </s>"},
        Kind.CHAT,
        TOLD,
    ),
    "Llama 2 with turns": (
        {"text": f"<s>[INST] Hello [/INST] Hi </s><s>[INST] {ASK} [/INST] {ANSWER} </s>"},
        Kind.CHAT,
        LONGER,
    ),
    "BELLE with turns": (
        {"instruction": f"Human:Hello\nAssistant:Hi\nHuman:{ASK}\nAssistant:", "input": "", "output": ANSWER},
        Kind.CHAT,
        LONGER,
    ),
    "Dolly": (
        {"instruction": "Where is it?", "context": "Paris is in France.", "response": ANSWER, "category": "closed_qa"},
        Kind.CHAT,
        {"messages": [{"role": "user", "content": "Where is it?\nParis is in France."}, GOOD]},
    ),
    "SQuAD's rows": (
        {
            "id": "1",
            "context": "Paris is in France.",
            "question": "Where is it?",
            "answers": {"text": [ANSWER], "answer_start": [0]},
        },
        Kind.CHAT,
        {"messages": [{"role": "user", "content": "Paris is in France.\nWhere is it?"}, GOOD]},
    ),
    "DeepSeek R1's answers": (
        {"input": ASK, "reasoning_content": "Well", "content": ANSWER, "score": 9},
        Kind.CHAT,
        CHAT,
    ),
    "doccano": ({"id": 1, "text": ASK, "label": [ANSWER]}, Kind.CHAT, CHAT),
    "Argilla": ({"id": "1", "fields": {"prompt": ASK, "response": ANSWER}, "metadata": {}}, Kind.CHAT, CHAT),
    "Argilla's older records": (
        {"prompt": ASK, "response": [{"user_id": "x", "value": ANSWER, "status": "submitted"}]},
        Kind.CHAT,
        CHAT,
    ),
    "Label Studio": (
        {
            "id": 1,
            "data": {"text": ASK},
            "predictions": [],
            "annotations": [{"result": [{"value": {"choices": [ANSWER]}, "from_name": "kind", "type": "choices"}]}],
        },
        Kind.CHAT,
        CHAT,
    ),
    "Prodigy": ({"text": ASK, "label": ANSWER, "_input_hash": 1, "_task_hash": 2, "answer": "accept"}, Kind.CHAT, CHAT),
    "Prodigy with options": (
        {"text": ASK, "options": [{"id": 1, "text": ANSWER}], "accept": [1], "answer": "accept", "_input_hash": 1},
        Kind.CHAT,
        CHAT,
    ),
    "KTO": ({"prompt": ASK, "completion": ANSWER, "label": True}, Kind.CHAT, CHAT),
    "KTO of LLaMA-Factory": ({"instruction": ASK, "input": "", "output": ANSWER, "kto_tag": True}, Kind.CHAT, CHAT),
    "KTO of swift": ({**CHAT, "label": True}, Kind.CHAT, CHAT),
    "HH": (
        {"chosen": f"\n\nHuman: {ASK}\n\nAssistant: {ANSWER}", "rejected": f"\n\nHuman: {ASK}\n\nAssistant: {WORSE}"},
        Kind.PREFERENCE,
        PAIR,
    ),
    "HH with turns": (
        {
            side: f"\n\nHuman: Hello\n\nAssistant: Hi\n\nHuman: {ASK}\n\nAssistant: {said}"
            for side, said in (("chosen", ANSWER), ("rejected", WORSE))
        },
        Kind.PREFERENCE,
        {**PAIR, "input": {"messages": [*BEFORE, USER]}},
    ),
    "HH that parts early": (
        {
            "chosen": f"\n\nHuman: {ASK}\n\nAssistant: {ANSWER}",
            "rejected": f"\n\nHuman: {ASK}\n\nAssistant: {WORSE}\n\nHuman: Sure?\n\nAssistant: No.",
        },
        Kind.PREFERENCE,
        PAIR,
    ),
    "HH with its prompt": (
        {"prompt": f"\n\nHuman: {ASK}\n\nAssistant:", "chosen": ANSWER, "rejected": WORSE},
        Kind.PREFERENCE,
        PAIR,
    ),
    "LLaMA-Factory's pairs": (
        {"instruction": "What is", "input": "it?", "chosen": ANSWER, "rejected": WORSE},
        Kind.PREFERENCE,
        {**PAIR, "input": {"messages": [{"role": "user", "content": "What is\nit?"}]}},
    ),
    "swift's pairs": ({"query": ASK, "response": ANSWER, "rejected_response": WORSE}, Kind.PREFERENCE, PAIR),
    "swift's pairs of messages": ({**CHAT, "rejected_response": WORSE}, Kind.PREFERENCE, PAIR),
    "swift's two conversations": ({**CHAT, "rejected_messages": [USER, BAD]}, Kind.PREFERENCE, PAIR),
    "UltraFeedback": (
        {
            "instruction": ASK,
            "models": ["a", "b", "c"],
            "completions": [
                {"response": "Rome.", "overall_score": 5.0},
                {"response": ANSWER, "overall_score": 8.0},
                {"response": WORSE, "overall_score": 2.0},
            ],
        },
        Kind.PREFERENCE,
        PAIR,
    ),
    "Nectar": (
        {
            "prompt": f"\n\nHuman: {ASK}\n\nAssistant: ",
            "answers": [{"answer": WORSE, "rank": 7.0}, {"answer": ANSWER, "rank": 1.0}],
        },
        Kind.PREFERENCE,
        PAIR,
    ),
    "SHP": (
        {"history": ASK, "human_ref_A": WORSE, "human_ref_B": ANSWER, "labels": 0, "score_A": 1},
        Kind.PREFERENCE,
        PAIR,
    ),
    "BeaverTails": (
        {"prompt": ASK, "response_0": WORSE, "response_1": ANSWER, "better_response_id": 1},
        Kind.PREFERENCE,
        PAIR,
    ),
    "Chatbot Arena": (
        {"winner": "model_b", "conversation_a": [USER, BAD], "conversation_b": [USER, GOOD], "turn": 1},
        Kind.PREFERENCE,
        PAIR,
    ),
}


def imported(path: Path) -> tuple[Kind, list[Draft | Reject]]:
    source = sniff(path)
    recipe = mapping.suggest(source)
    return recipe.kind, list(mapping.apply(recipe, read(source), source=source))


EITHER_WAY = [
    (name, as_list)
    for name in (PUBLIC | LOGGED)
    for as_list in (False, True)
    if (name, as_list) != ("LCCC", True)  # lists of as many texts are the rows of a table
]


@pytest.mark.parametrize(("name", "as_list"), EITHER_WAY)
def test_a_public_format_becomes_examples(name: str, as_list: bool, tmp_path: Path) -> None:
    row, kind, wanted = (PUBLIC | LOGGED)[name]
    path = tmp_path / "file"
    path.write_text(json.dumps([row] * 4, indent=1) if as_list else f"{json.dumps(row)}\n" * 4)
    found, made = imported(path)
    assert found is kind
    bodies = [draft.body for draft in made if isinstance(draft, Draft)]
    assert bodies == [wanted] * 4
    faults = {issue.code for issue in check_body(wanted, kind) if issue.severity is Severity.ERROR}
    assert faults <= {"several_turns"}  # the one that is the provider's own limit


def test_calls_in_the_text_of_an_answer_are_calls(tmp_path: Path) -> None:
    call = '{"name": "weather", "arguments": {"city": "Paris"}}'
    turns = [
        {"from": "human", "value": "Weather?"},
        {"from": "gpt", "value": f"I look.\n<tool_call>\n{call}\n</tool_call>"},
        {"from": "tool", "value": "20 °C"},
        {"from": "gpt", "value": "Warm."},
    ]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    (tmp_path / "file").write_text(f"{json.dumps({'conversations': turns, 'tools': json.dumps(tools)})}\n" * 4)
    draft = imported(tmp_path / "file")[1][0]
    assert isinstance(draft, Draft)
    _asked, said, result, _last = draft.body["messages"]
    assert said["content"] == "I look." and said["tool_calls"][0]["function"]["name"] == "weather"
    assert result == {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "20 °C"}
    assert not [issue for issue in check_body(draft.body, Kind.CHAT) if issue.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"prompt": "a", "completion": "b", "label": False}, "label", "marked as a bad one"),
        ({"winner": "tie", "conversation_a": [USER, GOOD], "conversation_b": [USER, BAD]}, "winner", "Neither answer"),
        ({"text": "a", "label": "b", "_input_hash": 1, "answer": "reject"}, "answer", "marked as rejected"),
        ({"data": {"text": "a"}, "annotations": [{"result": []}]}, "annotations", "Nobody has said anything"),
        ({"prompt": {"text": "a", "role": "prompter", "replies": []}}, "prompt", "Nobody answers"),
        (
            {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: b\n\nAssistant: c"},
            "prompt",
            "differently",
        ),
    ],
)
def test_what_teaches_nothing_is_left_out_with_the_reason(
    row: dict[str, Any], field: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(f"{json.dumps(row)}\n" * 4)
    made = imported(tmp_path / "file")[1]
    assert len(made) == 4
    for left in made:
        assert isinstance(left, Reject) and left.column == field and words in str(left.reason)


ROWS = [["a", "b"], ["c", "d"]]
TABLES = {
    "columns, as pandas writes them": {"question": {"0": "a", "1": "c"}, "answer": {"0": "b", "1": "d"}},
    "lists": {"question": ["a", "c"], "answer": ["b", "d"]},
    "split": {"columns": ["question", "answer"], "index": [0, 1], "data": [["a", "b"], ["c", "d"]]},
    "lists of cells": [["question", "answer"], ["a", "b"], ["c", "d"]],
    "a server's answer": {
        "rows": [{"row_idx": n, "row": {"question": two[0], "answer": two[1]}} for n, two in enumerate(ROWS)],
        "features": [],
    },
    "rows by their ids": {"x": {"question": "a", "answer": "b"}, "y": {"question": "c", "answer": "d"}, "z": {"n": 1}},
    "answers by their questions": {"a": "b", "c": "d", "e": "f"},
    "rows in data": {"data": [{"question": "a", "answer": "b"}, {"question": "c", "answer": "d"}]},
    "SQuAD": {"version": "1", "data": [{"title": "t", "paragraphs": [{"context": "x", "qas": [
        {"question": "a", "answers": [{"text": "b", "answer_start": 0}]},
        {"question": "c", "answers": [{"text": "d", "answer_start": 0}]}]}]}]},
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_table_in_json_is_read_however_it_is_written_down(name: str, indent: int | None, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(json.dumps(TABLES[name], indent=indent))
    rows = [row.cells for row in read(sniff(tmp_path / "file.json")) if not isinstance(row, Reject)]
    assert [(row["question"], row["answer"]) for row in rows][:2] == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("written", [json.dumps, repr], ids=["JSON", "Python"])
@pytest.mark.parametrize("column", ["conversations", "messages"])
def test_a_conversation_in_the_cell_of_a_table_is_read(written: Any, column: str, tmp_path: Path) -> None:
    turns = [{"from": "human", "value": ASK}, {"from": "gpt", "value": ANSWER}] if column[0] == "c" else [USER, GOOD]
    with (tmp_path / "file.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", column], *([n, written(turns)] for n in range(4))])
    kind, made = imported(tmp_path / "file.csv")
    assert kind is Kind.CHAT and [draft.body for draft in made if isinstance(draft, Draft)] == [CHAT] * 4


def test_a_transcript_that_is_to_be_sorted_into_classes_stays_a_text(tmp_path: Path) -> None:
    text = f"Human: {ASK}\n\nAssistant: {ANSWER}"
    rows = [{"text": text, "label": kind} for kind in ("good", "bad") * 3]
    (tmp_path / "file.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    _kind, made = imported(tmp_path / "file.jsonl")
    assert [draft.label for draft in made if isinstance(draft, Draft)] == ["good", "bad"] * 3


@given(st.lists(st.sampled_from([*"\n: #<|>[]aH", "Human:", "Assistant:", "[INST]", "[/INST]", "<|im_start|>user"])))
def test_any_text_is_taken_apart_or_left_whole(pieces: list[str]) -> None:
    said = transcripts.split("".join(pieces))
    assert said is None or any(role == "user" for role, _ in said)


@pytest.mark.parametrize("piece", [" ", "\n", "[INST]", "Human:", "<|im_start|>user", "### Human:", "</s>", "<<SYS>>"])
def test_a_long_text_is_taken_apart_soon(piece: str) -> None:
    import time

    text = (piece * (1 << 20))[: 1 << 20]
    begun = time.process_time()
    transcripts.split(text)
    transcripts.split(f"[INST]{text}")
    assert time.process_time() - begun < 5
