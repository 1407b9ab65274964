"""UTF-8 that was read as something else: recognised, mended where it can be, listed where letters are lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import encodings, mapping, mojibake
from core.dataset.examples import Draft, user_text
from core.dataset.readers import Reject, read, sniff

TEXTS = ["微调", "请问这个模型怎么微调？", "Ça coûte 5 €, déjà", "naïve café"]


def garble(text: str, codec: str = "latin-1") -> str:
    return text.encode().decode(codec)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_a_garbled_text_is_mended(text: str, codec: str) -> None:
    try:
        garbled = garble(text, codec)
    except UnicodeDecodeError:
        pytest.skip("this codec has no letter for one of the bytes")
    assert mojibake.mended(garbled) == text and not mojibake.is_lost(garbled, text)


@pytest.mark.parametrize("text", [*TEXTS, "", "plain", "日本語のテキスト", "Привет", "“quoted” – dash", "😀"])
def test_a_sound_text_is_left_alone(text: str) -> None:
    assert mojibake.mended(text) == text and not mojibake.is_lost(text, text)


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=20) | st.text(max_size=20))
def test_mending_never_fails_and_chinese_is_never_touched(text: str) -> None:
    after = mojibake.mended(text)
    assert isinstance(mojibake.is_lost(text, after), bool)
    if all("\u4e00" <= letter <= "\u9fff" for letter in text):
        assert after == text


def table(*texts: str) -> str:
    return "question,answer\n" + "".join(f"{text},ok\n" for text in texts)


def test_a_garbled_file_is_recognised_mended_and_its_lost_letters_are_listed(tmp_path: Path) -> None:
    lost = "你好，世界！微调模型".encode().decode("cp1252", "replace")
    path = tmp_path / "x.csv"
    path.write_text(table(garble("微调"), "plain", garble("请问这个模型怎么微调"), lost), encoding="utf-8")
    source = sniff(path)
    recipe = mapping.suggest(source)
    assert source.garbled == 1.0 and recipe.mend
    done = list(mapping.apply(recipe, read(source), source=source))
    texts = [user_text(d.body) for d in done if isinstance(d, Draft)]
    assert texts == ["微调", "plain", "请问这个模型怎么微调"]
    (reject,) = [d for d in done if isinstance(d, Reject)]
    assert (reject.row, reject.column) == (5, "question") and "Letters were lost" in str(reject.reason)


def test_the_names_of_garbled_columns_are_mended_too(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(garble("问题,答案\n你好吗,很好\n微调,模型\n"), encoding="utf-8")
    assert sniff(path).columns == ("问题", "答案")


def test_examples_are_mended_where_that_is_wanted_and_others_stay_byte_for_byte(tmp_path: Path) -> None:
    sound = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "n": 1.50}'
    body = {"messages": [{"role": "user", "content": garble("微调")}, {"role": "assistant", "content": "b"}]}
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(body, ensure_ascii=False)}\n{sound}\n", encoding="utf-8")
    source = sniff(path)
    done = [d for d in mapping.apply(mapping.suggest(source), read(source), source=source) if isinstance(d, Draft)]
    assert (user_text(done[0].body), done[1].raw) == ("微调", sound)


def test_a_rare_accident_does_not_make_a_file_garbled(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(table(*["好" + "的" * n for n in range(30)], garble("微调")), encoding="utf-8")
    assert sniff(path).garbled == 0.0


def test_encodings_are_offered_with_what_the_file_says_in_them(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(table("微调模型").encode("gb18030"))
    found = encodings.readings(path, ["gb18030", "utf-8", "cp1252", "utf-16", "big5"])
    assert found["gb18030"].startswith("微调模型,ok") and not found["utf-8"] and not found["utf-16"]
    assert found["cp1252"] and found["cp1252"] != found["gb18030"]


@given(st.text(st.sampled_from("aZ 0,.!?()\n。，？！（）「」啊数龥かキ한Ａ～")))
def test_texts_without_western_letters_are_never_garbled(text: str) -> None:
    import ftfy
    import ftfy.badness

    assert ftfy.fix_encoding(text) == text == mojibake.mended(text) and not ftfy.badness.is_bad(text)
