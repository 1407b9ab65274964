"""Graders: what they give, what they refuse before use, and that nothing escapes from `grade`."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from core.graders import BadGrader, Grader, check, fields_of
from core.graders.formulas import BadFormula, read
from core.graders.grading import ERRORS, number_in
from core.graders.sandbox import Broken, Sandbox
from core.graders.similarity import METRICS, tokens
from core.graders.templates import Missing, fill

ITEM = {"answer": "Paris", "nested": {"list": [1, "two"]}, "zero": 0}


def string_check(operation: str = "eq", reference: str = "{{item.answer}}") -> dict[str, Any]:
    return {
        "type": "string_check",
        "name": "same",
        "input": "{{sample.output_text}}",
        "reference": reference,
        "operation": operation,
    }


def python(body: str) -> dict[str, Any]:
    return {"type": "python", "name": "own", "source": f"def grade(sample, item):\n    {body}\n"}


def graded(grader: dict[str, Any], text: str, item: Any = None, **more: Any) -> Any:
    with Grader(grader, **more) as ready:
        return ready.grade(text, ITEM if item is None else item)


@pytest.mark.parametrize(
    ("operation", "text", "reward"),
    [
        ("eq", "Paris", 1),
        ("eq", "paris", 0),
        ("ne", "Rome", 1),
        ("ne", "Paris", 0),
        ("like", "It is Paris.", 1),
        ("like", "It is paris.", 0),
        ("ilike", "It is PARIS.", 1),
        ("ilike", "Par", 0),
    ],
)
def test_a_string_check_gives_one_or_nothing(operation: str, text: str, reward: float) -> None:
    found = graded(string_check(operation), text)
    assert (found.reward, found.scores, found.sub_rewards, found.failed) == (reward, {"same": reward}, {}, False)
    assert set(found.errors) == set(ERRORS) and found.execution_time >= 0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("text", ["The cat sat on the mat, they say.", "图书馆九点开门,六点关门。", "x", "", "…"])
def test_a_similarity_is_one_for_the_same_text(metric: str, text: str) -> None:
    assert METRICS[metric](text, text) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40, deadline=None)
@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_a_similarity_is_between_nothing_and_one(metric: str, one: str, other: str) -> None:
    assert 0.0 <= METRICS[metric](one, other) <= 1.0


@pytest.mark.parametrize("metric", METRICS)
def test_a_similarity_falls_with_the_distance(metric: str) -> None:
    told = "the red fox jumps over the lazy dog in the garden today"
    near, far = told.replace("lazy", "old"), "nothing of this kind was ever written there before us"
    assert 1 > METRICS[metric](near, told) > METRICS[metric](far, told)


def test_figures_agree_with_those_of_others() -> None:
    one, other = "the cat sat on the mat", "the cat is on the mat now"
    assert METRICS["bleu"](one, other) == pytest.approx(sacrebleu.sentence_bleu(one, [other]).score / 100)
    assert METRICS["rouge_1"](one, other) == pytest.approx(2 * 5 / 13)
    assert METRICS["rouge_2"](one, other) == pytest.approx(2 * 3 / 11)
    assert METRICS["rouge_l"](one, other) == pytest.approx(2 * 5 / 13)
    assert METRICS["gleu"](one, other) == pytest.approx((5 + 3 + 1) / (7 + 6 + 5 + 4))
    assert METRICS["fuzzy_match"]("abcd", "abce") == pytest.approx(0.75)
    precision, recall, fragments = 5 / 6, 5 / 7, (2 / 5) ** 3
    assert METRICS["meteor"](one, other) == pytest.approx(
        10 * precision * recall / (recall + 9 * precision) * (1 - 0.5 * fragments)
    )


def test_chinese_is_read_character_by_character() -> None:
    assert tokens("图书馆 opens at 9点") == ["图", "书", "馆", "opens", "at", "9", "点"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("6 / 3 / 2", 1),
        ("5 - 3 - 1", 1),
        ("- - 2", 2),
        ("min(a, b, 0.2) + max(a, b)", 1.2),
        ("abs(0 - a) * floor(1.9) + ceil(0.1)", 2),
        ("exp(log(2)) + sqrt(9) + log(8, 2)", 8),
        ("0.5*a+0.5*b", 0.75),
        (" 1e2 ", 100),
        (".5", 0.5),
    ],
)
def test_a_formula_has_the_value_it_says(text: str, value: float) -> None:
    assert read(text).value({"a": 1.0, "b": 0.5}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 +", "(1", "1)", "f(1)", "min()", "sqrt(1, 2)", "a b", "a.b", "__import__('os')", "1;2", "a[0]", "1,2",
     "(" * 2000 + "1" + ")" * 2000, "2^" * 500 + "2", "9" * 5000, "a if b else c", "'x'", "a & b", "@"],
)  # fmt: skip
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(BadFormula):
        read(text)


@pytest.mark.parametrize(
    "text", ["1 / 0", "9 ^ 9 ^ 9 ^ 9", "sqrt(0 - 1)", "log(0)", "(0-8)^(1/3)", "exp(1000)", "gone"]
)
def test_a_formula_without_a_value_says_so(text: str) -> None:
    with pytest.raises(BadFormula):
        read(text).value({})


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab01.+-*/^(), minlogeE", max_size=30))
def test_a_formula_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(BadFormula):
        read(text).value({"a": 0.3, "b": 2.0})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{item.answer}}!", "Paris!"),
        ("{{ item.nested.list[1] }}", "two"),
        ("{{item.nested.list.0}}", "1"),
        ("{{item.nested}}", '{"list": [1, "two"]}'),
        ("{{item.zero}} { {{ }}", "0 { {{ }}"),
        ("{{ not a place }}", "{{ not a place }}"),
    ],
)
def test_templates_are_filled(template: str, text: str) -> None:
    assert fill(template, {"item": ITEM}) == text


@pytest.mark.parametrize("place", ["item.gone", "item.answer.x", "item.nested.list[2]", "other", "item.nested.list.x"])
def test_a_missing_place_is_named(place: str) -> None:
    with pytest.raises(Missing, match=place.replace("[", r"\[")):
        fill(f"{{{{{place}}}}}", {"item": ITEM})


def test_a_missing_field_is_an_error_and_no_exception() -> None:
    found = graded(string_check(), "Paris", {"other": 1})
    assert (found.reward, found.errors["invalid_variable_error"]) == (0, True)


def test_fields_of_a_json_answer_are_read() -> None:
    grader = {**string_check(), "input": "{{sample.output_json.city}}"}
    assert graded(grader, '{"city": "Paris"}').reward == 1
    found = graded(grader, "Paris")
    assert (found.reward, found.errors["sample_parse_error"]) == (0, True)
    assert graded(grader, '{"town": "Paris"}').errors["invalid_variable_error"]


def test_several_graders_are_joined_by_a_formula() -> None:
    grader = {
        "type": "multi",
        "name": "both",
        "graders": {"a": string_check(), "b": {**string_check("like"), "input": "Paris and Rome"}},
        "calculate_output": "0.75 * a + 0.25 * b",
    }
    found = graded(grader, "Rome")
    assert (found.reward, found.sub_rewards) == (0.25, {"a": 0, "b": 1})
    assert graded(grader, "Paris").reward == 1
    assert graded({**grader, "calculate_output": "1 / a"}, "Rome").errors["formula_parse_error"]


def test_one_grader_of_a_multi_may_stand_by_itself() -> None:
    grader = {"type": "multi", "name": "m", "graders": string_check(), "calculate_output": "2 * same"}
    assert graded(grader, "Paris").reward == 2


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("0.7", 0.7),
        (" Score: 0.7\n", 0.7),
        ('{"steps": [], "result": 0.4}', 0.4),
        ('{"score": 1}', 1.0),
        ("7 of 10", None),
        ("very good", None),
        ("true", None),
        ("NaN", None),
        ("1e999", None),
        ("", None),
    ],
)
def test_the_number_of_a_judge_is_read(reply: str, number: float | None) -> None:
    assert number_in(reply) == number


def judge(**more: Any) -> dict[str, Any]:
    prompt = [
        {"role": "user", "content": [{"type": "input_text", "text": "{{item.answer}}?"}, "{{sample.output_text}}"]}
    ]
    return {"type": "score_model", "name": "j", "model": "m", "input": prompt, **more}


def test_a_model_may_judge() -> None:
    asked: list[Any] = []

    def ask(*question: Any) -> str:
        asked.append(question)
        return "4"

    grader = judge(range=[1, 5], sampling_params={"temperature": 0})
    assert graded(grader, "Rome", ask=ask).reward == 4
    assert asked == [("m", [{"role": "user", "content": "Paris?\nRome"}], {"temperature": 0})]
    assert graded(judge(), "Rome", ask=ask).errors["model_grader_parse_error"]  # 4 is not between 0 and 1


def test_a_judge_that_cannot_be_asked_is_an_error_and_no_exception() -> None:
    def ask(*_question: Any) -> str:
        raise RuntimeError("no such model")

    found = graded(judge(), "Rome", ask=ask)
    assert found.errors["model_grader_server_error"] and found.reward == 0
    assert found.errors["model_grader_server_error_details"] == "no such model"
    assert graded(judge(), "Rome").errors["model_grader_server_error"]


@pytest.mark.parametrize(
    ("body", "reward"),
    [
        ("return len(sample['output_text']) / len(item['answer'])", 0.8),
        ("return sample['output_text'] == 'Rome'", 1.0),
        ("import numpy, math; return float(numpy.mean([1, 2]) * math.cos(0))", 1.5),
        ("from rapidfuzz import fuzz; return fuzz.ratio('a', 'a') / 100", 1.0),
        ("print('noise'); return '0.5'", 0.5),
        ("open('mine', 'w').write('x'); return float(len(open('mine').read()))", 1.0),
    ],
)
def test_a_python_grader_gives_what_it_returns(body: str, reward: float) -> None:
    found = graded(python(body), "Rome")
    assert found.reward == pytest.approx(reward), found.errors


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return item['gone']", "KeyError: 'gone' (line 2)"),
        ("return None", "grade returned NoneType, not a number"),
        ("return float('nan')", "grade returned nan"),
        ("raise SystemExit", "SystemExit"),
        ("import os; os._exit(3)", "the process of the grader ended (3)"),
        ("return grade(sample, item)", "RecursionError"),
        ("x = [bytes(1 << 30) for _ in range(9)]; return 1", "MemoryError"),
        ("import socket; socket.create_connection(('127.0.0.1', 80)); return 1", "PermissionError"),
        ("import subprocess; subprocess.run(['ls']); return 1", "PermissionError"),
        ("import os; os.system('ls'); return 1", "PermissionError"),
        ("import os; os.fork(); return 1", "PermissionError"),
        ("import ctypes; ctypes.CDLL(None).system(b'ls'); return 1", "PermissionError"),
        ("import sqlite3; sqlite3.connect('/tmp/left.db'); return 1", "PermissionError"),
        ("import os; return float(len(os.listdir('/root')))", "PermissionError"),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9'); return 1", "PermissionError"),
        ("return float(len(open('/etc/passwd').read()))", "PermissionError"),
        ("return float(len(open('/proc/1/environ').read()))", "PermissionError"),
        ("open('/tmp/left-behind', 'w'); return 1", "PermissionError"),
        ("import os; os.remove('/tmp/anything'); return 1", "PermissionError"),
        ("open('big', 'wb').write(bytes(1 << 29)); return 1", "OSError"),
    ],
)
def test_what_goes_wrong_in_a_python_grader_is_told(body: str, told: str) -> None:
    found = graded(python(body), "Rome")
    assert found.reward == 0 and found.errors["python_grader_runtime_error"]
    assert told in str(found.errors["python_grader_runtime_error_details"])


def test_a_python_grader_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    body = "import os; return float('OPENAI_API_KEY' in os.environ or 'HOME' in os.environ)"
    found = graded(python(body), "Rome")
    assert (found.reward, found.failed) == (0.0, False)


def test_a_python_grader_that_hangs_is_ended_and_the_next_answer_graded() -> None:
    grader = python("import time; time.sleep(60 if sample['output_text'] == 'slow' else 0); return 1")
    with Grader(grader, seconds=1) as ready:
        began = time.monotonic()
        assert "TimeoutError" in str(ready.grade("slow", ITEM).errors["python_grader_runtime_error_details"])
        assert time.monotonic() - began < 5
        assert ready.grade("fast", ITEM).reward == 1


def test_a_python_grader_that_reads_nothing_is_ended() -> None:
    source = "import time\ntime.sleep(60)\ndef grade(sample, item): return 1"
    box, said = Sandbox(source, seconds=1), queue.Queue[str]()

    def ask() -> None:
        with pytest.raises(Broken) as broken:
            box.grade({"output_text": "x" * (1 << 20)}, {})  # more than a pipe holds
        said.put(broken.value.details)

    threading.Thread(target=ask, daemon=True).start()
    assert "TimeoutError" in said.get(timeout=10)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a process is asked after by its number")
def test_a_python_grader_does_not_outlive_whoever_asked() -> None:
    asker = (
        "import os, threading, time\nfrom core.graders.sandbox import Sandbox\n"
        "box = Sandbox('import time\\ndef grade(sample, item): time.sleep(600)')\n"
        "threading.Thread(target=box.grade, args=({}, {}), daemon=True).start()\n"
        "while box._process is None: time.sleep(0.01)\n"
        "time.sleep(1)\nprint(box._process.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).resolve().parents[3]
    killed = subprocess.run([sys.executable, "-c", asker], cwd=root, stdout=subprocess.PIPE, text=True)
    pid, deadline = int(killed.stdout), time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, 9)
        raise AssertionError("the grader runs on")


def test_a_python_grader_is_loaded_once_and_started_again_after_its_death() -> None:
    source = (
        "n = 0\ndef grade(sample, item):\n    global n\n    n += 1\n    if item: import os; os._exit(1)\n    return n\n"
    )
    with Grader({"type": "python", "source": source}) as ready:
        assert [ready.grade("", {}).reward for _ in range(3)] == [1, 2, 3]
        assert ready.grade("", {"die": 1}).failed
        assert ready.grade("", {}).reward == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"type": "label_model"}, "grader.type"),
        ({"type": None}, "grader.type"),
        ({"type": ["x"]}, "grader.type"),
        ({"operation": "is"}, "grader.operation"),
        ({"input": None}, "grader.input"),
        ({"reference": 7}, "grader.reference"),
        ({"reference": "{{item.gone}}"}, "grader"),
        ({"reference": "{{sample.mood}}"}, "grader"),
        ({"reference": "{{answer}}"}, "grader"),
        ({"type": "text_similarity", "evaluation_metric": "soundex"}, "grader.evaluation_metric"),
        ({"type": "python"}, "grader.source"),
        ({"type": "python", "source": "def mark(): pass"}, "grader.source"),
        ({"type": "python", "source": "def grade(:"}, "grader.source"),
        ({"type": "python", "source": "x = '\0'"}, "grader.source"),
        ({"type": "python", "source": "(" * 100_000}, "grader.source"),
        ({"type": "python", "source": "def grade(s, i): return 1\n" + "#" * 300_000}, "grader.source"),
        ({"type": "score_model", "input": []}, "grader.model"),
        ({"type": "score_model", "model": "m", "input": []}, "grader.input"),
        ({"type": "score_model", "model": "m", "input": [{"role": "cat", "content": "x"}]}, "grader.input[0].role"),
        (
            {"type": "score_model", "model": "m", "input": [{"role": "user", "content": {"type": "input_image"}}]},
            "grader.input[0].content",
        ),
        ({**judge(), "range": [1, 0]}, "grader.range"),
        ({**judge(), "range": [1]}, "grader.range"),
        ({**judge(), "sampling_params": {"temperature": 9}}, "grader.sampling_params.temperature"),
        ({"type": "multi"}, "grader.graders"),
        ({"type": "multi", "graders": {"a": string_check()}}, "grader.calculate_output"),
        ({"type": "multi", "graders": {"a": string_check()}, "calculate_output": "a + b"}, "grader.calculate_output"),
        ({"type": "multi", "graders": {"a": string_check()}, "calculate_output": "a +"}, "grader.calculate_output"),
        ({"type": "multi", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"}, "grader.graders.a"),
        ({"type": "multi", "graders": {"a": string_check("x")}, "calculate_output": "a"}, "grader.graders.a.operation"),
        ({"type": "multi", "graders": {"a": 1}, "calculate_output": "a"}, "grader.graders.a"),
    ],
)
def test_a_grader_that_cannot_work_is_refused_by_its_parameter(change: dict[str, Any], param: str) -> None:
    with pytest.raises(BadGrader) as caught:
        check({**string_check(), **change}, fields={"answer"})
    assert caught.value.param == param and len(str(caught.value)) > 10


@pytest.mark.parametrize("grader", [None, [], "x", 1, {}])
def test_what_is_no_grader_is_refused(grader: Any) -> None:
    with pytest.raises(BadGrader):
        check(grader)


def test_what_a_grader_does_not_need_is_read_over() -> None:
    check({**string_check(), "pass_threshold": 0.5, "name": None}, fields={"answer"})


def test_the_fields_of_a_grader_are_found() -> None:
    source = "def grade(sample, item): return f'{{item.no}}' == ''"
    graders = {"a": string_check("eq", "{{item.b}} {{ item.c.d }}"), "p": {"type": "python", "source": source}}
    assert fields_of({"type": "multi", "graders": graders, "calculate_output": "a"}) == {"b", "c"}


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda v: (
            st.dictionaries(st.sampled_from(["type", "input", "graders", "calculate_output", "source", "reference"]), v)
            | st.lists(v, max_size=3)
        ),
    )
)
def test_any_value_is_a_grader_or_is_refused(value: Any) -> None:  # fmt: skip
    kinds: list[Any] = ["string_check", "multi", "python", "score_model", "text_similarity"]
    for kind in kinds:
        try:
            check({**value, "type": kind} if isinstance(value, dict) else value)
        except BadGrader as error:
            assert json.dumps(error.param)
