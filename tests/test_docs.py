"""What README, changelog and requirements promise is what is there."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from core.__main__ import COMMANDS, INTRODUCTION, main
from core.settings import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
SOURCES = [ROOT / "app.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
# Words that only the machine knows on which something was written or built; put together here, so as not to be found.
PLACES = ["/wor" + "k/", "/ro" + "ot/", "/home" + "/runner", "/ven" + "v/bin/python"]
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "proxy.gol" + "ang.org"]
HOSTS += ["crat" + "es.io", "hugging" + "face.co", "arti" + "factory"]


def block(marker: str) -> str:
    """The shell command behind a marker of the README."""
    found = re.search(rf"<!-- {marker} -->\n```sh\n(.+?)\n```", README, re.DOTALL)
    assert found, f"the README holds no {marker}"
    return found[1]


@cache
def tracked() -> list[Path]:
    """The text files of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy is no git repository")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def commands(text: str) -> list[list[str]]:
    """The `python -m core …` lines and phrases of a text, as words."""
    return [
        shlex.split(re.split(r"\s{2,}|\s#", phrase)[0].replace("'", ""))
        for phrase in re.findall(r"python -m core ((?:[a-z]\w*|--?\w[\w-]*)(?: [^`\n\"]*)?)", text)
    ]


@cache
def help_of(*words: str) -> str:
    """What `python -m core WORDS --help` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "core", *words, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"python -m core {' '.join(words)}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("marker", ["start command", "test command"])
def test_the_two_commands_are_one_line_each_and_name_what_is_there(marker: str) -> None:
    command = block(marker)
    assert "\n" not in command and command.count("&&") == 2
    for name in re.findall(r"[\w.-]+\.(?:txt|py)\b", command):
        assert (ROOT / name).is_file(), name
    for module in re.findall(r"-m ([\w.]+)", command):
        assert module == "venv" or (ROOT / (module.replace(".", "/") + ".py")).is_file(), module


def test_the_continuous_integration_runs_the_readmes_own_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- test command -->" in script and "README.md" in script
    assert (
        "requirements-ray.txt" in script and "-r requirements-lora.txt" in (ROOT / "requirements-ray.txt").read_text()
    )
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100, "it can be run"


def test_every_file_that_the_readme_leads_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


@pytest.mark.parametrize("name", PAGES)
def test_the_readme_leads_to_every_page_and_they_lead_to_what_is_there(name: str) -> None:
    assert f"](docs/{name})" in README
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target


def test_the_python_example_of_the_readme_is_python() -> None:
    examples = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    assert examples
    for example in examples:
        ast.parse(example)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert f"core {name}" in help_of(name) and name in help_of()


@pytest.mark.parametrize(
    "words",
    [
        *commands(README),
        *commands(INTRODUCTION),
        *(c for page in PAGES.values() for c in commands(page)),
        *(c for path in SOURCES for c in commands(path.read_text("utf-8"))),
    ],
    ids=" ".join,
)
def test_every_command_that_is_shown_exists(words: list[str]) -> None:
    if words[0] == "--help":
        return
    assert words[0] in COMMANDS, words
    below = words[1:] and words[1].isalpha() and re.search(rf"^ +{words[1]}\b", help_of(words[0]), re.MULTILINE)
    verbs = words[:2] if below else words[:1]
    explained = help_of(*verbs)
    for option in (word for word in words if word.startswith("--")):
        assert option in explained, f"{' '.join(words)}: {option}"


def test_an_unknown_command_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["dance"])
    assert left.value.code == 2 and "prepare" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "meaning"), VARIABLES.items())
def test_every_variable_is_in_the_readme_word_for_word(name: str, meaning: tuple[str, str]) -> None:
    default, purpose = meaning
    assert f"| `{name}` | {f'`{default}`' if default else 'empty'} | {purpose} |" in README


def test_the_readme_names_no_variable_that_nobody_reads() -> None:
    read = {*VARIABLES, "LUOPAN_TEST_DATA"}
    assert set(re.findall(r"LUOPAN_\w+", README + "".join(PAGES.values()))) <= read


def test_the_changelog_tells_of_the_version_that_this_is() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    told = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split(f"## {version[1]}")[1].split("\n## ")[0]
    assert len(re.findall(r"^- \S", told, re.MULTILINE)) >= 5


@pytest.mark.parametrize("word", [*PLACES, *HOSTS])
def test_no_file_knows_the_machine_it_was_written_on(word: str) -> None:
    found = [path.relative_to(ROOT).as_posix() for path in tracked() if word in path.read_text("utf-8", "replace")]
    assert found == []


def test_requirements_pin_every_library_that_is_imported() -> None:
    files = [ROOT / f"requirements{part}.txt" for part in ("", "-lora", "-ray")]
    lines = [line.split(" #")[0].strip() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    pins = [re.match(r"([\w.-]+)(?:\[\w+\])?==[\w.]+(;.*)?$", line) for line in lines if line and line[:3] != "-r "]
    assert all(pins), "every line pins one version"
    pinned = {pin[1].lower().replace("_", "-") for pin in pins if pin}
    modules = {module.split(".")[0] for path in SOURCES for module in imported(path)}
    foreign = modules - set(sys.stdlib_module_names) - {"core", "pages"}
    makers = importlib.metadata.packages_distributions()
    names = {module: {name.lower().replace("_", "-") for name in makers.get(module, [module])} for module in foreign}
    names["pydantic_core"] = {"pydantic"}  # pydantic pins the one version of its core that fits
    assert {module for module, made_by in names.items() if not made_by & pinned} == set()


def imported(path: Path) -> list[str]:
    """The modules that a file imports, wherever in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return found
