"""A dataset whose own tokenizer is gone: nothing that a person writes is lost, and no number is made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_samples import change, draft, make

from core.dataset.edits import Added, Edits
from core.errors import NotFound
from core.store import Store
from core.store.tally import differences
from core.tokens import counter
from core.tokens.folders import install, remove
from tests.tinytokenizer import model_folder


def test_rows_are_saved_when_the_tokenizer_of_their_dataset_is_gone_and_counted_when_another_is_chosen(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUOPAN_HOME", str(tmp_path / "own"))
    dataset = make(store, [draft(f"q{n}", f"long answer {n}") for n in range(3)])
    name = install(model_folder(tmp_path / "Tiny"))
    store.set_encoding(dataset.id, name)
    first, second, third = store.examples(dataset.id)
    remove(name)
    counter.cache_clear()  # as in a process that begins now
    applied = change(store, first.id, user="changed")
    assert (applied.saved, applied.problems) == (1, ())
    added = Edits(added=[Added(first.id, draft("new", "long answer"))])
    (made,) = store.apply(dataset.id, added, "ann").added_ids
    assert change(store, second.id, split="train").saved == 1
    counts = [row.tokens for row in store.examples(dataset.id)]
    assert counts[:2] == [-1, -1] and counts[2:] == [second.tokens, third.tokens]
    assert store.token_counts(dataset.id)[-1] == 2 and store.example(made).issues == first.issues
    with store.database.read() as connection:
        assert differences(connection, dataset.id) == set()
    store.undo(dataset.id, "ann")
    with pytest.raises(NotFound, match="not here any more"):
        store.set_encoding(dataset.id, name)
    store.set_encoding(dataset.id, "o200k_base")
    assert all(row.tokens > 0 for row in store.examples(dataset.id))
