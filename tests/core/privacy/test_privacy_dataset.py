"""A dataset is looked through, its finds are masked as one step, and all of it can be undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from core import privacy, tasks
from core.checks.privacy import LOST, OTHER_SCRIPT, PERSONAL, Style, findings, texts_of
from core.dataset.edits import Change, Edits
from core.dataset.examples import Draft, Kind, Split
from core.errors import Cancelled
from core.privacy.scanning import scan_dataset
from core.settings import Settings
from core.store import Filter, Store
from core.store.findings import Found
from core.store.migrations import MIGRATIONS, migrate
from core.tasks.handlers import mask, scan
from core.tasks.work import Work

SECRETS = ("13812345678", "13987654321", "a@b.cn", "4111 1111 1111 1111", "11010519491231002X")


def chat(user: str, assistant: str = "好的", system: str = "你是客服") -> str:
    said = (("system", system), ("user", user), ("assistant", assistant))
    body = {"messages": [{"role": role, "content": text} for role, text in said]}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


ROWS = [
    chat("我的手机号是13812345678"),
    chat("邮箱a@b.cn，电话13987654321", "已记录13987654321"),
    chat("订单号13812345678还没发货"),
    chat("卡号4111 1111 1111 1111", "收到，+86 138-1234-5678"),
    chat("身份证11010519491231002X"),
    chat("有个\u200b看不见的字"),
    chat("å¾®è°ƒ怎么做"),
    chat("丢了的字\ufffd在这里"),
    *(chat(f"第{'一二三四五六七八九十'[i]}个普通的问题，请问怎么办") for i in range(10)),
    chat("What is this doing here?", "I do not know.", "You help."),
]


@pytest.fixture
def dataset_id(store: Store) -> int:
    dataset = store.create_dataset("客服", Kind.CHAT)
    store.add_drafts(dataset.id, [Draft(raw, Kind.CHAT) for raw in ROWS])
    store.finish_import(dataset.id)
    return dataset.id


def raws(store: Store, dataset_id: int) -> list[str]:
    return [row.raw for row in store.examples(dataset_id)]


def counts(store: Store, dataset_id: int) -> dict[str, tuple[int, int]]:
    return store.findings.counts(dataset_id)


FOUND = {
    "phone": (3, 4), "email": (1, 1), "card": (1, 1), "cn_id": (1, 1), "zero_width": (1, 1), "garbled": (1, 1),
    LOST: (1, 1), OTHER_SCRIPT: (1, 1),
}  # fmt: skip


def test_a_scan_counts_rows_and_finds(store: Store, dataset_id: int) -> None:
    assert store.findings.latest(dataset_id) is None and counts(store, dataset_id) == {}
    found = scan_dataset(store, dataset_id)
    assert (found.rows, found.revision) == (len(ROWS), store.dataset(dataset_id).revision)
    assert found.scripts == {"han": len(ROWS) - 1, "latin": 1}
    assert counts(store, dataset_id) == FOUND
    assert scan_dataset(store, dataset_id).id > found.id and counts(store, dataset_id) == FOUND


def test_the_grid_shows_the_rows_of_a_find(store: Store, dataset_id: int) -> None:
    assert store.page(dataset_id, Filter(finding="phone")).total == 0
    scan_dataset(store, dataset_id)
    page = store.page(dataset_id, Filter(finding="phone"))
    assert [row.raw for row in page.examples] == [ROWS[0], ROWS[1], ROWS[3]]
    assert store.page(dataset_id, Filter(finding="personal")).total == 4
    assert store.page(dataset_id, Filter(finding="odd", text="看不见")).total == 1
    assert store.page(dataset_id, Filter(finding="nonsense")).total == 0


@pytest.mark.parametrize("style", list(Style))
def test_masking_is_one_step_that_can_be_undone(store: Store, dataset_id: int, style: Style) -> None:
    before = raws(store, dataset_id)
    scan_dataset(store, dataset_id)
    applied = privacy.fix(store, dataset_id, PERSONAL, "Ada", style)
    assert (applied.saved, applied.conflicts, applied.problems) == (4, (), ())
    after = raws(store, dataset_id)
    assert not [secret for secret in SECRETS for raw in after[:2] + after[3:] if secret in raw]
    assert after[2] == before[2], "an order number is no phone number"
    assert counts(store, dataset_id) == {kind: n for kind, n in FOUND.items() if kind not in PERSONAL}
    assert store.findings.latest(dataset_id).revision == store.dataset(dataset_id).revision  # type: ignore[union-attr]
    assert privacy.fix(store, dataset_id, PERSONAL, "Ada", style).batch_id is None, "twice is once"
    assert len({entry.batch_id for entry in store.history(dataset_id)}) == 1
    store.undo(dataset_id, "Ada")
    assert raws(store, dataset_id) == before and counts(store, dataset_id) == FOUND


def test_the_same_number_gets_the_same_mask_today_and_tomorrow(store: Store, dataset_id: int) -> None:
    scan_dataset(store, dataset_id)
    privacy.fix(store, dataset_id, ["phone"], "Ada", Style.NUMBERED)
    after = raws(store, dataset_id)
    assert "手机号是[电话 1]" in after[0] and "[电话 1]" in after[3] and after[1].count("[电话 2]") == 2
    row = next(iter(store.examples(dataset_id)))
    new = chat("13987654321 和 13700001111")
    store.apply(dataset_id, Edits(changed=[Change(row.id, row.revision, {"raw": new})]), "Ada")
    scan_dataset(store, dataset_id)
    privacy.fix(store, dataset_id, ["phone"], "Ada", Style.NUMBERED)
    assert "[电话 2] 和 [电话 3]" in raws(store, dataset_id)[0]


def test_only_chosen_kinds_are_mended(store: Store, dataset_id: int) -> None:
    scan_dataset(store, dataset_id)
    assert privacy.fix(store, dataset_id, ["zero_width", "garbled"], "Ada").saved == 2
    after = raws(store, dataset_id)
    assert after[5] == chat("有个看不见的字") and after[6] == chat("微调怎么做") and after[7] == ROWS[7]
    assert "13812345678" in after[0]
    privacy.fix(store, dataset_id, [LOST], "Ada")
    assert raws(store, dataset_id)[7] == chat("丢了的字在这里")


def test_a_row_in_another_script_stays_one_when_it_is_masked(store: Store) -> None:
    dataset = store.create_dataset("scripts", Kind.CHAT)
    users = [*("请问这个问题怎么办" for _i in range(12)), "Please write to a@b.cn as soon as you can", "å¾®è°ƒ"]
    store.add_drafts(dataset.id, [Draft(chat(user), Kind.CHAT) for user in users])
    store.finish_import(dataset.id)
    scan_dataset(store, dataset.id)
    assert counts(store, dataset.id)[OTHER_SCRIPT] == (1, 1)
    privacy.fix(store, dataset.id, ["email", "garbled"], "Ada")
    assert counts(store, dataset.id) == {OTHER_SCRIPT: (1, 1)}


def test_a_row_that_somebody_edits_meanwhile_is_told_and_left(
    store: Store, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_dataset(store, dataset_id)
    rows = list(store.examples(dataset_id))
    apply = store.apply

    def late(number: int, edits: Edits, who: str):  # type: ignore[no-untyped-def]
        apply(number, Edits(changed=[Change(rows[0].id, rows[0].revision, {"user": "13812345678 please"})]), "Bob")
        return apply(number, edits, who)

    monkeypatch.setattr(store, "apply", late)
    applied = privacy.fix(store, dataset_id, ["phone"], "Ada")
    assert [conflict.example_id for conflict in applied.conflicts] == [rows[0].id] and applied.saved == 2
    assert "13812345678 please" in raws(store, dataset_id)[0]


def test_edits_and_splits_leave_what_still_holds(store: Store, dataset_id: int) -> None:
    scan_dataset(store, dataset_id)
    rows = list(store.examples(dataset_id))
    store.assign_splits(dataset_id, {row.id: Split.TRAIN for row in rows}, "Ada")
    assert counts(store, dataset_id) == FOUND
    fresh = store.example(rows[4].id)
    store.apply(dataset_id, Edits(changed=[Change(fresh.id, fresh.revision, {"user": "无"})]), "Ada")
    assert "cn_id" not in counts(store, dataset_id)


def test_a_scan_that_was_stopped_leaves_the_one_before(store: Store, dataset_id: int) -> None:
    first = scan_dataset(store, dataset_id)
    with pytest.raises(Cancelled):
        scan_dataset(store, dataset_id, cancelled=lambda: True)
    assert store.findings.latest(dataset_id) == first and counts(store, dataset_id) == FOUND


def test_what_a_killed_scan_left_behind_is_never_seen_and_goes(store: Store, dataset_id: int) -> None:
    half = store.findings.begin(dataset_id, store.dataset(dataset_id).revision)
    row = next(iter(store.examples(dataset_id)))
    store.findings.add(half, [Found(row.id, "ssn", row.content_hash, 9)])
    assert store.findings.latest(dataset_id) is None and counts(store, dataset_id) == {}
    scan_dataset(store, dataset_id)
    assert counts(store, dataset_id) == FOUND
    with store.database.read() as connection:
        assert connection.execute(sql("SELECT count(*) FROM privacy_scan")).scalar() == 1
        assert connection.execute(sql("SELECT count(*) FROM privacy_finding WHERE kind = 'ssn'")).scalar() == 0


def test_the_label_of_a_row_is_masked_too(store: Store) -> None:
    dataset = store.create_dataset("labels", Kind.CHAT)
    store.add_drafts(
        dataset.id, [Draft(chat("问题"), Kind.CHAT, label="a@b.cn"), Draft(chat("x"), Kind.CHAT, label="y")]
    )
    store.finish_import(dataset.id)
    scan_dataset(store, dataset.id)
    privacy.fix(store, dataset.id, ["email"], "Ada")
    assert [row.label for row in store.examples(dataset.id)] == ["[e-mail]", "y"]


def test_a_row_that_cannot_be_written_anew_is_told_and_the_others_are_mended(store: Store) -> None:
    dataset = store.create_dataset("deep", Kind.CHAT)
    deep = chat("a@b.cn")[:-1] + ',"x":' + "[" * 400 + "]" * 400 + "}"
    store.add_drafts(dataset.id, [Draft(deep, Kind.CHAT), Draft(chat("c@d.cn"), Kind.CHAT)])
    store.finish_import(dataset.id)
    scan_dataset(store, dataset.id)
    applied = privacy.fix(store, dataset.id, ["email"], "Ada")
    assert applied.saved == 1 and len(applied.problems) == 1 and "too deeply" in str(applied.problems[0].message)
    assert raws(store, dataset.id) == [deep, chat("[邮箱]")] or "[e-mail]" in raws(store, dataset.id)[1]


def test_the_tasks_do_the_same(store: Store, settings: Settings, dataset_id: int) -> None:
    def work(kind: str, args: dict[str, object] | None = None) -> Work:
        begun = store.tasks.begin(tasks.enqueue(store, settings, kind, dataset_id, args).id)
        assert begun is not None
        return Work(store, settings, begun, lambda: None)

    scan(work("scan"))
    assert counts(store, dataset_id) == FOUND
    args = {"kinds": ["phone"], "style": "partly", "who": "Ada"}
    assert mask(work("mask", args)) == {"saved": 3, "batch": 1, "conflicts": 0, "problems": 0}
    assert "138****5678" in raws(store, dataset_id)[0]


def test_nothing_of_a_deleted_dataset_stays(store: Store, dataset_id: int) -> None:
    scan_dataset(store, dataset_id)
    privacy.fix(store, dataset_id, PERSONAL, "Ada", Style.NUMBERED)
    store.delete_dataset(dataset_id)
    with store.database.read() as connection:
        for table in ("privacy_scan", "privacy_finding", "privacy_book", "privacy_mask"):
            assert connection.execute(sql(f"SELECT count(*) FROM {table}")).scalar() == 0


def test_no_find_is_kept_in_the_tables_of_finds(store: Store, dataset_id: int) -> None:
    scan_dataset(store, dataset_id)
    privacy.fix(store, dataset_id, PERSONAL, "Ada", Style.NUMBERED)
    with store.database.read() as connection:
        for table in ("privacy_finding", "privacy_mask"):
            for row in connection.execute(sql(f"SELECT * FROM {table}")).all():
                assert not [secret for secret in SECRETS if secret in str(row)]


def test_a_database_of_before_gets_the_tables(store: Store, dataset_id: int) -> None:
    with store.database.write() as connection:
        for table in ("privacy_finding", "privacy_scan", "privacy_book", "privacy_mask"):
            connection.execute(sql(f"DROP TABLE {table}"))
        connection.execute(sql("DELETE FROM migration WHERE name = 'm_privacy_findings'"))
    assert migrate(store.database) == ["m_privacy_findings"] and len(MIGRATIONS) >= 2
    scan_dataset(store, dataset_id)
    assert counts(store, dataset_id) == FOUND


@pytest.mark.parametrize("raw", ROWS[:2] + ROWS[3:5])
def test_what_is_shown_is_half_masked(raw: str) -> None:
    field, pieces = privacy.pieces(raw, PERSONAL)
    said = privacy.plain(pieces)
    assert field == "messages[1].content" and [piece.kind for piece in pieces if piece.kind]
    assert not [secret for secret in SECRETS if secret in said]


def test_a_find_cut_by_the_edge_of_the_piece_is_not_shown_in_part() -> None:
    raw = chat("身份证11010519491231002X" + "，" * 4 + "电话13812345678" + "。" * 30 + "a@b.cn")
    said = privacy.plain(privacy.pieces(raw, ("phone",))[1])
    assert "138****5678" in said and "1949" not in said and "002X，" not in said.replace("********002X", "")
    assert privacy.pieces(raw, ("card",)) == ("", [])


@pytest.mark.data
def test_real_headlines_raise_no_false_alarm(shared_data: Callable[[str], Path]) -> None:
    found = [
        (span.kind, line[span.start : span.end])
        for line in shared_data("tnews_train.tsv").read_text("utf-8").splitlines()
        for span in findings(line)
    ]
    phones = ["021-60543447", "13833097069", "021-60543447", "15525906088"]
    assert [value for kind, value in found if kind in PERSONAL] == phones
    assert {kind for kind, _value in found} - set(PERSONAL) == {"zero_width", "byte_order_mark"}
    for name in ("banking77_train.csv", "medical_qa_alpaca.jsonl", "drone_training.jsonl"):
        assert [line for line in shared_data(name).read_text("utf-8").splitlines() if findings(line)] == []


def test_a_file_is_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(["", *ROWS, "{broken"]), encoding="utf-8")
    found = privacy.scan_file(path)
    assert found.rows == len(ROWS) + 1 and found.rows_found == 7
    assert found.kinds["phone"] == {"rows": 3, "found": 4}
    assert found.first[0] == {"line": 2, "field": "messages[1].content", "kind": "phone", "seen": "138****5678"}
    assert not [secret for secret in SECRETS if secret in json.dumps(found.as_json(), ensure_ascii=False)]
    assert list(texts_of(None)) == []
