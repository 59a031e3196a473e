"""The load over the day and the week, as an SVG that needs nothing else and suits a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import ceil, floor, log10
from typing import Final
from zoneinfo import ZoneInfo

from callboard.simulation import Findings, LoadProfile

WIDTH: Final = 1000
HEIGHT: Final = 660
LEFT: Final = 70
RIGHT: Final = 20
PLOT: Final = WIDTH - LEFT - RIGHT
DAY_TOP: Final = 110
DAY_HEIGHT: Final = 220
WEEK_TOP: Final = 430
ROW: Final = 26
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES: Final = 1440
DARK_ENOUGH: Final = 0.55
"""Share of the highest value from which a cell is so dark that its number has to be light."""

_STYLE: Final = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2937 }
.page { fill: #ffffff } .title { font-size: 18px; font-weight: 600 } .head { font-weight: 600 }
.soft, .tick { fill: #5b6472 } .tick { font-size: 12px } .number { font-size: 11px }
.right { text-anchor: end } .middle { text-anchor: middle }
.axis { stroke: #9aa3b0; stroke-width: 1 } .grid { stroke: #e3e7ec; stroke-width: 1 }
.most { stroke: #93b4f0; fill: #93b4f0 } .mean { stroke: #1d4fc4; fill: #1d4fc4 }
.bars { stroke-width: 1.4; fill: none } .cell { fill: #1d4fc4 } .light { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6e9ef } .page { fill: #14171c } .soft, .tick { fill: #a3adbb }
.axis { stroke: #667080 } .grid { stroke: #2a3038 }
.most { stroke: #3a5c9e; fill: #3a5c9e } .mean { stroke: #8fb6ff; fill: #8fb6ff }
.cell { fill: #8fb6ff } .light { fill: #0d1117 }
}
"""


