"""Keeps the Chinese catalogue in step with the sentences in the code: `python -m tests.catalogue`.

Collects every literal sentence of `_("…")` and `T("…")`, updates `luopan.po`, compiles `luopan.mo`, and lists what
still has no Chinese. The compiled file is part of the repository, so that the app needs no build step.
"""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "core" / "locale" / "zh_CN" / "LC_MESSAGES" / "luopan.po"
MO = PO.with_suffix(".mo")


def sentences() -> Catalog:
    """Every sentence of the code, with the files it stands in."""
    template = Catalog(project="Luopan", version="0.1", charset="utf-8")
    for path in sorted((*ROOT.glob("core/**/*.py"), *ROOT.glob("pages/**/*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "T"):
                sentence = node.args[0] if node.args else None
                if isinstance(sentence, ast.Constant) and sentence.value:
                    template.add(sentence.value, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return template


def updated() -> Catalog:
    """The Chinese catalogue with the sentences the code has now; obsolete ones are dropped."""
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN", charset="utf-8")
    catalogue.update(sentences(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.project, catalogue.version = "Luopan", "0.1"
    return catalogue


def untranslated(catalogue: Catalog) -> list[str]:
    """The sentences without Chinese."""
    return [str(message.id) for message in catalogue if message.id and not message.string]


def compiled(catalogue: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> int:
    """Update and compile; the exit code is 1 while sentences lack Chinese."""
    catalogue = updated()
    with PO.open("wb") as file:
        write_po(file, catalogue, width=110, sort_by_file=True, omit_header=False, include_lineno=False)
    MO.write_bytes(compiled(catalogue))
    missing = untranslated(catalogue)
    sys.stdout.write("\n".join([*missing, f"{len(missing)} of {len(catalogue)} sentences have no Chinese yet"]) + "\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
