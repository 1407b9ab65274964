"""What a model and its provider do not take, and every rule of the training formats by its name."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.checks import Severity, check_file, check_set, issue_table
from core.checks.graders import check_fields, check_grader, fields_of
from core.checks.sentences.targets import TARGETS
from core.checks.targets import Contents, Extras, check_target, extras_of, extras_of_file, minded
from core.dataset.examples import Kind
from core.provider.client import Client
from core.tokens import Catalogue, Price

TODAY = date(2026, 11, 20)
CHAT = Contents(Kind.CHAT, 100)
OPEN = Price("acme", "m", formats=("chat", "completion"), methods=("supervised",), suffix=18, file_mb=512, context=100)
U, A = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TOOL = {"type": "function", "function": {"name": "f"}}


def picture(detail: str | None = None) -> dict[str, Any]:
    url = {"url": "https://a.example/1.png"} | ({"detail": detail} if detail else {})
    return {"role": "user", "content": [{"type": "image_url", "image_url": url}]}


def codes(price: Price | None, contents: Contents, suffix: str = "", today: date = TODAY) -> list[str]:
    return [issue.code for issue in check_target(price, contents, today, suffix=suffix)]


CASES: list[tuple[str, Price | None, Contents, str, list[str]]] = [
    ("fits", OPEN, CHAT, "tone", []),
    ("nobody described it", None, CHAT, "x" * 99, []),
    ("formats unknown", replace(OPEN, formats=()), replace(CHAT, extras=Extras(tools=3)), "", []),
    ("closed", replace(OPEN, jobs_end=TODAY), CHAT, "", ["target_closed"]),
    ("closing", replace(OPEN, jobs_end=date(2027, 1, 6)), CHAT, "", ["target_closing"]),
    ("closes far away", replace(OPEN, jobs_end=date(2027, 6, 1)), CHAT, "", []),
    ("silent", replace(OPEN, answers_end=TODAY), CHAT, "", ["target_silent"]),
    ("silent soon", replace(OPEN, answers_end=date(2027, 1, 14)), CHAT, "", ["target_answers_end"]),
    ("format", OPEN, Contents(Kind.PREFERENCE, 100), "", ["target_format"]),
    ("method", replace(OPEN, formats=("preference",)), Contents(Kind.PREFERENCE, 100), "", ["target_method"]),
    ("tools", OPEN, replace(CHAT, extras=Extras(tools=2)), "", ["target_tools"]),
    ("images", OPEN, replace(CHAT, extras=Extras(images=2)), "", ["target_images", "images_may_be_skipped"]),
    ("many with images", None, Contents(Kind.CHAT, 50_001, Extras(images=1)), "",
     ["images_may_be_skipped", "too_many_with_images"]),
    ("reinforcement without validation", None, Contents(Kind.REINFORCEMENT, 100, validation=0), "",
     ["validation_missing"]),
    ("reinforcement, nobody knows", None, Contents(Kind.REINFORCEMENT, 100), "", []),
    ("too long", OPEN, replace(CHAT, over=3), "", ["target_context"]),
    ("file", OPEN, replace(CHAT, size=600 << 20), "", ["target_file_too_large"]),
    ("suffix", OPEN, CHAT, "x" * 19, ["target_suffix"]),
    ("no suffix at all", replace(OPEN, suffix=0), CHAT, "x", ["target_no_suffix"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "price", "contents", "suffix", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_a_target_does_not_take_becomes_an_issue(
    name: str, price: Price | None, contents: Contents, suffix: str, expected: list[str]
) -> None:
    assert codes(price, contents, suffix) == expected
    for issue in check_target(price, contents, TODAY, suffix=suffix):
        assert "{" not in issue.sentence and issue.sentence.endswith(".")


def test_every_code_of_a_target_is_tried() -> None:
    assert {code for case in CASES for code in case[4]} == TARGETS.keys()


SHIPPED: list[tuple[str, str, Contents, str, set[str]]] = [
    ("openai", "gpt-4o-2024-08-06", replace(CHAT, extras=Extras(3, 3, 0, 3)), "", {"images_may_be_skipped"}),
    ("openai", "gpt-4o-mini-2024-07-18", replace(CHAT, extras=Extras(0, 3, 0, 3)), "",
     {"target_images", "images_may_be_skipped"}),
    ("openai", "gpt-4o-mini-2024-07-18", Contents(Kind.PREFERENCE, 100), "x" * 40, set()),
    ("openai", "gpt-4.1-2025-04-14", Contents(Kind.COMPLETION, 100), "", {"target_format"}),
    ("openai", "o4-mini-2025-04-16", Contents(Kind.REINFORCEMENT, 100, validation=9), "", {"target_closed"}),
    ("openai", "babbage-002", Contents(Kind.COMPLETION, 100), "", {"target_closed"}),
    ("azure", "gpt-4o-2024-08-06", CHAT, "x" * 19, {"target_suffix"}),
    ("azure", "gpt-4.1-2025-04-14", replace(CHAT, extras=Extras(0, 1, 1, 0)), "", {"images_may_be_skipped"}),
    ("nebius", "some/small-base", Contents(Kind.COMPLETION, 100, size=600 << 20), "x" * 90, set()),
    ("nebius", "some/small-base", Contents(Kind.CHAT, 100, size=6000 << 20), "", {"target_file_too_large"}),
    ("bedrock", "openai.gpt-oss-20b", CHAT, "x", {"target_format", "target_no_suffix"}),
    ("local", "local-classic-1", Contents(Kind.PREFERENCE, 100, size=600 << 20), "", set()),
    ("local", "local-classic-1", Contents(Kind.CHAT, 100, size=(8 << 30) + (1 << 20)), "", {"target_file_too_large"}),
    ("openai", "gpt-4.1-2025-04-14", Contents(Kind.CHAT, 100, size=600 << 20), "", {"target_file_too_large"}),
    ("local", "local-classic-1", Contents(Kind.REINFORCEMENT, 100, validation=9), "", set()),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "contents", "suffix", "expected"), SHIPPED)
def test_the_shipped_table_knows_its_models(
    provider: str, model: str, contents: Contents, suffix: str, expected: set[str]
) -> None:
    dates = {"target_closing", "target_answers_end"}
    assert set(codes(Catalogue.load().price(model, provider), contents, suffix)) - dates == expected


def test_a_warning_that_does_not_hold_for_a_target_is_left_out() -> None:
    codes = ["reinforcement_system", "developer_role", "unknown_role", "byte_order_mark", "answer_empty"]
    local, azure = (Catalogue.load().price(model, provider) for model, provider in
                    (("local-classic-1", "local"), ("o4-mini-2025-04-16", "azure")))  # fmt: skip
    assert [code for code in codes if minded(code, None)] == codes
    assert [code for code in codes if minded(code, local)] == ["unknown_role", "byte_order_mark", "answer_empty"]
    assert [code for code in codes if minded(code, azure)] == [code for code in codes if code != "byte_order_mark"]
    assert minded("unknown_role", Price("acme", "m", accepts=("unknown_role",))), "an error is not a matter of opinion"


def test_every_warning_that_the_shipped_table_takes_back_is_one() -> None:
    named = {code for price in Catalogue.load().prices for code in price.accepts}
    assert named and {issue_table()[code] for code in named} == {Severity.WARNING}


def test_the_set_is_judged_by_what_the_target_minds() -> None:
    many = {Kind.REINFORCEMENT: 50_001}
    assert [issue.code for issue in check_set(many, 50_001)] == ["too_many_examples"]
    assert not minded("too_many_examples", Catalogue.load().price("local-classic-1", "local"))


def test_other_models_of_a_provider_are_called_by_its_name() -> None:
    for issue in check_target(Catalogue.load().price("*", "nebius"), Contents(Kind.PREFERENCE, 100), TODAY):
        assert "nebius" in issue.sentence and "*" not in issue.sentence


def test_tools_and_images_are_counted_wherever_they_stand(tmp_path: Path) -> None:
    bodies = [
        {"messages": [U, A]},
        {"messages": [U, A], "tools": [TOOL]},
        {"messages": [U, A], "tools": []},
        {"messages": [U, A], "functions": [{"name": "f"}]},
        {"input": {"messages": [U], "tools": [TOOL]}, "preferred_output": [A], "non_preferred_output": [A]},
        {"messages": [picture("low"), picture("high"), picture(), A]},
        {"messages": [{"role": "user", "content": 'the words "tools" and "image_url"'}, A]},
    ]
    lines = [json.dumps(body) for body in bodies] + ['{"tools": broken', '["tools"]']
    path = tmp_path / "x.jsonl"
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    assert extras_of(lines) == extras_of_file(path) == Extras(tools=3, images=1, low=1, high=2)
    path.write_text("")
    assert extras_of_file(path) == Extras()


GRADERS: list[tuple[Any, list[str], set[str]]] = [
    ({"type": "string_check", "input": "{{sample.output_text}}", "reference": "{{item.answer}}"}, [], {"answer"}),
    ({"type": "python", "source": "def grade(sample, item): return item['x']"}, [], set()),
    ({"type": "multi", "graders": {"a": {"type": "string_check", "reference": "{{ item.b }}"}}}, [], {"b"}),
    ({"type": "label_model"}, ["grader_type"], set()),
    ({"type": "multi", "graders": {}}, ["grader_invalid"], set()),
    ({"type": "multi", "graders": [{"type": "x"}]}, ["grader_invalid"], set()),
    ({"type": "multi", "graders": {"a": {"type": "x"}}}, ["grader_type"], set()),
    ([{"type": "string_check"}], ["grader_invalid"], set()),
    (None, ["grader_invalid"], set()),
]


@pytest.mark.parametrize(("grader", "expected", "fields"), GRADERS)
def test_a_grader_is_checked_and_its_fields_are_found(grader: Any, expected: list[str], fields: set[str]) -> None:
    assert [issue.code for issue in check_grader(grader)] == expected
    assert fields_of(grader) == fields
    missing = check_fields({"messages": [U], "answer": "8"}, fields)
    assert [issue.field for issue in missing] == sorted(fields - {"answer"})


# Every line of the table of rules (formats and limits of training files), in its order: the codes that hold it.
# "error", "warning" or both, as that table has it; a code of advice speaks where nothing can be known for sure.
RULES: list[tuple[str, str, list[str]]] = [
    ("file type", "error", ["not_json", "not_an_object", "line_too_long"]),
    ("encoding", "error warning", ["not_utf8", "byte_order_mark"]),
    ("JSON hygiene", "error warning", ["not_a_number", "lone_surrogate", "nul_character", "too_deep", "blank_line"]),
    ("file size", "error", ["file_too_large", "target_file_too_large"]),
    ("minimum examples", "error warning", ["no_examples", "too_few_examples", "few_examples"]),
    ("maximum examples", "error warning", ["too_many_with_images", "too_many_examples"]),
    ("context per example", "warning", ["over_limit", "target_context"]),
    ("roles and keys", "error warning", ["unknown_role", "role_missing", "developer_role", "unknown_key"]),
    ("messages, content", "error", ["messages_missing", "messages_not_a_list", "messages_empty",
                                    "message_not_an_object", "content_missing", "content_not_text", "content_empty"]),
    ("assistant message", "error warning", ["no_assistant", "last_not_assistant"]),
    ("weight", "error", ["weight_invalid", "weight_misplaced", "all_weights_zero"]),
    ("tool_calls[]", "error warning", ["tool_call_id_missing", "tool_call_type_invalid", "function_name_missing",
                                       "arguments_not_text", "arguments_not_json"]),
    ("tool answers", "error warning", ["tool_call_id_unknown", "tool_answer_without_id", "tool_not_offered",
                                       "tools_missing", "tool_answer_missing"]),
    ("functions", "error warning", ["function_name_invalid", "tools_invalid", "functions_are_legacy"]),
    ("special tokens as text", "error", ["special_token"]),
    ("images", "error", ["too_many_images", "image_too_large", "image_url_invalid", "image_unreadable",
                         "image_colours", "image_detail_invalid", "image_misplaced"]),
    ("skipped images", "advice", ["images_may_be_skipped"]),
    ("vision base", "error", ["target_images"]),
    ("DPO keys", "error", ["input_invalid", "output_invalid", "old_preference_keys"]),
    ("DPO outputs", "error warning", ["output_without_answer", "output_role", "output_several"]),
    ("DPO content", "error warning", ["text_only", "several_turns", "outputs_equal"]),
    ("RFT", "error warning", ["last_not_user", "validation_missing", "grader_invalid", "grader_type",
                              "reinforcement_system", "reinforcement_images"]),
    ("RFT fields", "error", ["grader_field"]),
    ("train = validation", "warning", ["duplicate"]),  # between two files: tests/core/checks/test_relations.py
    ("completions", "error", ["prompt_missing", "prompt_not_text", "completion_missing", "completion_not_text"]),
    ("methods", "error", ["target_method", "target_format", "target_tools"]),
    ("suffix", "error", ["target_suffix", "target_no_suffix"]),
    ("end dates", "error warning", ["target_closed", "target_silent", "target_closing", "target_answers_end"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "severities", "held_by"), RULES, ids=[rule for rule, *_rest in RULES])
def test_every_rule_of_the_formats_is_held(rule: str, severities: str, held_by: list[str]) -> None:
    table = issue_table()
    assert {str(table[code]) for code in held_by} == set(severities.split())


def test_files_are_sent_for_the_purpose_of_training() -> None:
    assert inspect.signature(Client.upload).parameters["purpose"].default == "fine-tune"


def test_the_least_number_is_the_targets_own(tmp_path: Path) -> None:
    (issue,) = check_set({Kind.CHAT: 2}, 2, minimum=3)
    assert issue.severity is Severity.ERROR and "at least 3" in issue.sentence
    assert [issue.code for issue in check_set({Kind.CHAT: 4}, 4, minimum=3)] == ["few_examples"]
    path = tmp_path / "x.jsonl"
    path.write_text((json.dumps({"messages": [U, A]}) + "\n") * 4)
    assert check_file(path, minimum=3).ok and not check_file(path).ok
