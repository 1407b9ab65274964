"""The command line as a whole: whatever is typed, a sentence and an exit code come back, never a traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.commands import jobs as jobs_command
from core.jobs import JobDraft, LaunchState, launch_file
from core.provider import Connection
from core.provider.status import Status
from core.settings import Settings
from core.store import Store

Said = pytest.CaptureFixture[str]
NOBODY = "http://127.0.0.1:9/v1"  # nothing listens there


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUOPAN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LUOPAN_DATABASE_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    line = '{"messages":[{"role":"user","content":"q%d"},{"role":"assistant","content":"a"}]}\n'
    path.write_text("".join(line % i for i in range(12)))
    return path


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = Store.open(Settings.from_env())
    yield opened
    opened.close()


def typed(*arguments: object) -> int:
    """The exit code of a command."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:  # of the argument parser
        return int(end.code or 0)


def test_a_folder_that_cannot_be_used_is_named(rows: Path, tmp_path: Path, capsys: Said) -> None:
    for command in (
        ("prepare", rows, "--out", rows),
        ("serve", "--port", 0, "--data", rows),
        ("evaluate", rows, "--model", "m", "--out", tmp_path / "none" / "x.csv"),
    ):
        assert typed(*command) == 2
        said = capsys.readouterr()
        assert said.out == "" and str(tmp_path) in said.err and len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--port", "70000"), "at most 65535"),
        (("serve", "--port", "-1"), "at least 0"),
        (("check", "x.jsonl", "--limit", "many"), "“many” is no whole number"),
        (("check", "x.jsonl", "--limit", "0"), "at least 1"),
        (("jobs", "create", "x.jsonl", "--model", "m", "--epochs", "few"), "no whole number"),
        (("jobs", "create", "x.jsonl", "--model", "m", "--learning-rate-multiplier", "nan"), "above 0"),
        (("jobs", "create", "x.jsonl", "--model", "m", "--seed", "-3"), "at least 0"),
        (("evaluate", "x.jsonl", "--model", "m", "--limit", "-1"), "at least 1"),
        (("evaluate", "x.jsonl", "--model", "m", "--parallel", "0"), "at least 1"),
        (("evaluate", "x.jsonl", "--model", "m", "--max-tokens", "0"), "at least 1"),
    ],
)
def test_a_number_that_cannot_be_is_told_in_words(arguments: tuple[str, ...], words: str, capsys: Said) -> None:
    assert typed(*arguments) == 2
    said = capsys.readouterr().err
    assert words in said and "_" not in said.splitlines()[-1].replace("max_", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--base-url", "foo"), "“foo” is no address"),
        (("--base-url", NOBODY, "--api-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY holds no key"),
        (("--api-key-env", "NO_SUCH_KEY"), "goes with --base-url"),
        (("--connection", "nowhere"), "There is no connection nowhere"),
    ],
)
@pytest.mark.parametrize("verb", [("evaluate",), ("jobs", "create")], ids=["evaluate", "jobs create"])
def test_a_place_that_cannot_be_asked_is_told_before_the_first_question(
    verb: tuple[str, ...], options: tuple[str, ...], words: str, rows: Path, capsys: Said
) -> None:
    code = typed(*verb, rows, "--model", "m", *options)
    said = capsys.readouterr()
    assert words in said.out + said.err and "in a row" not in said.err
    assert code == (1 if "holds no key" in words and verb != ("evaluate",) else 2)


def test_few_rows_are_enough_to_judge_by_but_not_to_train_with(rows: Path, tmp_path: Path, capsys: Said) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(rows.read_text().splitlines(keepends=True)[:3]))
    create = ("jobs", "create", "--model", "m", "--connection", "nowhere")
    assert typed(*create, rows, "--validation", few) == 2
    assert "There is no connection" in capsys.readouterr().err  # the files were fine
    assert typed(*create, few) == 2
    assert "There are 3 rows in it; 10 are needed" in capsys.readouterr().err
    (tmp_path / "none.jsonl").write_text("")
    assert typed(*create, rows, "--validation", tmp_path / "none.jsonl") == 2
    assert "There are 0 rows in it; 1 is needed" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["text,label\nhello,a\n", '{"sentence": "x", "label": 1}\n' * 12])
def test_a_table_leads_to_prepare(content: str, tmp_path: Path, capsys: Said) -> None:
    table = tmp_path / "table.csv"
    table.write_text(content)
    assert typed("check", table) == 1
    assert f"python -m core prepare {table}" in capsys.readouterr().out
    assert typed("jobs", "create", table, "--model", "m") == 2
    said = capsys.readouterr().err
    assert (
        said == f"table.csv is no training file.\nIf it is a table, turn it into one: python -m core prepare {table}\n"
    )