def load_picture(findings: Findings) -> str:
    """The picture, as a document."""
    body = [
        *_head(findings),
        *_day(findings.load),
        *_week(findings.load),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _head(findings: Findings) -> Iterator[str]:
    zone = ZoneInfo(findings.load.zone)
    since, until = (_date(instant.astimezone(zone)) for instant in (findings.since, findings.until))
    runs, triggers = findings.peak.total, len(findings.triggers)
    said = f"{runs:,} runs of {triggers:,} triggers, {since} to {until}; times of {_safe(zone.key)}"
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>'
    yield f'<title id="title">Load: {said}</title>'
    yield '<text class="title" x="20" y="34">When runs begin</text>'
    yield f'<text class="soft" x="20" y="56">{said}</text>'


def _day(load: LoadProfile) -> Iterator[str]:
    highest = max(load.most, default=0)
    top, steps = _scale(highest)
    bottom = DAY_TOP + DAY_HEIGHT
    yield f'<text class="head" x="{LEFT}" y="{DAY_TOP - 18}">Over the day, minute by minute</text>'
    yield from _legend(load)
    for value in steps:
        y = bottom - DAY_HEIGHT * value / top
        yield f'<line class="grid" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick right" x="{LEFT - 8}" y="{y + 4:.1f}">{_number(value)}</text>'
    yield _upright("runs in a minute", 18, DAY_TOP + DAY_HEIGHT / 2)
    yield f'<path class="bars most" d="{_bars(load.most, top)}"/>'
    yield f'<path class="bars mean" d="{_bars(load.mean, top)}"/>'
    yield from _highest(load.most, highest, top)
    yield f'<line class="axis" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{bottom}" y2="{bottom}"/>'
    for hour in range(0, 25, 2):
        x = LEFT + PLOT * hour / 24
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield f'<text class="tick middle" x="{x:.1f}" y="{bottom + 19}">{hour:02}:00</text>'
    yield f'<text class="soft middle" x="{LEFT + PLOT / 2}" y="{bottom + 40}">time of day</text>'


def _legend(load: LoadProfile) -> Iterator[str]:
    x, y = LEFT + PLOT - 330, DAY_TOP - 18
    days = f"{load.days:.0f} days" if load.days >= 2 else "the time shown"
    yield f'<rect class="mean" x="{x}" y="{y - 10}" width="11" height="11"/>'
    yield f'<text class="soft" x="{x + 17}" y="{y}">average of {days}</text>'
    yield f'<rect class="most" x="{x + 190}" y="{y - 10}" width="11" height="11"/>'
    yield f'<text class="soft" x="{x + 207}" y="{y}">on the busiest day</text>'


def _bars(values: Sequence[float], top: float) -> str:
    """A line up for every minute that has a value; one wide enough to be seen alone."""
    bottom, height = DAY_TOP + DAY_HEIGHT, DAY_HEIGHT / top
    return "".join(
        f"M{_minute_x(minute):.1f} {bottom}V{bottom - height * value:.1f}"
        for minute, value in enumerate(values)
        if value
    )


def _minute_x(minute: int) -> float:
    return LEFT + PLOT * (minute + 0.5) / MINUTES


def _highest(most: Sequence[int], highest: int, top: float) -> Iterator[str]:
    """The first of the highest minutes, by name."""
    if not highest:
        yield f'<text class="soft middle" x="{LEFT + PLOT / 2}" y="{DAY_TOP + 90}">no runs</text>'
        return
    minute = list(most).index(highest)
    x = _minute_x(minute)
    y = DAY_TOP + DAY_HEIGHT * (1 - highest / top) - 4
    side, anchor = (6, "") if minute < MINUTES * 0.8 else (-6, " right")
    words = f"{highest:,} at {minute // 60:02}:{minute % 60:02}"
    yield f'<text class="number{anchor}" x="{x + side:.1f}" y="{y:.1f}">{words}</text>'


def _week(load: LoadProfile) -> Iterator[str]:
    highest = max((value for day in load.week for value in day), default=0.0)
    width = PLOT / 24
    y = WEEK_TOP - 12
    yield f'<text class="head" x="{LEFT}" y="{y}">Over the week, hour by hour</text>'
    yield f'<text class="soft right" x="{LEFT + PLOT}" y="{y}">runs in an hour, on average</text>'
    for row, (name, hours) in enumerate(zip(DAYS, load.week, strict=True)):
        y = WEEK_TOP + row * ROW
        yield f'<text class="tick right" x="{LEFT - 8}" y="{y + 17}">{name}</text>'
        for hour, value in enumerate(hours):
            yield from _cell(LEFT + hour * width, y, width, value, highest)
    bottom = WEEK_TOP + len(DAYS) * ROW
    for hour in range(24):
        x = LEFT + (hour + 0.5) * width
        yield f'<text class="tick middle" x="{x:.1f}" y="{bottom + 15}">{hour:02}</text>'
    x = LEFT + PLOT / 2
    yield f'<text class="soft middle" x="{x:.1f}" y="{bottom + 34}">hour of the day</text>'


def _cell(x: float, y: float, width: float, value: float, highest: float) -> Iterator[str]:
    share = value / highest if highest else 0.0
    opacity = 0.05 + 0.95 * share
    yield (
        f'<rect class="cell" x="{x + 1:.1f}" y="{y + 1}" width="{width - 2:.1f}" '
        f'height="{ROW - 2}" rx="3" fill-opacity="{opacity:.2f}"/>'
    )
    if value:
        light = " light" if share >= DARK_ENOUGH else ""
        yield (
            f'<text class="number middle{light}" x="{x + width / 2:.1f}" y="{y + 17}">'
            f"{_number(value)}</text>"
        )


def _upright(words: str, x: float, y: float) -> str:
    return (
        f'<text class="soft middle" x="{x}" y="{y}" transform="rotate(-90 {x} {y})">{words}</text>'
    )


def _scale(highest: float) -> tuple[float, list[float]]:
    """The top of an axis, and the round values to write at it."""
    if highest <= 0:
        return 1.0, [0.0, 1.0]
    rough = highest / 4
    size = 10 ** floor(log10(rough))
    step = max(1.0, next(size * n for n in (1, 2, 5, 10) if size * n >= rough))
    count = ceil(highest / step)
    return step * count, [step * number for number in range(count + 1)]


def _number(value: float) -> str:
    """In at most four characters, for a cell is narrow."""
    if value >= 999_500:
        return f"{value / 1_000_000:.1f}M"
    if value >= 9_995:
        return f"{value / 1000:.0f}k"
    if value >= 10 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.1 else "<0.1"


def _date(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
