"""Packed files and several files at once: read as the files inside, as one dataset that remembers each file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import importing, mapping
from core.dataset.examples import Draft
from core.dataset.readers import Format, Member, Reject, Row, packed, read, sniff, sniff_all
from core.errors import BadInput
from core.settings import Settings
from core.store import Store

TABLE = "question,answer\n你好,Hello\nb,c\n".encode()
LINES = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n' * 2
ROWS = [{"question": "你好", "answer": "Hello"}, {"question": "b", "answer": "c"}]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("pack", "name", "inside"),
    [
        (gzip.compress, "t.csv.gz", "t.csv"),
        (bz2.compress, "t.csv.bz2", "t.csv"),
        (lzma.compress, "t.csv.xz", "t.csv"),
        (lambda data: zipped({"t.csv": data}), "t.zip", "t.csv"),
        (lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]), "no ending", "no ending"),
        (lambda data: lzma.compress(data[:9]) + lzma.compress(data[9:]) + bytes(4), "t.csv.xz", "t.csv"),
        (lambda data: zipped({"__MACOSX/t.csv": b"x", ".DS_Store": b"x", "d/": b"", "t.csv": data}), "t.zip", "t.csv"),
    ],
)
def test_a_packed_file_is_read_as_the_file_inside(
    pack: Callable[[bytes], bytes], name: str, inside: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(TABLE))
    source = sniff(path)
    assert (source.name, source.format) == (inside, Format.CSV)
    assert [row.cells for row in read(source) if isinstance(row, Row)] == ROWS


def test_a_packed_workbook_is_no_archive_within_an_archive(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["question", "answer"], ["你好", "Hello"], ["b", "c"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    path = tmp_path / "t.xlsx.gz"
    path.write_bytes(gzip.compress((tmp_path / "t.xlsx").read_bytes()))
    # A workbook is a zip too, and not unpacked as one.
    assert [row.cells for row in read(sniff(path)) if isinstance(row, Row)] == ROWS


def test_the_files_of_a_zip_are_one_source_and_every_row_knows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(zipped({"a.csv": TABLE, "sub/b.csv": b"answer,question,topic\nc,d,e\nf\n"}))
    source = sniff(path)
    assert source.columns == ("question", "answer", "topic") and len(source.parts) == 2
    found = list(read(source))
    assert [(row.file, row.number) for row in found if isinstance(row, Row)] == [
        ("a.csv", 2), ("a.csv", 3), ("sub/b.csv", 2),
    ]  # fmt: skip
    assert [(row.file, row.row) for row in found if isinstance(row, Reject)] == [("sub/b.csv", 3)]
    assert found[2].cells == {"question": "d", "answer": "c", "topic": "e"}  # type: ignore[union-attr]


def test_several_files_become_one_dataset_whose_rows_and_rejects_name_their_file(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "a.csv").write_bytes(TABLE)
    (tmp_path / "b.tsv").write_bytes(b"question\tanswer\nx\ty\nz\t\n")
    files = [Member(tmp_path / name, name) for name in ("a.csv", "b.tsv")]
    source = sniff_all(files, "a.csv and 1 more", tmp_path / "a.csv")
    assert source.format is Format.SEVERAL
    store = Store.open(settings)
    dataset = importing.import_file(store, source)
    assert [(e.origin.file, e.origin.row) for e in store.examples(dataset.id)] == [
        ("a.csv", 2), ("a.csv", 3), ("b.tsv", 2),
    ]  # fmt: skip
    assert [(r.file, r.row) for r in store.rejects(dataset.id)] == [("b.tsv", 3)]


def test_columns_of_several_files_are_the_same_but_for_case_and_blanks(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(
        zipped({"a.csv": TABLE, "b.csv": b"Answer,QUESTION \nc,d\n", "c.csv": b"Question,question\ne,f\n"})
    )
    source = sniff(path)
    assert source.columns == ("question", "answer", "Question")
    rows = [row.cells for row in read(source) if isinstance(row, Row)]
    assert rows[2:] == [
        {"question": "d", "answer": "c", "Question": ""},
        {"question": "f", "answer": "", "Question": "e"},
    ]
    assert [row.cells["question"] for row in source.sample] == ["你好", "b", "d", "f"]


def test_files_without_rows_beside_tables_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    notes = {"README.md": b"# Read me\n\nThis is it\n", "logo.png": b"\x89PNG\r\n", "a.csv": TABLE, "empty.csv": b"x\n"}
    path.write_bytes(zipped(notes))
    source = sniff(path)
    assert (source.columns, [part.name for part in source.parts]) == (("question", "answer"), ["a.csv"])
    assert [name for name, _reason in source.others] == ["logo.png", "empty.csv", "README.md"]
    assert "logo.png is a PNG file." in [str(reason) for _name, reason in source.others]
    assert [row.cells for row in read(source) if isinstance(row, Row)] == ROWS


def test_files_none_of_which_holds_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(zipped({"logo.png": b"\x89PNG\r\n", "empty.csv": b"x\n"}))
    with pytest.raises(BadInput, match=r"logo\.png is a PNG file"):
        sniff(path)


EXPORT = {
    "user.json": b'{"id": "user-1", "email": "a@b.c", "chatgpt_plus_user": true, "phone_number": "1"}',
    "conversations.json": (
        b'[{"title": "t", "mapping": {"a": {"parent": null, "message": {"author": {"role": "user"}, "content":'
        b' {"parts": ["Hello"]}}}, "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "content":'
        b' {"parts": ["Hi"]}}}}, "current_node": "b"}]'
    ),
    "message_feedback.json": b'[{"id": "1", "rating": "thumbs_up", "content": "{}"}, {"id": "2", "rating": "x"}]',
    "shared_conversations.json": b"[]",
    "chat.html": b"<html><head><title>ChatGPT Data Export</title></head><script>var jsonData = [];</script>",
    "file-1.dat": b"\x00\x01\x02\x03" * 900,
}


def test_the_conversations_of_a_chat_services_export_are_found_among_its_other_files(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(zipped(EXPORT))
    source = sniff(path)
    assert [part.name for part in source.parts] == ["conversations.json"]
    assert {name for name, _reason in source.others} == EXPORT.keys() - {"conversations.json"}
    assert "user.json holds no examples, as conversations.json does." in [
        str(reason) for _name, reason in source.others
    ]
    (draft,) = mapping.apply(mapping.suggest(source), read(source), source=source)
    assert isinstance(draft, Draft) and [m["content"] for m in draft.body["messages"]] == ["Hello", "Hi"]


def test_files_that_hold_different_things_are_not_thrown_together(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(zipped({"a.csv": TABLE, "b.jsonl": LINES}))
    with pytest.raises(BadInput, match=r"a\.csv and b\.jsonl hold different things"):
        sniff(path)


def test_training_files_are_taken_as_they_are_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(zipped({"a.jsonl": LINES, "b.jsonl": LINES}))
    source = sniff(path)
    drafts = list(mapping.apply(mapping.suggest(source), read(source), source=source))
    assert [d.raw for d in drafts if not isinstance(d, Reject)] == [LINES.splitlines()[0].decode()] * 4


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (gzip.compress(TABLE, mtime=0)[:-9], "cannot be unpacked"),
        (b"\x1f\x8b\x08....", "cannot be unpacked"),
        (b"BZh9....", "cannot be unpacked"),
        (lzma.compress(TABLE)[:-20], "cannot be unpacked"),
        (gzip.compress(gzip.compress(TABLE, mtime=0), mtime=0), "holds another archive"),
        (zipped({"a.csv": gzip.compress(TABLE, mtime=0)}), "holds another archive, a.csv"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (zipped({"a.csv": b""}), "no file with rows"),
        (zipped({f"n{n}.csv": b"a,b" for n in range(201)}), "201 files, 200 at most"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",  # packed bytes hold the time of day
)
def test_what_cannot_be_unpacked_is_said(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=sentence):
        sniff(path)


def test_a_name_in_an_archive_is_never_a_path(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped({"../../evil.csv": TABLE, "/etc/evil.csv": TABLE, "C:\\evil.csv": TABLE}))
    members = packed.unpack(path, "x.zip", tmp_path / "in")
    assert [member.path.name for member in members] == ["0001", "0002"]
    assert all(member.path.parent == tmp_path / "in" for member in members)
    assert not (tmp_path.parent / "evil.csv").exists()


def test_a_file_without_a_name_in_an_archive_is_called_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    data = zipped({"a.csv": TABLE, "b.csv": TABLE})
    path.write_bytes(data.replace(b"a.csv", b"\0.csv"))  # a name ends at its first NUL
    assert [member.name for member in packed.unpack(path, "x.zip", tmp_path / "in")] == ["1", "b.csv"]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([gzip.compress, bz2.compress, lzma.compress, lambda d: zipped({"a.csv": d})]), st.data())
def test_a_damaged_archive_gives_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, pack: Callable[[bytes], bytes], data: st.DataObject
) -> None:
    whole = bytearray(pack(TABLE))
    place = data.draw(st.integers(0, len(whole)))
    damage = data.draw(st.binary(max_size=12))
    whole[place : place + len(damage)] = damage
    path = tmp_path_factory.mktemp("packed") / "x"
    path.write_bytes(whole)
    try:
        assert all(isinstance(row, Row | Reject) for row in read(sniff(path)))
    except BadInput as error:
        assert str(error)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5), st.sampled_from([gzip.compress, lzma.compress])
)
def test_packing_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], pack: Callable[[bytes], bytes]
) -> None:
    import csv

    out = io.StringIO()
    csv.writer(out).writerows([("question", "answer"), *pairs])
    content = out.getvalue().encode("utf-8", "replace")
    folder = tmp_path_factory.mktemp("packed")
    (folder / "t.csv").write_bytes(content)
    (folder / "t.csv.x").write_bytes(pack(content))

    def outcome(path: Path) -> object:
        try:
            return list(read(sniff(path, "t.csv")))
        except BadInput as error:
            return str(error)

    assert outcome(folder / "t.csv.x") == outcome(folder / "t.csv")
