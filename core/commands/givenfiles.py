"""Files as a person named them, where the reader knows the unpacked ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.dataset.readers import Source


def place(name: str, given: list[Path], source: Source) -> dict[str, str]:
    """The file as it was given, and which one inside it where it is packed; `name` is a part's, empty for the only."""
    if len(given) == 1:
        return {"file": str(given[0]), "member": name or (source.name if source.path != given[0] else "")}
    for path, part in zip(given, source.parts, strict=True):
        if name == part.name:
            return {"file": str(path), "member": part.name if part.path != path else ""}
        if name.startswith(f"{part.name}/"):
            return {"file": str(path), "member": name.removeprefix(f"{part.name}/")}
    return {"file": name, "member": ""}
