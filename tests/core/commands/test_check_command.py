"""`python -m core check`, as a script and as a person call it."""

import argparse
import json
from pathlib import Path

import pytest

from core.commands import check
from core.errors import BadInput, NotFound
from core.settings import Settings
from core.store import Store
from tests.tinytokenizer import model_folder


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    options = parser.parse_args(["check", *map(str, arguments)])
    return int(options.run(options))


def chat(number: int) -> str:
    said = [{"role": "user", "content": f"What is {number}?"}, {"role": "assistant", "content": "A number."}]
    return json.dumps({"messages": said})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jsonl"
    path.write_text("\n".join(map(chat, range(60))))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([*map(chat, range(20)), *["{\x1b[31m"] * 25]))
    return path


def test_json_is_one_object_of_the_promised_keys(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(good, "--json", "--encoding", "cl100k_base", "--limit", "12") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert err == "" and out.count("\n") == 1
    assert " ".join(report) == (
        "format encoding limit examples errors warnings issues missing_system missing_user over_limit epochs "
        "billable_tokens charged_tokens tokens assistant_tokens"
    )
    assert (report["encoding"], report["limit"], report["examples"], report["epochs"]) == ("cl100k_base", 12, 60, 3)
    assert report["billable_tokens"] == 60 * 12 and report["charged_tokens"] == 3 * 60 * 12
    assert report["issues"] == {"missing_system": 60, "over_limit": 60}
    assert " ".join(report["tokens"]) == " ".join(report["assistant_tokens"]) == "total min max mean median p10 p90"


def test_errors_end_with_one_and_are_written_out_where_they_are(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(bad) == 1
    out = capsys.readouterr().out
    assert "not_json (25)" in out
    assert f"check {bad} --repair {bad.with_name(bad.stem + '_repaired.jsonl')}" in out
    assert "line 21: The line is not valid JSON at character 2" in out
    assert "line 40: " in out and "line 41: " not in out
    assert "… and 5 more" in out
    assert "\x1b" not in out
    assert "few_examples" in out


def test_a_good_file_is_said_to_be_good_with_its_figures_and_its_price(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(good, "--model", "gpt-4o-mini") == 0
    out = capsys.readouterr().out
    assert "60 examples, format: chat" in out
    assert "Nothing stands in the way of training." in out
    assert "o200k_base, 65,536 tokens" in out
    assert "without a system message: 60" in out
    assert "training gpt-4o-mini-2024-07-18 at openai, prices of 2026-11-20: $0.0" in out


@pytest.mark.parametrize(
    ("arguments", "encoding", "limit"),
    [
        ((), "o200k_base", 65_536),
        (("--model", "gpt-3.5-turbo"), "cl100k_base", 16_385),
        (("--model", "gpt-3.5-turbo-0613"), "cl100k_base", 4_096),
        (("--model", "ft:gpt-4.1-mini-2025-04-14:acme::x"), "o200k_base", 65_536),
        (("--model", "gpt-4-0613"), "cl100k_base", 65_536),
        (("--model", "local-classic-1"), "o200k_base", 65_536),
        (("--model", "gpt-3.5-turbo", "--limit", "1,000"), "cl100k_base", 1_000),
        (("--encoding", "cl100k_base"), "cl100k_base", 65_536),
    ],
)
def test_the_model_brings_its_encoding_and_its_limit(
    good: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], encoding: str, limit: int
) -> None:
    gone = "gpt-3.5" in " ".join(arguments)  # nobody can train it any more, which is an error
    assert call(good, "--json", *arguments) == int(gone)
    report = json.loads(capsys.readouterr().out)
    assert (report["encoding"], report["limit"]) == (encoding, limit)


def test_a_price_that_is_not_known_is_said(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(good, "--model", "babbage-002") == 1
    assert "the price of training babbage-002 at openai is not known" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--limit", "x"), ("--model", "a", "--encoding", "b")])
def test_wrong_options_are_refused(good: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        call(good, *arguments)
    assert refused.value.code == 2


def test_what_cannot_be_read_is_an_error_of_the_app(tmp_path: Path, good: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        call(tmp_path / "none.jsonl", "--json")
    with pytest.raises(BadInput, match="encoding"):
        call(good, "--encoding", "latin-1")


@pytest.mark.parametrize(
    ("arguments", "code", "ends"),
    [
        (("--model", "gpt-4o-mini-2024-07-18", "--provider", "azure", "--suffix", "x" * 19), "target_suffix", 1),
        (("--model", "gpt-3.5-turbo"), "target_closed", 1),
        (("--model", "openai.gpt-oss-20b", "--provider", "bedrock"), "target_format", 1),
        (("--model", "local-classic-1", "--suffix", "tone"), "missing_system", 0),
    ],
)
def test_what_the_target_does_not_take_is_said(
    good: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: str, ends: int
) -> None:
    assert call(good, *arguments) == ends
    assert code in capsys.readouterr().out


def test_a_provider_that_nobody_described_is_refused_with_the_names_that_are_known(good: Path) -> None:
    with pytest.raises(NotFound, match=r"“mars”.*openai, azure"):
        call(good, "--model", "m", "--provider", "mars")


def test_what_a_grader_reads_must_stand_in_every_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, grader = tmp_path / "rows.jsonl", tmp_path / "grader.json"
    said = {"messages": [{"role": "user", "content": "7 + 1?"}]}
    rows.write_text("\n".join(json.dumps({**said, "answer" if n else "other": str(n)}) for n in range(12)))
    grader.write_text(json.dumps({"type": "string_check", "operation": "eq", "reference": "{{item.answer}}"}))
    assert call(rows, "--grader", grader) == 1
    out = capsys.readouterr().out
    assert "grader_field (1)" in out and "line 1, answer: The grader reads “answer”" in out
    grader.write_text("{")
    with pytest.raises(BadInput, match=r"grader.json is no JSON"):
        call(rows, "--grader", grader)


def test_a_file_is_counted_as_an_open_model_reads_it(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model_folder(tmp_path / "tiny")
    assert call(good, "--tokenizer", folder, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["encoding"] == f"folder:{folder}" and report["tokens"]["min"] > 12
    with pytest.raises(BadInput, match="There is no folder"):
        call(good, "--tokenizer", tmp_path / "nowhere")
    with pytest.raises(BadInput, match="not both"):
        call(good, "--tokenizer", folder, "--encoding", "cl100k_base")


def test_prices_of_all_models_are_compared(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(good, "--prices", "--per-day", "1,000") == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(at for at, line in enumerate(lines) if "Prices in US dollars" in line)
    assert "3 epochs, 1,000 answers a day" in lines[begin] and "local: local-classic-1" in lines[begin + 1]
    assert any("gpt-4o-mini" in line and "use $" in line and "2027-01-06" in line for line in lines[begin:])
    assert any("azure: gpt-4o" in line and "not known" in line and "hosting $1,224.00" in line for line in lines)
    assert call(good, "--prices", "--json") == 0
    found = json.loads(capsys.readouterr().out)["prices"]
    assert found[0]["total"] == [0.0, 0.0] and found[-1]["total"] is None and "training" in found[-1]["unknown"]


def test_the_prices_are_those_that_were_edited_in_the_app(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUOPAN_HOME", str(tmp_path / "home"))
    store = Store.open(Settings.from_env())
    store.preferences.set("prices", [{"provider": "acme", "model": "tiny", "training": 1000, "context": 7}])
    store.close()
    assert call(good, "--model", "tiny", "--provider", "acme", "--prices") == 0
    out = capsys.readouterr().out
    assert "7 tokens read of an example" in out and "acme: tiny" in out


def test_a_repaired_copy_is_written_and_every_repair_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "bad.jsonl", tmp_path / "mended.jsonl"
    lines = [chat(1), chat(2)[:-2], chat(3) + " // note", chat(4).replace('"', "'"), "???"]
    path.write_text("\n".join(lines))
    call(path, "--repair", target, "--json")
    assert target.read_text().splitlines() == [chat(1), chat(2), chat(4)]
    out, err = capsys.readouterr()
    assert json.loads(out)["examples"] == 3
    assert (
        "Row 2" in err
        and "would drop “note”" in err
        and "nobody can say" in err
        and "2 lines repaired, 2 left out" in err
    )
    with pytest.raises(BadInput, match="another one"):
        call(path, "--repair", path)


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(BadInput, match="is no file"):
            call(path)


def test_what_a_model_does_not_take_is_told_before_anything_stands_in_no_way(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(good, "--model", "gpt-4.1-nano-2025-04-14") == 1
    out = capsys.readouterr().out
    assert "Errors: 1." in out and "Nothing stands in the way" not in out
    assert out.index("target_closed (1)") < out.index("Figures")
    assert out.count("target_closed") == 1


def test_a_warning_that_does_not_hold_for_the_model_is_not_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rft.jsonl"
    asked = [{"role": "system", "content": "An integer."}, {"role": "user", "content": "2 + 2?"}]
    path.write_text("\n".join(json.dumps({"messages": asked, "answer": f"{n}"}) for n in range(60)))
    assert call(path) == 0
    out = capsys.readouterr().out
    assert "Warnings: 60." in out and "reinforcement_system (60)" in out
    assert "tokens in an example" in out and "tokens in its answers" not in out
    assert call(path, "--model", "local-classic-1", "--provider", "local") == 0
    out = capsys.readouterr().out
    assert "Warnings: 0." in out and "reinforcement_system" not in out
    assert call(path, "--model", "local-classic-1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == 0
    assert call(path, "--model", "o4-mini-2025-04-16", "--provider", "azure", "--json") == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == 60


def test_a_file_may_be_as_large_as_its_target_takes(
    good: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.checks import files

    monkeypatch.setitem(files.check_file.__kwdefaults__ or {}, "largest", 1000)  # bytes, instead of 512 MB
    assert call(good, "--json") == 1
    assert json.loads(capsys.readouterr().out)["issues"]["file_too_large"] == 1
    assert call(good, "--model", "local-classic-1", "--json") == 0
    assert "file_too_large" not in json.loads(capsys.readouterr().out)["issues"]


def test_rows_for_a_grader_need_no_fields_beside_their_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, grader = tmp_path / "rft.jsonl", tmp_path / "grader.json"
    asked = [[{"role": "user", "content": f"{n} + 2?"}] for n in range(60)]
    path.write_text("\n".join(json.dumps({"messages": messages}) for messages in asked))
    grader.write_text(json.dumps({"type": "python", "source": "def grade(sample, item):\n    return 1.0"}))
    assert call(path) == 1
    assert call(path, "--grader", grader) == 0
    assert "format: reinforcement" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("--model", "gpt4o-mini-2024-07-18"), "Did you mean gpt-4o-mini-2024-07-18?"),
        (("--model", "my/own-model"), "“my/own-model” is not in the table of models: only the format is checked"),
        (("--provider", "azure"), "Which model of azure is meant is not said"),
    ],
)
def test_a_model_that_nobody_has_described_is_said_to_be_one(
    how: tuple[str, ...], said: str, good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(good, *how) == 0
    assert said in capsys.readouterr().out
    assert call(good, "--model", "gpt-4o-mini") == 0
    assert "is not in the table" not in capsys.readouterr().out


def test_models_that_do_not_take_the_file_come_last_and_are_said_so(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(good, "--prices") == 0
    lines = capsys.readouterr().out.splitlines()
    taken = ["does not take this file" not in line for line in lines if ": " in line and line.startswith("  ")]
    (bedrock,) = [line for line in lines if "bedrock: qwen.qwen3-32b" in line]
    assert "does not take this file" in bedrock and taken[-1] is False
    assert call(good, "--prices", "--json") == 0
    takes = [model["takes"] for model in json.loads(capsys.readouterr().out)["prices"]]
    assert takes == sorted(takes, reverse=True) and True in takes and False in takes


def test_the_price_of_one_model_is_told_in_its_own_way(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = {
        ("local-classic-1", "local"): "training local-classic-1 at local, prices of 2026-11-20: free",
        ("gpt-4o-2024-08-06", "azure"): "keeping it ready: $1,224.00 a month",
        ("o4-mini-2025-04-16", "openai"): "at openai, prices of 2026-11-20: $100.00 an hour",
    }
    for (model, provider), told in prices.items():
        call(good, "--model", model, "--provider", provider)
        assert told in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--repair", "--mask", "--tidy"])
def test_a_copy_that_cannot_be_written_is_told_in_a_sentence_and_leaves_nothing(
    good: Path, tmp_path: Path, option: str
) -> None:
    for target, told in ((tmp_path / "nowhere" / "x.jsonl", "x.jsonl cannot be written"), (good, "another one than")):
        before = sorted(tmp_path.iterdir())
        more = ["--relations"] if option == "--tidy" else []
        with pytest.raises(BadInput, match=told):
            call(good, option, target, *more)
        assert sorted(tmp_path.iterdir()) == before
