"""Encodings are found without asking, and damaged bytes never pass for text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import encodings, oldencodings
from core.dataset.encodings import BLOCK, damage, detect, open_text, visible

ZH = "问题,答案\n图书馆几点开门？,周二、周三、周五十点开放，周日和周一闭馆。\n" * 3
ZH_TW = "問題,答案\n圖書館幾點開門？,週二、週三、週五十點開放，週日和週一閉館。\n" * 3
FR = "texte,classe\nLe café près de la gare est fermé à Noël,horaires\n" * 3
JA = "質問,答え\n図書館は何時に開きますか,火曜日から土曜日まで十時です\n" * 3
RU = "вопрос,ответ\nКогда открывается библиотека,Со вторника по субботу в десять часов\n" * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ZH, "utf-8"),
        (ZH, "utf-8-sig"),
        (ZH, "utf-16"),
        (ZH, "utf-16-le"),
        (ZH, "utf-16-be"),
        (ZH, "utf-32"),
        (ZH, "gb18030"),
        (ZH, "gbk"),
        (ZH_TW, "big5"),
        (FR, "cp1252"),
        (JA, "shift_jis"),
        (RU, "cp1251"),
        ("text,label\nplain,a\n", "ascii"),
    ],
)
def test_a_file_is_read_as_it_was_written(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(encoding))
    with open_text(path, detect(path), newline="") as file:
        assert file.read() == text


SHORT = {
    "gb18030": "退款 文化 你好 积极 财经 我想取消订单 科技 快递还没到，怎么办？ 上海市浦东新区 “引号” 如何修改密码",
    "big5": "退款 文化 你好 積極 財經 臺北 圖書館幾點開門？ 微調大型語言模型 發票 「引號」 國際新聞",
    "shift_jis": "返金 文化 東京 こんにちは 経済 人工知能 ポジティブ カメラ 領収書 明日の天気はどうですか",
    "cp1252": "café naïve déjà Où Straße Müller mañana ¿Qué coração smörgåsbord It’s “quoted” £20 50°C 5€ Zoë œuvre",
    "euc_kr": "도서관은 안녕하세요 문화 감사합니다 환불해주세요",
    "utf-8": "退款 文化 返金 café 5€ 도서관은",
    "utf-8-sig": "退款 文化 返金 café 5€ 도서관은",
    "utf-16": "退款 文化 返金 café 5€ 도서관은",
    "utf-16-le": "退款 文化 返金 café 5€ 图书馆几点开门？",
    "utf-16-be": "退款 文化 返金 café 5€ 图书馆几点开门？",
}
FRAMES = {
    "one line": '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "ok"}]}\n',
    "some lines": '{"prompt": "hello", "completion": "morning"}\n{"prompt": "What is %s", "completion": "see it"}\n',
    "a table": "text,label\nplain,a\n%s,b\nother words,a\n",
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("encoding", "word"), [(name, word) for name, words in SHORT.items() for word in words.split()]
)
def test_one_word_among_english_is_enough(encoding: str, word: str, frame: str, tmp_path: Path) -> None:
    text = FRAMES[frame] % word
    (tmp_path / "file").write_bytes(text.encode(encoding))
    with open_text(tmp_path / "file", detect(tmp_path / "file"), newline="") as file:
        assert file.read().removeprefix("\ufeff") == text


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_any_lines_are_in_one_of_the_old_encodings_or_in_none(lines: list[bytes]) -> None:
    found = oldencodings.among(lines)
    assert found is None or "".encode(found) == b""


def test_a_few_damaged_lines_do_not_change_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(ZH.encode() + b"\xff\xfe broken\n" + ZH.encode())
    assert detect(path) == "utf-8"


def test_a_chinese_file_that_begins_with_a_megabyte_of_english(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a plain line\n" * 100_000 + ZH.encode("gb18030"))
    assert detect(path) == "gb18030"


@pytest.mark.parametrize(
    ("data", "encoding", "seen"),
    [
        (b"caf\xe9!", "utf-8", "E9"),
        ("好".encode(), "utf-8", ""),
        (b"\xff\xff", "gb18030", "FF FF"),
        (b"ok", "utf-8", ""),
    ],
)
def test_damaged_bytes_are_named(tmp_path: Path, data: bytes, encoding: str, seen: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    with open_text(path, encoding, newline="") as file:
        text = file.read()
    assert damage(text) == seen
    visible(text).encode()


def test_half_a_character_is_damage_too() -> None:
    assert damage("a\ud83d") == "U+D83D"


@given(st.binary(max_size=300))
def test_any_bytes_have_an_encoding_that_can_be_opened(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(data)
    try:
        with open_text(path, detect(path), newline="") as file:
            visible(file.read()).encode()
    except UnicodeError:
        assert data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))  # `sniff` makes a sentence of it


@pytest.mark.parametrize("content", [b"\n\xff\xfe", b"a\n\xfe\xff", b"a\n\xff\xfe\x00\x00", b"\n\x00\x00\xfe\xff"])
def test_a_byte_order_mark_in_the_middle_makes_no_wide_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with open_text(path, detect(path), "") as file:
        assert file.read().startswith(content[:1].decode())


@pytest.mark.parametrize(
    "bad", [b"", b"\xff", b"\x80" * 9, "你".encode()[:-1], b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"]
)
@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 9])
def test_a_file_is_utf8_where_all_of_it_is(bad: bytes, place: int, tmp_path: Path) -> None:
    text = ("x" * (place % 3) + "你😀é" * (BLOCK // 3)).encode()
    start = len(text[:place].decode(errors="ignore").encode())
    path = tmp_path / "x.txt"
    path.write_bytes(text[:start] + bad + text[start:])
    assert encodings._is_utf8(path) is (not bad)
    path.write_bytes(text[:start] + bad)
    assert encodings._is_utf8(path) is (not bad)
