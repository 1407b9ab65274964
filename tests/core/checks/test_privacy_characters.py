"""Odd characters, mistaken encodings, scripts, and whole examples looked through and written anew."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checks.privacy import (
    LOST,
    ODD,
    findings,
    garbled,
    main_script,
    masked,
    mended,
    odd,
    rewritten,
    scan_row,
    texts_of,
    without,
)
from core.checks.privacy.characters import named, visible


@pytest.mark.parametrize(
    ("text", "kinds", "clean"),
    [
        ("a\u200bb", ["zero_width"], "ab"),
        ("微\u200b调", ["zero_width"], "微调"),
        ("\ufeff标题", ["byte_order_mark"], "标题"),
        ("a\u202eb\u202c", ["bidi", "bidi"], "ab"),
        ("x\u2066y\u2069", ["bidi", "bidi"], "xy"),
        ("bell\x07", ["control"], "bell"),
        ("\x1b[31mred\x1b[0m", ["control", "control"], "red"),
        ("nul\x00", ["control"], "nul"),
        ("c1\x9dé", ["control"], "c1é"),
        ("soft\u00adhyphen", ["invisible"], "softhyphen"),
        ("hi\U000e0068\U000e0069", ["invisible", "invisible"], "hi"),
        ("half\ud83d", ["surrogate"], "half"),
        ("a\u2028b", ["line_separator"], "a\nb"),
        ("lost\ufffd", [LOST], "lost"),
        ("a\u200d b", ["zero_width"], "a b"),
    ],
)
def test_an_odd_character_is_found_and_taken_out(text: str, kinds: list[str], clean: str) -> None:
    assert [span.kind for span in odd(text)] == kinds
    assert without(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "plain text\twith a tab\r\nand lines",
        "中文，全角标点。　空格",
        "👩\u200d👩\u200d👧 and 👍🏽",
        "👩🏽\u200d💻",
        "❤\ufe0f\u200d🔥",
        "می\u200cخواهم",
        "क्\u200dष",
        "שלום\u200f (abc)",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "café “quoted” – dash… €5",
        "1\u00a0000 €",
    ],
)
def test_what_a_script_needs_is_left_alone(text: str) -> None:
    assert odd(text) == [] and without(text) == text


def test_an_odd_character_can_be_read() -> None:
    text = "a\u200bb"
    assert named(text, odd(text)[0]) == "U+200B ZERO WIDTH SPACE"
    assert visible(text) == "a⟨U+200B⟩b"


@given(
    st.text(
        st.one_of(
            st.sampled_from("\u200b\u200d\u200f\ufeff\ufffd\x1b[3m\ud83d\ude00\U000e0067👩🏽ab\u2028ש"), st.characters()
        )
    )
)
def test_taking_out_leaves_nothing_odd_and_nothing_else_changes(text: str) -> None:
    spans, clean = odd(text), without(text)
    assert all(0 <= span.start < span.end <= len(text) and span.kind in ODD for span in spans)
    assert odd(clean) == [] and without(clean) == clean
    assert spans or clean == text


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("å¾®è°ƒ", "微调"),
        ("ä½\u00a0å¥½ï¼Œä¸–ç•Œ", "你好，世界"),
        ("l’Ã©tÃ©", "l’été"),
        ("It doesnâ€™t work", "It doesn’t work"),
        ("caf\u00c3\u00a9", "café"),
        ("Ã¼ber\nplain", "über\nplain"),
        ("schÃ¶n &amp; gut", "schön &amp; gut"),  # entities, quotes and widths stay
    ],
)
def test_text_read_in_the_wrong_encoding_is_recognised_and_mended(text: str, right: str) -> None:
    spans = garbled(text)
    assert spans and all(0 <= span.start < span.end <= len(text) for span in spans)
    assert mended(text) == right
    assert garbled(right) == []


@pytest.mark.parametrize(
    "text",
    [
        *("naïve café, Ångström, Señor", "Ünïcödé", "„Ja“, sagte er – “no”", "微调", "Â", "50 €"),
        *("ﬁne “quotes” &amp; ｗｉｄｅ", "ÃO", "São Paulo", "Él preguntó: «¿Ã?»", "Crème brûlée…", "tab\there"),
    ],
)  # fmt: skip
def test_right_text_is_not_mended(text: str) -> None:
    assert garbled(text) == [] and mended(text) == text


@given(st.text("微调模型的数据，é“”üß ", min_size=2, max_size=20))
def test_mending_twice_is_mending_once(text: str) -> None:
    wrong = text.encode().decode("cp1252", "replace")
    once = mended(wrong)
    assert mended(once) == once and garbled(once) == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("如何微调 GPT-4o 模型？", "han"), ("How do I fine-tune 模型?", "latin"), ("", ""), ("12345 !?", ""),
        ("こんにちは、世界", "japanese"),
        ("漢字かな交じり文", "japanese"), ("안녕하세요", "hangul"), ("Привет", "cyrillic"),
        ("مرحبا", "arabic"), ("français", "latin"),
    ],
)  # fmt: skip
def test_the_script_of_a_text(text: str, script: str) -> None:
    assert main_script(text) == script


@pytest.mark.parametrize(
    ("user", "assistant", "script"),
    [
        ("怎么用 Python 的 pandas 库 read_csv？", "直接调用即可", "han"),
        (
            "把下面的话翻译成英文：今天天气很好，我们去公园吧",
            "The weather is lovely today, so let us go to the park.",
            "mixed",
        ),
        ("What does 你好 mean?", "It means hello.", "latin"),
        ("日本語で答えてください", "はい、わかりました", "japanese"),
        ("1", "2", ""),
    ],
)
def test_a_row_of_several_scripts_is_told_from_one_with_foreign_terms(user: str, assistant: str, script: str) -> None:
    assert scan_row(line(("user", user), ("assistant", assistant))).script == script


def line(*said: tuple[str, str]) -> str:
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in said]}, ensure_ascii=False)


def test_a_row_is_looked_through_whole() -> None:
    raw = line(("system", "mail a@b.cn"), ("user", "我的电话13812345678\u200b"), ("assistant", "好的13812345678"))
    found = scan_row(raw)
    assert found.kinds == {"email": 1, "phone": 2, "zero_width": 1} and found.script == "han"
    assert scan_row("{broken").kinds == {}
    assert scan_row('{"messages": [{"role": "user", "content": "half \\ud83d"}]}').kinds == {"surrogate": 1}
    assert scan_row(line(("user", "hi")), label="a@b.cn").kinds == {"email": 1}


PICTURE = {"type": "image_url", "image_url": {"url": "x@y.cn"}}
CALL = {"id": "c@d.cn", "type": "function", "function": {"name": "f", "arguments": '{"to": "a@b.cn"}'}}


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "a@b.cn", "completion": "ok"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a@b.cn"}, PICTURE]}]},
        {"messages": [{"role": "assistant", "tool_calls": [CALL]}]},
        {"input": {"messages": [{"role": "user", "content": "a@b.cn"}]}, "preferred_output": []},
        {"messages": [{"role": "user", "content": "hi"}], "reference": {"mail": "a@b.cn"}},
    ],
)
def test_every_format_is_looked_through(body: dict[str, object]) -> None:
    raw = json.dumps(body)
    assert scan_row(raw).kinds == {"email": 1}
    clean = rewritten(raw, masked)
    assert scan_row(clean).kinds == {} and "a@b.cn" not in clean
    assert "[e-mail]" in clean and ("x@y.cn" in clean) == ("x@y.cn" in raw)


def test_numbers_and_order_of_a_line_survive() -> None:
    raw = '{"messages":[{"role":"user","content":"a@b.cn","weight":1.50}],"x":1e5,"big":12345678901234567890123}'
    assert rewritten(raw, masked) == raw.replace("a@b.cn", "[e-mail]")
    assert rewritten(raw, str) is raw


def test_the_arguments_of_a_tool_call_stay_json() -> None:
    arguments = json.dumps({"phone": 13812345678, "say": "call 13812345678", "n": 3})
    raw = json.dumps({"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": arguments}}]})
    found = dict(texts_of(json.loads(rewritten(raw, masked))))["messages[0].function_call.arguments"]
    assert json.loads(found) == {"phone": "[phone]", "say": "call [phone]", "n": 3}


@given(st.text())
def test_finds_lie_within_the_text(text: str) -> None:
    assert all(0 <= span.start < span.end <= len(text) for span in findings(text))
