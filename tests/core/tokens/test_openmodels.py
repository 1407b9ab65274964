"""The open-weight models that are trained here are planned for as any other: own tokenizer, own limit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.__main__ import main
from core.tokens import Catalogue, count_body
from core.tokens.folders import at_hand, installed, own_name, remove
from tests.tinytokenizer import model_folder

BODY = {"messages": [{"role": "user", "content": "where is my parcel"}, {"role": "assistant", "content": "on its way"}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = model_folder(tmp_path / "Tiny 1B")
    (made / "config.json").write_text(json.dumps({"max_position_embeddings": 4_096}))
    monkeypatch.setenv("LUOPAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LUOPAN_LORA_MODELS", f"tiny={made}, far/away, gone={tmp_path / 'nowhere'}")
    return made


def test_each_has_a_row_with_what_its_folder_tells(folder: Path) -> None:
    tiny, far, gone = (Catalogue.load().price(name, "local") for name in ("tiny", "far/away", "gone"))
    assert tiny is not None and (tiny.context, tiny.training, tiny.encoding) == (4_096, 0, own_name(folder))
    assert {"chat", "preference", "reinforcement"} < set(tiny.formats) and tiny.trainable(datetime.now(UTC).date())
    for other in (far, gone):
        assert other is not None and (other.context, other.encoding) == (None, "o200k_base"), "nobody knows better"
    assert Catalogue.load().edited() == [], "they came by themselves: nothing of them is to be kept"


def test_rows_are_counted_from_the_model_s_own_folder_without_a_copy(folder: Path) -> None:
    name = own_name(folder)
    assert list(at_hand()) == [name] and installed() == [] and len(name) <= 40
    assert count_body(BODY, name).tokens != count_body(BODY, "o200k_base").tokens
    remove(name)
    assert folder.is_dir() and list(at_hand()) == [name]


def test_a_tokenizer_that_became_another_has_another_name(folder: Path) -> None:
    before = own_name(folder)
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert own_name(folder) != before
    (folder / "tokenizer.json").unlink()
    price = Catalogue.load().price("tiny", "local")
    assert price is not None and price.encoding == "o200k_base"


def test_a_model_of_the_hub_s_own_store_has_its_published_name(tmp_path: Path) -> None:
    made = model_folder(tmp_path / "blobs")
    kept = tmp_path / "models--maker--Tiny-1B" / "snapshots" / "abc123"
    kept.mkdir(parents=True)
    for file in made.iterdir():
        (kept / file.name).symlink_to(file)
    assert own_name(kept).startswith("own:Tiny-1B-")


def test_the_command_line_checks_for_such_a_model(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(BODY)}\n" * 10)
    main(["check", str(file), "--model", "tiny", "--provider", "local", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["encoding"], found["limit"]) == (own_name(folder), 4_096)
