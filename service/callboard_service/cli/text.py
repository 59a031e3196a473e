"""Values as people read them: instants, durations, JSON, and text that cannot harm a terminal."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

_DIRECTION: Final = r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""Characters that turn the direction of what stands beside them, or break lines, unseen."""
_CONTROL: Final = re.compile(rf"[\x00-\x08\x0a-\x1f\x7f-\x9f{_DIRECTION}]")
_BEYOND_JSON: Final = re.compile(rf"[\x7f-\x9f{_DIRECTION}]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60))


def parse_instant(text: str) -> datetime:
    """The instant of an answer of the API."""
    return datetime.fromisoformat(text)


def show_instant(text: str | None, *, utc: bool) -> str:
    """An instant of the API by the clock of the zone that TZ or the machine names, or in UTC."""
    if text is None:
        return "-"
    return _placed(text, utc).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")


def show_local(text: str | None) -> str:
    """An instant of the API with the offset that it comes with."""
    if text is None:
        return "-"
    return parse_instant(text).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")


def show_time(text: str | None, *, utc: bool) -> str:
    """Its time of day alone, to the millisecond."""
    return "-" if text is None else _placed(text, utc).strftime("%H:%M:%S.%f")[:-3]


def show_duration(seconds: float) -> str:
    """`0.042 s`, `12.3 s`, `2m 05s`, `1h 00m`, `3d 02h`."""
    if seconds < 60:
        return f"{seconds:.3f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes}m {int(seconds) % 60:02}s"
    if minutes < 60 * 24:
        return f"{minutes // 60}h {minutes % 60:02}m"
    return f"{minutes // 1440}d {minutes // 60 % 24:02}h"


def show_span(started: str | None, ended: str | None) -> str:
    """How long something took; `-` while it is not over."""
    if started is None or ended is None:
        return "-"
    return show_duration((parse_instant(ended) - parse_instant(started)).total_seconds())


def show_period(seconds: float) -> str:
    """A period as `--every` takes it: `1h30m`, `0.5s`."""
    rest, parts = seconds, []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{int(count)}{unit}")
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return "".join(parts)


def show_rate(rate: float) -> str:
    """How many in a second: `12,346`, `123.5`, `0.25`."""
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.4g}"


def counted(count: int, noun: str) -> str:
    """`no slots`, `1 slot`, `2 slots`."""
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def show_json(value: Any) -> str:
    """A JSON value in one line; nothing for null and empty objects."""
    return "" if value is None or value == {} else json.dumps(value, ensure_ascii=False)


def one_line(text: object) -> str:
    """Text for a cell or a line: what would move the cursor is shown, not done."""
    return _CONTROL.sub(_escaped, str(text))


def harmless(text: str) -> str:
    """As `one_line`, but colours are left out without a trace: for what a run wrote."""
    return one_line(_COLOUR.sub("", text))


def harmless_json(text: str) -> str:
    """The same JSON, with everything escaped that a terminal may act on."""
    return _BEYOND_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shorten(text: str, most: int) -> str:
    """The text, or its beginning with three dots."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _placed(text: str, utc: bool) -> datetime:
    instant = parse_instant(text)
    return instant.astimezone(UTC) if utc else instant.astimezone()


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]
