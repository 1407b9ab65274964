"""A page reads one page: filtered, searched, sorted and counted by the database."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sqlalchemy import event
from store_samples import change, draft, make

from core.dataset.examples import Draft, Kind, Split, Status
from core.errors import BadInput, NotFound
from core.settings import Settings
from core.store import Dataset, Filter, Store

ROWS = [
    draft("在桌面新建文件夹", "文化", label="文化", split=Split.TRAIN),
    draft("Where is the Folder?", "tech", label="tech", split=Split.TRAIN),
    draft("100% sure_thing", "tech", label="tech", split=Split.TEST),
    draft("1000 sureXthing \\ back", "体育", label="体育"),
    draft("", "tech", label=""),
]


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return make(store, ROWS)


def found(store: Store, dataset: Dataset, filter: Filter) -> list[int]:
    """Which of ROWS a filter finds: by page, by count and by the iterator alike."""
    ids = [row.id for row in store.examples(dataset.id)]
    page = store.page(dataset.id, filter)
    assert page.total == len(page.examples) and [r.id for r in store.examples(dataset.id, filter)] == [
        r.id for r in page.examples
    ]
    return [ids.index(row.id) for row in page.examples]


def test_filters_find_their_rows(store: Store, dataset: Dataset) -> None:
    table: list[tuple[Filter, list[int]]] = [
        (Filter(), [0, 1, 2, 3, 4]),
        (Filter(text="文件"), [0]),
        (Filter(text="建文件夹"), [0]),
        (Filter(text="folder"), [1]),
        (Filter(text="100%"), [2]),
        (Filter(text="sure_"), [2]),
        (Filter(text="\\"), [3]),
        (Filter(text="体育"), [3]),
        (Filter(text="nowhere"), []),
        (Filter(text="文" * 20_000), []),
        (Filter(label="tech"), [1, 2]),
        (Filter(label=""), [4]),
        (Filter(label="tech", split=Split.TEST), [2]),
        (Filter(split=""), [3, 4]),
        (Filter(label="tech", text="FOLDER", split="train"), [1]),
        (Filter(over_tokens=100), []),
        (Filter(over_tokens=0), [0, 1, 2, 3, 4]),
    ]
    for filter, expected in table:
        assert found(store, dataset, filter) == expected, filter


def test_every_text_of_a_conversation_is_searched(store: Store) -> None:
    raw = (
        '{"messages":[{"role":"system","content":"你是助手"},{"role":"user","content":"early"},'
        '{"role":"assistant","content":"middle"},{"role":"user","content":"late"},'
        '{"role":"assistant","content":[{"type":"text","text":"last"}]}]}'
    )
    pair = (
        '{"input":{"messages":[{"role":"user","content":"asked"}]},'
        '"preferred_output":[{"role":"assistant","content":"good"}],'
        '"non_preferred_output":[{"role":"assistant","content":"bad"}]}'
    )
    dataset = make(store, [Draft(raw, Kind.CHAT), Draft(pair, Kind.PREFERENCE)])
    for word in ("助手", "early", "middle", "late", "last"):
        assert found(store, dataset, Filter(text=word)) == [0]
    for word in ("asked", "good", "bad"):
        assert found(store, dataset, Filter(text=word)) == [1]


def test_rows_are_found_by_issue_and_severity(store: Store, dataset: Dataset) -> None:
    counts = store.issue_counts(dataset.id)
    for code, number in counts.items():
        assert store.page(dataset.id, Filter(issue=code)).total == number
    empty = store.page(dataset.id).examples[4]
    assert empty.issues and 4 in found(store, dataset, Filter(issue=empty.issues[0]))
    severities = {severity: set(found(store, dataset, Filter(severity=severity))) for severity in ("error", "warning")}
    assert 4 in severities["error"] | severities["warning"]


def test_rows_are_found_by_status_as_soon_as_it_is_set(store: Store, dataset: Dataset) -> None:
    row = store.page(dataset.id).examples[2]
    assert found(store, dataset, Filter(status=Status.APPROVED)) == []
    change(store, row.id, status="approved")
    assert found(store, dataset, Filter(status=Status.APPROVED)) == [2]
    assert found(store, dataset, Filter(status="")) == [0, 1, 3, 4]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["position", "label", "split", "tokens"])
def test_pages_put_together_are_the_sorted_whole(settings: Settings, sort: str, descending: bool) -> None:
    store = Store.open(settings)
    dataset = make(store, [draft(f"q{i % 5}" * (i % 3 + 1), f"a{i % 4}", label=f"l{i % 3}") for i in range(23)])
    key = {
        **{"position": lambda r: r.position, "label": lambda r: r.label, "split": lambda r: r.split},
        "tokens": lambda r: r.tokens,
    }[sort]
    pages = [store.page(dataset.id, sort=sort, descending=descending, page=n, size=5) for n in range(1, 6)]
    rows = [row for page in pages for row in page.examples]
    assert rows == sorted(store.examples(dataset.id), key=lambda r: (key(r), r.position), reverse=descending)
    assert {(page.total, page.pages) for page in pages} == {(23, 5)}


def test_a_page_out_of_reach_is_the_nearest_one(store: Store, dataset: Dataset) -> None:
    assert store.page(dataset.id, page=99, size=2).page == 3
    assert store.page(dataset.id, page=-1, size=2).page == 1
    assert store.page(dataset.id, Filter(text="nowhere"), page=4) == store.page(dataset.id, Filter(text="nowhere"))
    last = store.page(dataset.id, page=3, size=2).examples[-1]
    assert store.position_page(dataset.id, last.id, 2) == 3 and store.position_page(dataset.id, 10**9, 2) == 1


def test_an_unknown_sort_and_a_missing_row_are_told(store: Store, dataset: Dataset) -> None:
    with pytest.raises(BadInput, match="nonsense"):
        store.page(dataset.id, sort="nonsense")
    with pytest.raises(NotFound):
        store.example(10**9)
    with pytest.raises(NotFound):
        store.page(10**6)


def test_counts_follow_splits(store: Store, dataset: Dataset) -> None:
    assert store.split_counts(dataset.id) == {"": 2, "train": 2, "test": 1}
    assert store.label_counts(dataset.id, Split.TRAIN) == {"tech": 1, "文化": 1}
    assert [label for _, label in sorted(store.row_labels(dataset.id))] == [row.label for row in ROWS]
    tokens, answers = store.token_values(dataset.id, "train")
    assert len(tokens) == len(answers) == 2 and all(a < t for a, t in zip(answers, tokens, strict=True))


class Unjudged:
    """What is known of a row when nothing was counted."""

    tokens, answer_tokens, details = -1, -1, ()


@pytest.mark.slow
def test_a_page_of_100_000_rows_reads_as_little_as_a_page_of_1_000(tmp_path: Path) -> None:
    home = Settings.from_env({"LUOPAN_HOME": str(tmp_path)})
    store = Store.open(home, judge=lambda raws, encoding, kind: [Unjudged()] * len(raws))
    small, large = (_big(store, size) for size in (1_000, 100_000))
    for filter in (Filter(), Filter(label="l3")):
        for sort in ("position", "label", "tokens"):
            for place in (0.0, 0.5, 1.0):
                costs = [_cost(store, d, filter, sort, place) for d in (small, large)]
                assert costs[1] < costs[0] + 0.1, (filter, sort, place, costs)
    assert _statements(store, large) <= 4


def _big(store: Store, size: int) -> Dataset:
    dataset = store.create_dataset("big", Kind.CHAT)
    for start in range(0, size, 10_000):
        many = range(start, min(size, start + 10_000))
        store.add_drafts(dataset.id, [draft(f"question {i} 文件夹", "answer", label=f"l{i % 7}") for i in many])
    return store.finish_import(dataset.id)


def _cost(store: Store, dataset: Dataset, filter: Filter, sort: str, place: float) -> float:
    """The seconds of the quickest of five readings: what else the machine does is left out."""
    wanted = max(1, int(store.page(dataset.id, filter).pages * place))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert len(store.page(dataset.id, filter, sort=sort, page=wanted).examples) > 0
        times.append(time.perf_counter() - began)
    return min(times)


def _statements(store: Store, dataset: Dataset) -> int:
    seen: list[str] = []
    engine = store.database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    store.page(dataset.id, page=500)
    return len(seen)
