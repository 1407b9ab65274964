"""Languages mixed: scripts told apart in every text, languages of Latin letters where they are sure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.__main__ import main
from core.checks.privacy import OTHER_SCRIPT
from core.checks.privacy.scripts import script_or_mixed
from core.checks.privacy.tongues import latin_language
from core.dataset.examples import Draft, Kind, dump
from core.errors import BadInput
from core.privacy import languages, scan_dataset
from core.store import Store

ENGLISH = [f"Where is my parcel number {n}, please? I have been waiting for it." for n in range(20)]
FRENCH = "Où est mon colis, je ne l'ai pas encore reçu"
STRANGERS = {
    "han": "我的包裹在哪里，我已经等了一个星期了",
    "japanese": "荷物はどこですか、まだ届いていません",
    "hangul": "제 소포가 어디에 있나요",
    "cyrillic": "Где моя посылка, я жду уже неделю",
    "arabic": "أين طردي، لقد انتظرت أسبوعا",
    "other": "სად არის ჩემი ამანათი",
    "french": FRENCH,
    "german": "Wo ist mein Paket? Ich habe es noch nicht bekommen",
    "spanish": "¿Dónde está mi paquete? No lo he recibido",
}


def line(question: str, answer: str = "OK") -> str:
    return dump({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


def file(folder: Path, questions: list[str]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(line(question) + "\n" for question in questions), encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), STRANGERS.items())
def test_each_row_in_another_language_is_found_and_named(tmp_path: Path, name: str, text: str) -> None:
    found = languages.look(file(tmp_path, [*ENGLISH, text]))
    assert [(row.line, row.language) for row in found.different] == [(21, name)] and found.rows == 21
    assert found.different[0].seen.startswith(text[:20])


@pytest.mark.parametrize(
    ("rest", "text", "name"),
    [
        ("订单{n}的包裹现在到哪里了", FRENCH, "latin"),
        ("荷物{n}はどこですか", "제 소포가 어디에 있나요", "hangul"),
        ("제 소포 {n}가 어디에 있나요", "Где моя посылка", "cyrillic"),
        ("Где моя посылка {n}", "أين طردي", "arabic"),
        ("أين طردي {n}", "我的包裹在哪里", "han"),
        ("Wo ist mein Paket {n}? Ich habe es noch nicht", "Where is my parcel? I have been waiting for it", "english"),
    ],
)
def test_whatever_the_rest_is_in(tmp_path: Path, rest: str, text: str, name: str) -> None:
    found = languages.look(file(tmp_path, [rest.format(n=n) for n in range(20)] + [text]))
    assert [(row.line, row.language) for row in found.different] == [(21, name)]


@pytest.mark.parametrize(
    "questions",
    [
        [*ENGLISH[:10], *[FRENCH] * 10],  # two halves: neither is the rest
        [*["荷物はどこですか"] * 20, "東京都知事選挙"],  # Japanese may be without kana
        [
            *ENGLISH,
            "OK",
            "Adidas?",
            "iPhone 15 Pro Max",
            "12345",
            "J'ai perdu mon mot de passe",
        ],  # too short to be sure
        [*ENGLISH[:5], "你好"],  # too few rows for a rest
    ],
)
def test_what_is_not_sure_is_not_said(tmp_path: Path, questions: list[str]) -> None:
    assert languages.look(file(tmp_path, questions)).different == []


def test_the_command_line_counts_and_lists_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(tmp_path, [*ENGLISH, FRENCH, "我的包裹在哪里，请打电话 13800138000"])
    main(["check", str(path), "--languages"])
    said = capsys.readouterr().out
    assert "Languages mixed" in said and "Latin letters 21, Chinese 1" in said and "English 20, French 1" in said
    assert "than the rest: 2" in said and "line 21, French: Où est" in said and "13800138000" not in said
    main(["check", str(path), "--languages", "--json"])
    found = json.loads(capsys.readouterr().out)["languages"]
    assert (found["rows_different"], [row["line"] for row in found["different"]]) == (2, [21, 22])
    with pytest.raises(BadInput):
        languages.look(tmp_path / "nowhere.jsonl")


CHINESE = [f"第{n}个包裹到了吗" for n in range(20)]


def test_a_class_with_an_english_name_says_nothing_of_the_language_of_its_row(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "rows.jsonl"
    answers = ["card_arrival", "lost-or-stolen", "refund", "体育"]
    rows = [line(question, answers[n % 4]) for n, question in enumerate([*CHINESE, "好的", "NBA西决畅想"])]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = languages.look(path)
    assert found.different == [] and found.scripts == {"han": 22}
    dataset = store.create_dataset("Mail", Kind.CHAT)
    named = [Draft(line(question, name), Kind.CHAT, name) for question in CHINESE for name in ("card not working",)]
    strange = [Draft(line(ENGLISH[0], "体育"), Kind.CHAT), Draft(line("card_arrival", "refund"), Kind.CHAT)]
    store.add_drafts(dataset.id, [*named, *strange])
    store.finish_import(dataset.id)
    scan_dataset(store, dataset.id)
    assert (
        sorted(store.findings.rows(dataset.id, (OTHER_SCRIPT,))) == [row.id for row in store.examples(dataset.id)][-2:]
    )


def test_a_stored_dataset_names_rows_in_another_language_too(store: Store) -> None:
    dataset = store.create_dataset("Mail", Kind.CHAT)
    store.add_drafts(dataset.id, [Draft(line(text), Kind.CHAT) for text in [*ENGLISH, FRENCH, STRANGERS["arabic"]]])
    store.finish_import(dataset.id)
    scan_dataset(store, dataset.id)
    rows = [store.example(number).body["messages"][0]["content"] for number in
            store.findings.rows(dataset.id, (OTHER_SCRIPT,))]  # fmt: skip
    assert rows == [FRENCH, STRANGERS["arabic"]]


@pytest.mark.parametrize(
    ("text", "script"),
    [("ＡＢＣ", "latin"), ("Բարեւ", "other"), ("ខ្មែរ", "other"), ("አማርኛ", "other"), ("ｶﾀｶﾅ", "japanese"), ("①②", "")],
)
def test_rarer_scripts_have_a_name(text: str, script: str) -> None:
    assert script_or_mixed(text) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Le paiement a été prélevé deux fois sur mon compte, pouvez-vous m'aider ?", "french"),
        ("Ich möchte meine Bestellung an eine andere Adresse liefern lassen", "german"),
        ("Onde está o meu pedido? Ainda não recebi", "portuguese"),
        ("Dove si trova il mio pacco? Non è arrivato", "italian"),
        ("Waar is mijn pakket? Ik heb het nog niet gekregen", "dutch"),
        ("Hvor er pakken min? Jeg har ikke fått den", ""),
        ("Gdzie jest moja paczka?", ""),
        ("¿Dónde está mi tarjeta?", "spanish"),
        ("Zamówiłem książkę, proszę o śledzenie przesyłki", "other_latin"),
        ("Thẻ của tôi ở đâu? Tôi đã đợi hai tuần.", "other_latin"),
        ("Siparişim nerede, iki haftadır bekliyorum, ödeme yapıldı", "other_latin"),
        ("I met Lech Wałęsa in Gdańsk and he was as friendly as you said", ""),
        ("", ""),
    ],
)
def test_a_language_is_named_only_where_it_is_sure(text: str, language: str) -> None:
    assert latin_language(text) == language


@pytest.mark.data
def test_of_ten_thousand_english_questions_none_is_taken_for_another_language(
    shared_data: Callable[[str], Path],
) -> None:
    import csv

    with shared_data("banking77_train.csv").open(encoding="utf-8", newline="") as read:
        found = [latin_language(row["text"]) for row in csv.DictReader(read)]
    assert set(found) == {"", "english"} and found.count("english") > 0.75 * len(found)
