"""Keeps the Chinese catalogue in step with the sentences in the code: `python -m tests.catalogue`.

Collects every literal sentence of `_("…")` and `T("…")`, updates `luopan.po`, compiles `luopan.mo`, and lists what
still has no Chinese. The compiled file is part of the repository, so that the app needs no build step.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "core" / "locale" / "zh_CN" / "LC_MESSAGES" / "luopan.po"
MO = PO.with_suffix(".mo")


def sentences() -> Catalog:
    """Every sentence of the code, with the files it stands in."""
    template = Catalog(project="Luopan", charset="utf-8")
    for folder in ("core", "pages"):
        found = extract_from_dir(
            ROOT / folder, method_map=[("**.py", "python")], keywords={"_": None, "T": None}, strip_comment_tags=True
        )
        for filename, _line, message, _comments, _context in found:
            template.add(message, locations=[(f"{folder}/{filename}", 0)])
    return template


def updated() -> Catalog:
    """The Chinese catalogue with the sentences the code has now; obsolete ones are dropped."""
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN", charset="utf-8")
    catalogue.update(sentences(), no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
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