@pytest.mark.data
def test_the_published_figures_come_from_the_command_line_alone(shared_data: Any, tmp_path: Path, capsys: Said) -> None:
    """Prepare with a recipe, then check: the figures beside the data."""
    names = [
        "科技",
        "金融",
        "娱乐",
        "世界",
        "汽车",
        "运动",
        "文化",
        "军事",
        "旅游",
        "游戏",
        "教育",
        "农业",
        "房产",
        "社会",
    ]
    keys = "tech finance entertainment world car sports culture military travel game edu agriculture house story"
    recipe = {
        "luopan-recipe": 1,
        "roles": {"sentence": "user", "label_desc": "label", "label": "ignore", "keywords": "ignore"},
        "templates": {
            "user": f"对给定文本进行分类，类别包括：{'、'.join(names)}。\n\n给定文本：\n{{sentence}}\n类别：\n"
        },
        "label_names": {f"news_{key}": name for key, name in zip(keys.split(), names, strict=True)},
        "dropped": ["news_stock"],
        "sample": {"mode": "last", "n": 100},
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe), encoding="utf-8")
    assert typed("prepare", shared_data("tnews.json"), "--recipe", tmp_path / "r.json", "--out", tmp_path) == 0
    capsys.readouterr()
    assert (
        typed("check", tmp_path / "tnews_prepared.jsonl", "--encoding", "cl100k_base", "--limit", "4096", "--json") == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert (said["examples"], said["missing_system"], said["over_limit"], said["errors"]) == (100, 100, 0, 0)
    assert (said["billable_tokens"], said["epochs"], said["charged_tokens"]) == (11_990, 3, 35_970)
    tokens = [said["tokens"][name] for name in ("total", "min", "max", "mean", "median", "p10", "p90")]
    assert tokens == pytest.approx([11_990, 101, 146, 119.9, 120.0, 107.0, 132.1])
    answers = [said["assistant_tokens"][name] for name in ("min", "max", "mean", "median")]
    assert answers == pytest.approx([2, 5, 3.04, 3.0])


def test_a_job_that_could_not_be_sent_says_how_to_try_again(
    rows: Path, store: Store, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["core.jobs.launch"], "CONNECT_AGAIN", (0.0,))
    assert typed("jobs", "create", rows, "--model", "m", "--base-url", NOBODY) == 1
    (job,) = store.jobs.list()
    said = capsys.readouterr().out
    assert "cannot be reached" in said and f"python -m core jobs retry {job.id}" in said
    assert typed("jobs", "retry", job.id, "--json") == 1
    assert json.loads(capsys.readouterr().out)["state"] == "intent"


def test_a_job_that_is_over_is_taken_off_the_list_and_put_back(
    rows: Path, store: Store, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = launch_file(store, Settings.from_env(), JobDraft("local", None, "m", name="Mine"), rows)
    assert typed("jobs", "remove", job.id) == 2
    assert "not over yet" in capsys.readouterr().err
    store.jobs.move(job.id, [LaunchState.INTENT], LaunchState.WITHDRAWN)
    assert typed("jobs", "remove", job.id) == 0
    assert f"Nothing is deleted. Put it back: python -m core jobs restore {job.id}" in capsys.readouterr().out
    assert typed("jobs", "list") == 0 and "python -m core jobs list --all" in capsys.readouterr().out
    assert typed("jobs", "list", "--all") == 0 and "Withdrawn  ·  off the list" in capsys.readouterr().out
    assert typed("jobs", "restore", job.id) == 0 and "off the list" not in capsys.readouterr().out
    assert typed("jobs", "list", "--json") == 0
    assert [one["removed"] for one in json.loads(capsys.readouterr().out)["jobs"]] == [False]


def test_following_says_when_the_provider_does_not_answer(
    rows: Path, store: Store, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.jobs.save_connection(Connection("down", "Down", NOBODY))
    job = launch_file(store, Settings.from_env(), JobDraft("down", None, "m"), rows)
    store.jobs.move(job.id, [LaunchState.INTENT], LaunchState.LAUNCHED, remote_id="ftjob-1")
    store.jobs.update(job.id, status=Status.RUNNING)
    looks: list[Any] = []

    def wait(_seconds: float) -> None:
        looks.append(_seconds)
        if len(looks) == 3:
            store.jobs.update(job.id, collected=True)

    monkeypatch.setattr(jobs_command.time, "sleep", wait)
    assert typed("jobs", "follow", job.id) == 1
    said = capsys.readouterr()
    assert said.out.startswith("Training") and said.err.count("127.0.0.1:9 cannot be reached") == 1


def test_a_model_that_is_not_there_is_not_said_to_be_deleted(
    store: Store, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.delete_model", lambda *_arguments: False)
    assert typed("models", "delete", "ft:typo", "--yes") == 1
    assert "There is no model ft:typo" in capsys.readouterr().out
    assert typed("models", "delete", "ft:typo", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"id": "ft:typo", "deleted": False}


@pytest.mark.parametrize(
    "command",
    ["prepare", "check", "serve", "jobs", "models", "evaluate", "worker", *(f"jobs {v}" for v in (
        "create", "list", "show", "follow", "cancel", "remove", "restore", "retry", "events", "checkpoints", "results"
    )), "models list", "models delete"],
)  # fmt: skip
def test_every_command_explains_itself(command: str, capsys: Said) -> None:
    assert typed(*command.split(), "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m core") and "\n\n" in said.split("options:")[0].strip()
