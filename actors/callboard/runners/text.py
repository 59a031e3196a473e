"""Text that PostgreSQL can keep, and not too much of it."""

from __future__ import annotations

import re
from typing import Final

REPLACEMENT: Final = "\ufffd"
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def to_storable(text: str) -> str:
    """The text with U+FFFD for each NUL and each half of a surrogate pair."""
    return _NOT_STORABLE.sub(REPLACEMENT, text)


def utf8_size(text: str) -> int:
    """Bytes of the storable text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def cut_end(text: str, limit_bytes: int) -> str:
    """The text, or its beginning and a mark, in at most `limit_bytes` of UTF-8 and the mark."""
    data = text.encode(errors="replace")
    if len(data) <= limit_bytes:
        return text
    kept = data[:limit_bytes].decode(errors="ignore")
    return f"{kept} [... {len(data) - limit_bytes} bytes left out]"


def cut_middle(text: str, limit_bytes: int) -> str:
    """As cut_end, but a quarter from the beginning and the rest from the end of the text."""
    data = text.encode(errors="replace")
    if len(data) <= limit_bytes:
        return text
    head = limit_bytes // 4
    tail = limit_bytes - head
    mark = f"\n[... {len(data) - limit_bytes} bytes left out ...]\n"
    return data[:head].decode(errors="ignore") + mark + data[-tail:].decode(errors="ignore")
