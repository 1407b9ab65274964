"""Rules of content that is a list of parts: text and images."""

from __future__ import annotations

import base64
from typing import Any

from core.checks.issues import Findings

MAX_IMAGES = 10
MAX_IMAGE_BYTES = 10 * 1024 * 1024
_TYPES = ("data:image/jpeg;base64,", "data:image/jpg;base64,", "data:image/png;base64,", "data:image/webp;base64,")
_DETAILS = ("low", "high", "auto")
_HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_PNG_COLOURS = {0: "grey", 3: "palette", 4: "grey with alpha"}  # 2 and 6 are RGB and RGBA
_HEAD = 64  # characters of base64: more than the header of a PNG


def check_parts(parts: list[Any], role: Any, found: Findings) -> None:
    """Check each part of a message's content."""
    for at, part in enumerate(parts):
        with found.inside(f"[{at}]"):
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "image_url":
                _check_image(part.get("image_url"), role, found)
            elif kind not in ("text", "refusal") or not isinstance(part.get(kind), str):
                found.add("part_invalid", "", part)
            elif not part[kind].strip():
                found.add("content_blank", kind, part[kind], role=role)


def _check_image(image: Any, role: Any, found: Findings) -> None:
    if role != "user":
        found.add("image_misplaced", "", role=role)
    url = image.get("url") if isinstance(image, dict) else image
    with found.inside("image_url"):
        if not isinstance(url, str) or not isinstance(image, dict):
            found.add("image_url_invalid", "", image)
            return
        if url.startswith("data:"):
            if not url.startswith(_TYPES):
                found.add("image_url_invalid", "url", url[:60])
            else:
                _check_data(url[url.index(",") + 1 :], found)
        elif not url.startswith(("http://", "https://")):
            found.add("image_url_invalid", "url", url)
        if "detail" in image and image["detail"] not in _DETAILS:
            found.add("image_detail_invalid", "detail", image["detail"])


def _check_data(data: str, found: Findings) -> None:
    if len(data) * 3 // 4 > MAX_IMAGE_BYTES:
        found.add("image_too_large", "url", f"{len(data) * 3 // 4:,}")
    try:
        head = base64.b64decode(data[: min(_HEAD, len(data) // 4 * 4)], validate=True)
    except ValueError:
        head = b""
    if not any(head and head[: len(magic)] == magic[: len(head)] for magic in _HEADS):
        found.add("image_unreadable", "url", data[:40])
    elif head.startswith(_HEADS[0]) and head[25:26] and head[25] in _PNG_COLOURS:
        found.add("image_colours", "url", _PNG_COLOURS[head[25]])


def count_images(messages: list[dict[str, Any]]) -> int:
    """How many images these messages show."""
    parts = [part for message in messages if isinstance(message.get("content"), list) for part in message["content"]]
    return sum(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)
