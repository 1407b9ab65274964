"""Personal data and secrets: what is found, what is left alone, how it is masked."""

from __future__ import annotations

import random
import string
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from privacy_cases import FOUND, JWT, NOT_FOUND, PRIVATE_KEY

from core.checks.privacy import PERSONAL, Book, Style, half, masked, scan
from core.checks.privacy.numbers import luhn, mod97, resident_digit


def seen(text: str) -> list[str]:
    return [f"{span.kind}:{text[span.start : span.end]}" for span in scan(text)]


@pytest.mark.parametrize(("text", "finds"), FOUND)
def test_what_a_text_gives_away_is_found(text: str, finds: list[str]) -> None:
    assert seen(text) == finds


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert seen(text) == []


def test_the_tables_are_long_enough() -> None:
    assert len(FOUND) + len(NOT_FOUND) >= 120


@pytest.mark.parametrize(("text", "finds"), [pair for pair in FOUND if pair[1]])
@pytest.mark.parametrize("style", list(Style))
def test_a_masked_text_gives_nothing_away(text: str, finds: list[str], style: Style) -> None:
    clean = masked(text, style=style)
    assert scan(clean) == [] and masked(clean, style=style) == clean
    for find in finds:
        assert find.split(":", 1)[1] not in clean


PIECES = [text for text, _finds in FOUND] + NOT_FOUND
ALPHABET = string.digits * 6 + "+-. ()@:*x[]" + "aZ_/" + "电话号订单，：\n"


@pytest.mark.parametrize("style", list(Style))
@given(
    text=st.one_of(
        st.text(), st.text(ALPHABET, max_size=80), st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    )
)
def test_masking_removes_what_scanning_finds_and_twice_is_once(style: Style, text: str) -> None:
    spans = scan(text)
    assert all(0 <= span.start < span.end <= len(text) and span.kind in PERSONAL for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    clean = masked(text, style=style)
    assert scan(clean) == []
    assert masked(clean, style=style) == clean
    assert spans or clean == text


def test_a_mask_names_the_kind_in_the_language_of_the_text() -> None:
    assert masked("我的手机号是13812345678，邮箱a@b.cn") == "我的手机号是[电话]，邮箱[邮箱]"
    assert masked("Call me at (212) 555-0123") == "Call me at [phone]"


def test_only_the_chosen_kinds_are_masked() -> None:
    assert masked("13812345678 a@b.cn", kinds=["email"]) == "13812345678 [e-mail]"


def test_the_same_value_has_the_same_number_however_it_is_written() -> None:
    book = Book(b"salt")
    said = masked("13812345678，+86 138-1234-5678，13987654321", style=Style.NUMBERED, book=book)
    assert said == "[phone 1]，[phone 1]，[phone 2]"
    later = Book(b"salt", book.added)
    assert (
        masked("电话：13987654321，新13700001111号", style=Style.NUMBERED, book=later) == "电话：[电话 2]，新[电话 3]号"
    )
    assert [number for _kind, _digest, number in later.added] == [3]
    assert not any("139" in digest and len(digest) != 32 for _kind, digest, _number in book.added)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "13812345678", "138****5678"),
        ("phone", "138-1234-5678", "138-****-5678"),
        ("phone", "+86 138-1234-5678", "+86 138-****-5678"),
        ("phone", "8613812345678", "86138****5678"),
        ("phone", "87654321", "******21"),
        ("email", "zhang@qq.com", "z***@qq.com"),
        ("card", "4111 1111 1111 1111", "**** **** **** 1111"),
        ("cn_id", "11010519491231002X", "110105********002X"),
        ("ssn", "123-45-6789", "***-**-6789"),
        ("iban", "DE89370400440532013000", "DE****************3000"),
        ("ip", "203.0.113.45", "203.0.*.*"),
        ("jwt", JWT, "eyJh***5c"),
        ("private_key", PRIVATE_KEY, "-----BEGIN PRIVATE KEY----- ***"),
        ("api_key", "short", "***"),
    ],
)
def test_a_find_is_shown_by_half(kind: str, value: str, shown: str) -> None:
    assert half(kind, value) == shown


@given(st.text(string.digits, min_size=12, max_size=18))
def test_one_check_digit_of_ten_is_right(digits: str) -> None:
    assert sum(luhn(digits + last) for last in string.digits) == 1


@pytest.mark.parametrize("account", ["GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606"])
def test_one_wrong_sign_makes_an_account_wrong(account: str) -> None:
    assert mod97(account)
    assert not mod97(account[:-1] + str((int(account[-1]) + 1) % 10))


def test_the_resident_digit_is_that_of_the_standard() -> None:
    assert resident_digit("11010519491231002") == "X" and resident_digit("44052418800101001") == "4"


@pytest.mark.parametrize(
    "text",
    [
        "1" * 200_000,
        "1 " * 100_000,
        "a" * 200_000 + "@",
        "@" * 100_000,
        "a@" * 50_000,
        "1.1." * 50_000,
        "1:" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 5_000,
        "eyJ" * 60_000,
        "sk-" * 60_000,
        "GB82 " * 40_000,
        "电话" * 100_000 + "1234567",
        "+1 (" * 50_000,
        "aws key " * 20_000,
        "a.b" * 60_000 + "@x.y",
        "订单号13812345678 " * 5_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    scan(text)
    assert time.process_time() - begun < 5


def test_random_orders_and_prices_raise_no_alarm() -> None:
    rng = random.Random(3)
    texts = [
        template.format(rng.randrange(10**9, 10**17))
        for template in ("订单号{}", "Order {}", "¥{}", "{}元", "Invoice no. {}", "快递单号：{}", "tracking number {}")
        for _i in range(300)
    ]
    assert [text for text in texts if scan(text)] == []
