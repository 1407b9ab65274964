"""The house rules that a reader can rely on: who may import whom, what stays small, what starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    [ROOT / "app.py", *(p for folder in ("core", "pages") for p in (ROOT / folder).rglob("*.py"))], key=str
)

# The only rooms that may import a library.
OWNERS = {
    "streamlit": ("app.py", "pages/"),
    "sqlalchemy": ("core/store/",),
    "openai": ("core/provider/",),
    "dbos": ("core/tasks",),
}
FLOOR = ("core.settings", "core.beside", "core.errors", "core.words", "core.sqlite", "core.dataset.examples")
# Room -> the rooms of core it may import besides itself and the floor.
BELOW = {
    "core/checks/": ("core.graders", "core.tokens"),
    "core/graders/": (),
    "core/tokens/": (),
    "core/store/": ("core.checks", "core.dataset", "core.provider", "core.jobs.values", "core.tokens"),
    "core/provider/": ("core.tokens",),
    "core/server/": ("core.checks", "core.graders", "core.tokens"),
}
# Room of the local provider -> the other rooms that it may import, through their doors only; all may use what the
# engines have in common. The modules beside the rooms are a floor that knows no room, but for the last three names,
# which put everything together.
SERVER: dict[str, tuple[str, ...]] = {
    "engines": (),
    "files": (),
    "models": (),
    "door": (),
    "examination": (),
    "jobs": ("examination", "files", "models"),
    "answering": ("models",),
    "responses": ("answering",),
    "batches": ("answering", "files", "models"),
}
TOGETHER = ("answer_rooms", "app", "runner")
HEAVY = ("torch", "transformers", "sklearn", "scipy", "dbos", "openpyxl", "xlsxwriter", "openai", "numpy.testing")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_library_is_imported_only_by_its_owner(path: Path) -> None:
    for module in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or name(path).startswith(owners), f"{name(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_core_never_looks_up_to_the_pages(path: Path) -> None:
    if name(path).startswith("core/"):
        assert not [module for module in imports(path) if module.split(".")[0] in ("pages", "app", "tests")]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_room_imports_only_what_lies_below_it(path: Path) -> None:
    room = next((room for room in BELOW if name(path).startswith(room)), None)
    if room is None:
        return
    allowed = (*FLOOR, *BELOW[room], room.rstrip("/").replace("/", "."))
    inside = [module for module in imports(path) if module.startswith("core.")]
    wrong = [module for module in inside if not any(module == a or module.startswith(f"{a}.") for a in allowed)]
    assert not [module for module in wrong if module not in {".".join(f.split(".")[:-1]) for f in FLOOR}], wrong


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_command_line_reaches_into_the_server(path: Path) -> None:
    if not name(path).startswith(("core/server/", "core/commands/")):
        assert not [module for module in imports(path) if module.startswith("core.server")]


MODULES = {name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in SOURCES}


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("core/server/")], ids=name)
def test_a_room_of_the_local_provider_uses_the_others_through_their_doors(path: Path) -> None:
    here = name(path).removesuffix(".py").split("/")[2]
    for module in MODULES.intersection(imports(path)):
        if not module.startswith("core.server.") or module.split(".")[2] == here:
            continue
        room, *inside = module.split(".")[2:]
        assert here in TOGETHER or room not in TOGETHER, module
        if room in SERVER and room != "engines":
            assert here in TOGETHER or room in SERVER.get(here, ()), module
            assert not inside, f"{module} is behind the door of {room}"
        if room == "engines":
            assert inside[:1] not in (["classic"], ["lora"]) or name(path) == "core/server/door/upstream.py", module


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if name(path) == "core/settings.py":
        return
    source = path.read_text(encoding="utf-8")
    assert "os.environ" not in source and "os.getenv" not in source


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_session_state_has_one_door(path: Path) -> None:
    if name(path) == "pages/parts/state.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            reached = (node.value.id, node.attr)
            assert reached not in {("st", "session_state"), ("st", "query_params")}, f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("streamlit"):
            assert not {alias.name for alias in node.names} & {"session_state", "query_params"}, f"line {node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    page = name(path).startswith("pages/") and not name(path).startswith("pages/parts/")
    assert source.count("\n") <= (120 if page else 400)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{name(path)}: {node.name}"


def test_no_script_lies_directly_in_the_pages_folder() -> None:
    assert not list((ROOT / "pages").glob("*.py"))


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_no_page_imports_a_heavy_library_before_it_is_used() -> None:
    modules = [name(p).removesuffix(".py").replace("/", ".") for p in SOURCES if name(p).startswith("pages/parts/")]
    loaded = run(f"import sys, {', '.join(modules)}; print(*[m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded.split() == []


def test_the_local_provider_starts_without_the_app() -> None:
    loaded = run("import sys, core.server.app; print(*[m for m in ('streamlit', 'sqlalchemy') if m in sys.modules])")
    assert loaded.split() == []
