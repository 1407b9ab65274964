"""Every rule of every format: what breaks it, and where the issue points."""

import json
from typing import Any

import pytest

from core import words
from core.checks import Severity, check_body, check_line, explain, issue_table, make, sentence_of
from core.checks.sentences.targets import TARGETS
from core.dataset.examples import Kind

U = {"role": "user", "content": "Where is my parcel?"}
A = {"role": "assistant", "content": "On its way."}
NO = {"role": "assistant", "content": "No."}
S = {"role": "system", "content": "Be brief."}
CALL = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"number": "7731"}'}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
ANSWERED = {"role": "tool", "tool_call_id": "call_1", "content": "{}"}
TOOL = {"type": "function", "function": {"name": "track", "parameters": {"type": "object", "properties": {}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://images.example.org/1.png", "detail": "low"}}
PAIR = {"preferred_output": [A], "non_preferred_output": [NO]}
PNG = "data:image/png;base64,"
GREY = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
RGBA = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="


def talk(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def found(body: Any, kind: Kind | None = None) -> list[tuple[str, str]]:
    """Code and field of each issue, without the advice on a missing system message."""
    return [(i.code, i.field) for i in check_body(body, kind) if i.code != "missing_system"]


def shown(*parts: Any, role: str = "user") -> dict[str, Any]:
    return talk(S, U, {"role": role, "content": list(parts)}, A)


def called(**change: Any) -> dict[str, Any]:
    return talk(U, {"role": "assistant", "tool_calls": [{**CALL, **change}]})


def function(**change: Any) -> dict[str, Any]:
    return called(function={**CALL["function"], **change})  # type: ignore[dict-item]


GOOD = [
    talk(S, U, A),
    talk(S, {**U, "name": "Mei-Ling_2"}, {**A, "weight": 0}, U, {**A, "weight": 1}),
    talk(U, CALLING, ANSWERED, A, tools=[TOOL], parallel_tool_calls=False),
    talk(U, {**CALLING, "content": None}, tools=[TOOL]),
    talk(U, {**CALLING, "content": ""}, tools=[TOOL]),
    talk(U, A, tools=[]),
    shown({"type": "text", "text": "What does it show?"}, IMAGE),
    shown({"type": "image_url", "image_url": {"url": PNG + "iVBOR"}}),
    shown({"type": "image_url", "image_url": {"url": PNG + RGBA}}),
    {"prompt": "Order 19 ->", "completion": " complaint\n"},
    {
        "input": talk(U, tools=[], parallel_tool_calls=True),
        "preferred_output": [A],
        "non_preferred_output": [NO],
    },
    talk({"role": "developer", "content": "Integers only."}, U, reference_answer="8", difficulty="easy"),
]


@pytest.mark.parametrize("body", GOOD, ids=lambda body: ",".join(body))
def test_a_good_example_has_no_issue(body: dict[str, Any]) -> None:
    assert found(body) == []
    assert [issue for issue in explain(json.dumps(body)) if issue.severity is not Severity.ADVICE] == []


CASES: list[tuple[str, str, Any]] = [
    # code, field, body
    ("unknown_format", "", {"text": "?"}),
    ("unknown_format", "", {}),
    ("not_an_object", "", [1]),
    ("not_json_value", "x", talk(U, A, x={1, 2})),
    ("not_json_value", "", {**talk(U, A), 4: "x"}),
    ("not_a_number", "messages[1].weight", talk(U, {**A, "weight": float("nan")})),
    ("not_a_number", "x", talk(U, A, x=float("-inf"))),
    ("lone_surrogate", "messages[0].content", talk({**U, "content": "\ud83d smile"}, A)),
    ("nul_character", "messages[1].content", talk(U, {**A, "content": "a\x00b"})),
    ("special_token", "messages[0].content", talk({**U, "content": "a<|endoftext|>"}, A)),
    (
        "special_token",
        "messages[1].content[0].text",
        talk(U, {"role": "assistant", "content": [{"type": "text", "text": "<|fim_suffix|>"}]}),
    ),
    ("special_token", "prompt", {"prompt": "<|im_start|>", "completion": "x"}),
    ("unknown_key", "id", talk(U, A, id=7)),
    ("unknown_key", "messages[1].refusal", talk(U, {**A, "refusal": None})),
    ("unknown_key", "label", {"prompt": "a", "completion": "b", "label": "c"}),
    ("messages_not_a_list", "messages", {"messages": "hello"}),
    ("messages_empty", "messages", talk()),
    ("message_not_an_object", "messages[0]", talk("hello", U, A)),
    ("role_missing", "messages[0]", talk({"content": "hello"}, U, A)),
    ("unknown_role", "messages[0].role", talk({**U, "role": "User"}, U, A)),
    ("unknown_role", "messages[0].role", talk({**U, "role": ["user"]}, U, A)),
    ("developer_role", "messages[0].role", talk({**S, "role": "developer"}, U, A)),
    ("content_missing", "messages[0].content", talk({"role": "user"}, U, A)),
    ("content_missing", "messages[1].content", talk(U, {"role": "assistant", "content": None})),
    ("content_not_text", "messages[0].content", talk({**U, "content": 7}, A)),
    ("content_not_text", "messages[0].content", talk({**U, "content": {"text": "x"}}, A)),
    ("content_empty", "messages[1].content", talk(U, {**A, "content": ""})),
    ("content_empty", "messages[0].content", talk({**U, "content": []}, A)),
    ("content_blank", "messages[0].content", talk({**U, "content": " \n\u3000"}, A)),
    ("content_blank", "messages[0].content[0].text", talk({**U, "content": [{"type": "text", "text": " "}]}, A)),
    ("answer_empty", "messages[2].content", talk(U, CALLING, {**ANSWERED, "content": ""}, A, tools=[TOOL])),
    ("name_invalid", "messages[0].name", talk({**U, "name": "Li Lei"}, A)),
    ("name_invalid", "messages[0].name", talk({**U, "name": "x" * 65}, A)),
    ("weight_invalid", "messages[1].weight", talk(U, {**A, "weight": 0.5}, A)),
    ("weight_invalid", "messages[1].weight", talk(U, {**A, "weight": True}, A)),
    ("weight_invalid", "messages[1].weight", talk(U, {**A, "weight": "1"}, A)),
    ("weight_misplaced", "messages[0].weight", talk({**U, "weight": 1}, A)),
    ("all_weights_zero", "messages", talk(U, {**A, "weight": 0}, U, {**A, "weight": 0})),
    ("no_assistant", "messages", talk(S, U)),
    ("last_not_assistant", "messages[2].role", talk(U, A, U)),
    ("missing_user", "messages", talk(S, A)),
    ("tool_calls_invalid", "messages[1].tool_calls", talk(U, {**A, "tool_calls": {}})),
    ("tool_calls_invalid", "messages[1].tool_calls", talk(U, {**A, "tool_calls": []})),
    ("tool_calls_invalid", "messages[1].tool_calls[0]", talk(U, {**A, "tool_calls": ["x"]})),
    ("tool_calls_misplaced", "messages[0].tool_calls", talk({**U, "tool_calls": [CALL]}, ANSWERED, A)),
    ("tool_call_id_missing", "messages[1].tool_calls[0].id", called(id="")),
    ("tool_call_type_invalid", "messages[1].tool_calls[0].type", called(type="tool")),
    ("function_name_missing", "messages[1].tool_calls[0].function", called(function=None)),
    ("function_name_missing", "messages[1].tool_calls[0].function.name", function(name=None)),
    ("function_name_invalid", "messages[1].tool_calls[0].function.name", function(name="track parcel")),
    ("function_name_invalid", "messages[1].tool_calls[0].function.name", function(name="查询")),
    ("arguments_not_text", "messages[1].tool_calls[0].function.arguments", function(arguments={"number": 1})),
    ("arguments_not_json", "messages[1].tool_calls[0].function.arguments", function(arguments="number=1")),
    ("arguments_not_json", "messages[1].tool_calls[0].function.arguments", function(arguments="[1]")),
    (
        "tool_call_id_unknown",
        "messages[2].tool_call_id",
        talk(U, CALLING, ANSWERED | {"tool_call_id": "x"}, ANSWERED, A),
    ),
    ("tool_answer_without_id", "messages[1].tool_call_id", talk(U, {"role": "tool", "content": "x"}, A)),
    ("tool_answer_missing", "messages[1].tool_calls[0]", talk(U, CALLING, A)),
    (
        "tool_not_offered",
        "messages[1].tool_calls[0]",
        talk(U, CALLING, tools=[{**TOOL, "function": {"name": "other"}}]),
    ),
    ("tools_missing", "messages", talk(U, CALLING, ANSWERED, A)),
    ("tools_invalid", "tools", talk(U, A, tools={})),
    (
        "tools_invalid",
        "tools",
        talk(U, A, tools=[{"type": "function", "function": {"name": f"f{n}"}} for n in range(129)]),
    ),
    ("tool_invalid", "tools[0]", talk(U, A, tools=[{"type": "retrieval"}])),
    ("tool_twice", "tools[1].function.name", talk(U, A, tools=[TOOL, TOOL])),
    ("function_name_missing", "tools[0].function.name", talk(U, A, tools=[{"type": "function", "function": {}}])),
    (
        "parameters_invalid",
        "tools[0].function.parameters",
        talk(U, A, tools=[{"type": "function", "function": {"name": "f", "parameters": "x"}}]),
    ),
    ("functions_are_legacy", "functions", talk(U, A, functions=[{"name": "f"}])),
    (
        "functions_are_legacy",
        "messages[1].function_call",
        talk(U, {"role": "assistant", "function_call": CALL["function"]}),
    ),
    ("parallel_tool_calls_invalid", "parallel_tool_calls", talk(U, A, parallel_tool_calls="no")),
    ("part_invalid", "messages[2].content[0]", shown("hello")),
    ("part_invalid", "messages[2].content[0]", shown({"type": "input_audio"})),
    ("part_invalid", "messages[2].content[0]", shown({"type": "text", "text": 7})),
    ("image_misplaced", "messages[2].content[0]", shown(IMAGE, role="assistant")),
    (
        "image_url_invalid",
        "messages[2].content[0].image_url",
        shown({"type": "image_url", "image_url": "https://a.example/1.png"}),
    ),
    (
        "image_url_invalid",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": "file:///1.png"}}),
    ),
    (
        "image_url_invalid",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0"}}),
    ),
    (
        "image_detail_invalid",
        "messages[2].content[0].image_url.detail",
        shown({"type": "image_url", "image_url": {**IMAGE["image_url"], "detail": "full"}}),
    ),  # type: ignore[dict-item]
    (
        "image_too_large",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": PNG + "A" * 14_000_000}}),
    ),
    (
        "image_unreadable",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": PNG + "R0lGODlhAQABAIAAAA=="}}),
    ),
    (
        "image_unreadable",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": PNG + "not base64!"}}),
    ),
    (
        "image_colours",
        "messages[2].content[0].image_url.url",
        shown({"type": "image_url", "image_url": {"url": PNG + GREY}}),
    ),
    ("too_many_images", "messages", shown(*[IMAGE] * 11)),
    ("prompt_missing", "prompt", {"completion": "x"}),
    ("prompt_not_text", "prompt", {"prompt": ["x"], "completion": "x"}),
    ("prompt_empty", "prompt", {"prompt": "", "completion": "x"}),
    ("completion_missing", "completion", {"prompt": "x"}),
    ("completion_not_text", "completion", {"prompt": "x", "completion": 3}),
    ("completion_empty", "completion", {"prompt": "x", "completion": " \n"}),
    ("input_invalid", "input", {"input": [U], **PAIR}),
    ("messages_missing", "input.messages", {"input": {}, **PAIR}),
    ("output_invalid", "non_preferred_output", {"input": talk(U), "preferred_output": [A]}),
    (
        "output_role",
        "preferred_output[0].role",
        {"input": talk(U), "preferred_output": [U, A], "non_preferred_output": [A]},
    ),
    (
        "output_without_answer",
        "preferred_output",
        {"input": talk(U), "preferred_output": [ANSWERED], "non_preferred_output": [A]},
    ),
    ("output_several", "preferred_output", {"input": talk(U), "preferred_output": [A, A], "non_preferred_output": [A]}),
    ("outputs_equal", "preferred_output", {"input": talk(U), "preferred_output": [A], "non_preferred_output": [A]}),
    (
        "old_preference_keys",
        "preferred_completion",
        {"input": talk(U), "preferred_completion": [A], "non_preferred_output": [NO]},
    ),
    (
        "old_preference_keys",
        "non_preferred_completion",
        {"input": talk(U), "preferred_completion": [A], "non_preferred_completion": [NO]},
    ),
    ("several_turns", "input.messages", {"input": talk(U, A, U), **PAIR}),
    ("text_only", "input.messages", {"input": talk({**U, "content": [IMAGE]}), **PAIR}),
]


@pytest.mark.parametrize(("code", "field", "body"), CASES, ids=[f"{code}@{field}" for code, field, _ in CASES])
def test_what_breaks_a_rule_is_found_at_its_place(code: str, field: str, body: Any) -> None:
    assert (code, field) in found(body)


FORCED = [
    ("messages_missing", "messages", {"prompt": "x"}, Kind.CHAT),
    ("prompt_missing", "prompt", talk(U, A), Kind.COMPLETION),
    ("input_invalid", "input", talk(U, A), Kind.PREFERENCE),
    ("last_not_user", "messages[1].role", talk(U, A), Kind.REINFORCEMENT),
    ("reinforcement_system", "messages", talk(S, U), Kind.REINFORCEMENT),
    ("reinforcement_images", "messages", talk({**U, "content": [IMAGE]}), Kind.REINFORCEMENT),
]


@pytest.mark.parametrize(("code", "field", "body", "kind"), FORCED)
def test_a_kind_that_is_asked_for_brings_its_own_rules(code: str, field: str, body: Any, kind: Kind) -> None:
    assert (code, field) in found(body, kind)


DEEP = "[" * 63 + "]" * 63
LINES: list[tuple[str | bytes, list[str]]] = [
    ("", ["blank_line"]),
    (" \t\r", ["blank_line"]),
    ("\ufeff", ["byte_order_mark", "blank_line"]),
    ("\ufeff" + json.dumps(talk(S, U, A)), ["byte_order_mark"]),
    (b"\xef\xbb\xbf" + json.dumps(talk(S, U, A)).encode(), ["byte_order_mark"]),
    (b'{"messages": "\xff\xfe"}', ["not_utf8"]),
    ("中文".encode("gbk"), ["not_utf8"]),
    ("hello", ["not_json"]),
    ("{'messages': []}", ["not_json"]),
    ('{"messages": [], }', ["not_json"]),
    ('{"messages": []} {}', ["not_json"]),
    ('{"a": "two\nlines"}', ["not_json"]),
    ("9" * 5000, ["not_json"]),
    ("[]", ["not_an_object"]),
    ("null", ["not_an_object"]),
    ("NaN", ["not_an_object"]),
    ('{"prompt": "a", "completion": NaN}', ["not_a_number", "completion_not_text"]),
    ('{"prompt": "a", "completion": "\\ud800"}', ["lone_surrogate"]),
    ('{"prompt": "a", "completion": "\ud800"}', ["lone_surrogate"]),
    ('{"prompt": "a", "completion": "\\u0000"}', ["nul_character"]),
    ('{"prompt": "a", "completion": "b", "x": ' + DEEP + "}", ["unknown_key"]),
    ('{"prompt": "a", "completion": "b", "x": [' + DEEP + "]}", ["too_deep"]),
    ('{"x": ' + "[" * 500 + "]" * 500 + "}", ["too_deep"]),
    ("[" * 200_000, ["too_deep"]),
    ('{"a":' * 100_000, ["too_deep"]),
    ('"' + "[" * 100 + '"', ["not_an_object"]),
    (
        '{"prompt": "a", "completion": NaN, "x": "' + "[" * 99 + '"}',
        ["not_a_number", "unknown_key", "completion_not_text"],
    ),
]


@pytest.mark.parametrize(("raw", "codes"), LINES, ids=range(len(LINES)))
def test_a_line_is_read_or_refused_for_a_reason(raw: str | bytes, codes: list[str]) -> None:
    body, issues = check_line(raw)
    assert [issue.code for issue in issues] == codes
    assert (body is None) == any(code in codes for code in ("blank_line", "not_utf8", "not_json", "not_an_object")) or (
        codes == ["too_deep"]
    )


SET_CODES = {
    "line_too_long", "no_examples", "too_few_examples", "few_examples", "too_many_examples", "file_too_large",
    "mixed_kinds", "duplicate", "over_limit",
}  # fmt: skip


def test_every_code_of_the_table_is_tried_by_a_test() -> None:
    tried = {code for code, *_rest in (*CASES, *FORCED)} | {code for _raw, codes in LINES for code in codes}
    elsewhere = SET_CODES | {"missing_system", "grader_invalid", "grader_type", "grader_field"} | TARGETS.keys()
    assert tried | elsewhere == set(issue_table())


@pytest.mark.parametrize("code", sorted(issue_table()))
def test_every_code_has_a_short_sentence_that_says_what_to_do(code: str) -> None:
    sentence = sentence_of(code)
    assert "{" not in sentence
    assert sentence.endswith(".") and len(sentence) < 240
    assert issue_table()[code] in Severity


def test_an_issue_shows_what_was_seen_clipped_and_with_control_characters_visible() -> None:
    issue = make("unknown_role", "messages[0].role", "a\x1b[31m\u202e\n" + "好" * 500)
    assert issue.seen.startswith("a\\x1b[31m\\u202e\\n好好")
    assert len(issue.seen) == 120 and issue.seen.endswith("…")
    assert issue.seen in issue.sentence


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.5, "1.5"),
        ({"a": 1, "b": 2}, "{a, b}"),
        ([1, 2], "[2]"),
        (b"\xff", "\\\\xff"),
        ("全角\u3000空格", "全角\u3000空格"),
        (object(), "<object>"),
    ],
)
def test_any_value_can_be_shown(value: Any, seen: str) -> None:
    assert make("content_not_text", "", value).seen == seen.replace("\\\\", "\\")


def test_a_number_without_end_can_be_shown() -> None:
    assert make("weight_invalid", "", 10**10_000).seen.endswith("…")


def test_an_issue_is_read_in_the_language_of_whoever_looks() -> None:
    issue = make("not_json", "", "{", column=2, reason="x").at("line 7")
    assert issue.line == 7 and issue.place == "line 7"
    assert issue.as_json()["where"] == "line 7"
    words.use("zh_CN")
    assert issue.sentence


def test_an_issue_of_a_stored_example_has_no_line() -> None:
    assert make("no_assistant", "messages").at("42").line is None
    assert make("no_assistant", "messages").at("42").place == "42, messages"
