"""A batch instance over time, as an SVG that needs nothing else and suits a dark page.

States differ by hatching and by a mark at the end of each bar, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from callboard_service.batch_picture.lanes import Bar, Lane, Timeline, span_text
from callboard_service.batch_picture.scale import Scale, scale_of

WIDTH: Final = 1160
LEFT: Final = 200
RIGHT: Final = 260
PLOT: Final = WIDTH - LEFT - RIGHT
TOP: Final = 84
ROW: Final = 30
PART_ROW: Final = 20
CUT: Final = 52.0
LEAST: Final = 3.0
"""Width of what took no time."""
CHARACTER: Final = 6.6
"""Width of one, about, in the size of labels."""
SMALL: Final = 6.0
"""The same of small text."""
TICK_ROOM: Final = 92.0

_STYLE: Final = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2937 }
.page { fill: #ffffff } .title { font-size: 18px; font-weight: 600 }
.soft, .tick, .said { fill: #5b6472 } .tick, .label, .said, .part { font-size: 12px }
.small { font-size: 11px }
.right { text-anchor: end } .middle { text-anchor: middle } .name { font-weight: 600 }
.axis { stroke: #9aa3b0; stroke-width: 1 } .grid { stroke: #e3e7ec; stroke-width: 1 }
.edge { stroke: #6b7280; stroke-width: 1; stroke-dasharray: 2 3 }
.cut { fill: #eef0f3 } .mark { fill: none; stroke: #ffffff; stroke-width: 1.8 }
.succeeded { fill: #1f7a5c } .failed { fill: #c2361f } .stopped { fill: #a86a00 }
.running { fill: #2461c9 } .abandoned { fill: #6b7280 } .hatch { stroke: #ffffff; fill: none }
.bar .label { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6e9ef } .page { fill: #14171c } .soft, .tick, .said { fill: #a3adbb }
.axis { stroke: #667080 } .grid { stroke: #2a3038 } .edge { stroke: #8a94a3 }
.cut { fill: #20252c } .mark { stroke: #0d1117 } .hatch { stroke: #0d1117 }
.succeeded { fill: #4cc38a } .failed { fill: #ff7a66 } .stopped { fill: #f0b23c }
.running { fill: #79aaff } .abandoned { fill: #9aa3b0 } .bar .label { fill: #0d1117 }
}
"""
_HATCHES: Final[Mapping[str, str]] = {
    "failed": "M0 8L8 0M-2 2L2 -2M6 10L10 6",
    "stopped": "M4 0V8",
    "abandoned": "M0 4H8",
}
"""Lines over the colour, in squares of 8; others are plain."""
_MARKS: Final[Mapping[str, str]] = {
    "succeeded": "M-4 0L-1 3.5L5 -3.5",
    "failed": "M-4 -4L4 4M4 -4L-4 4",
    "stopped": "M-3.5 -3.5H3.5V3.5H-3.5Z",
    "running": "M-3 -4L3 0L-3 4",
    "abandoned": "M-4 0H4",
}
"""Lines at the end of a bar, around its middle."""
MARK: Final = 16.0
"""Width of a mark with the room around it."""


def svg_picture(timeline: Timeline) -> str:
    """The picture, as a document."""
    spans = [(bar.since, bar.until) for bar in timeline.bars()]
    height = TOP + _height(timeline) + 84
    body = [*_head(timeline, height)]
    if spans:
        body += _plot(timeline, scale_of(spans, PLOT, CUT), height)
    else:
        body.append(f'<text class="soft" x="20" y="{TOP + 20}">nothing has begun yet</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _head(timeline: Timeline, height: int) -> Iterator[str]:
    yield f'<rect class="page" width="{WIDTH}" height="{height}"/>'
    yield f'<title id="title">{_safe(timeline.title)}: {_safe(timeline.said)}</title>'
    yield f'<text class="title" x="20" y="32">{_safe(_cut(timeline.title, 100))}</text>'
    yield f'<text class="soft" x="20" y="54">{_safe(_cut(timeline.said, 150))}</text>'
    patterns = "".join(
        f'<pattern id="{state}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<path class="hatch" stroke-opacity="0.35" stroke-width="1.6" d="{path}"/></pattern>'
        for state, path in _HATCHES.items()
    )
    yield f"<defs>{patterns}</defs>"


def _plot(timeline: Timeline, scale: Scale, height: int) -> Iterator[str]:
    bottom = TOP + _height(timeline)
    yield from _cuts(scale, bottom)
    yield from _axis(scale, bottom)
    yield from _edges(timeline.runs, scale, bottom)
    y = TOP
    for lane in (timeline.runs, *timeline.steps):
        yield from _lane(lane, scale, y, _row(lane))
        y += _row(lane)
    yield from _legend(timeline, height - 18)


def _lane(lane: Lane, scale: Scale, y: int, row: int) -> Iterator[str]:
    middle = y + row / 2
    style, indent = (" part", 18) if lane.depth else (" name", 0)
    name = _cut(lane.name, 24 if lane.depth else 20)
    yield (
        f'<text class="{style.strip()}" x="{20 + indent}" y="{middle + 4:.1f}">{_safe(name)}</text>'
    )
    for bar in lane.bars:
        yield from _bar(bar, scale, y + 3, row - 6)
    said = _cut(lane.said, 34)
    x = LEFT + PLOT + 12
    yield f'<text class="said" x="{x}" y="{middle + 4:.1f}">{_safe(said)}</text>'


def _bar(bar: Bar, scale: Scale, y: float, height: float) -> Iterator[str]:
    x = LEFT + scale.place(bar.since)
    width = max(LEAST, LEFT + scale.place(bar.until) - x)
    place = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="3"'
    yield f'<g class="bar"><title>{_safe(bar.told)}</title>'
    yield f'<rect class="{bar.state}" {place}/>'
    if bar.state in _HATCHES:
        yield f'<rect {place} fill="url(#{bar.state})"/>'
    if width >= MARK + 4:
        yield _mark(bar.state, x + width - MARK / 2 - 1, y + height / 2)
    # No text on hatching that is too narrow to hold it.
    if height > PART_ROW and (len(bar.label) * CHARACTER + MARK + 10 <= width):
        yield _backed(bar, x + 6, y + height / 2)
    yield "</g>"


def _backed(bar: Bar, x: float, middle: float) -> str:
    """A label, on plain colour also where the bar is hatched."""
    width = len(bar.label) * CHARACTER + 4
    plain = (
        f'<rect class="{bar.state}" x="{x - 2:.1f}" y="{middle - 8:.1f}" width="{width:.1f}" '
        f'height="16" rx="2"/>'
        if bar.state in _HATCHES
        else ""
    )
    text = f'<text class="label" x="{x:.1f}" y="{middle + 4:.1f}">{_safe(bar.label)}</text>'
    return plain + text


def _mark(state: str, x: float, y: float) -> str:
    return (
        f'<rect class="{state}" x="{x - 7:.1f}" y="{y - 6:.1f}" width="14" height="12"/>'
        f'<path class="mark" transform="translate({x:.1f} {y:.1f})" d="{_MARKS[state]}"/>'
    )


def _edges(runs: Lane, scale: Scale, bottom: int) -> Iterator[str]:
    """Where runs begin and end, through all lanes."""
    for bar in runs.bars:
        for instant in (bar.since, bar.until):
            x = LEFT + scale.place(instant)
            yield f'<line class="edge" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'


def _cuts(scale: Scale, bottom: int) -> Iterator[str]:
    for cut in scale.cuts:
        x, middle = LEFT + cut.start, LEFT + cut.start + cut.width / 2
        span, edge = span_text(cut.span), min(2.0, cut.width / 4)
        yield (
            f"<g><title>{span} in which nothing ran</title>"
            f'<rect class="cut" x="{x + edge:.1f}" y="{TOP - 14}" '
            f'width="{cut.width - 2 * edge:.1f}" height="{bottom - TOP + 14}"/>'
        )
        if len(span) * SMALL <= cut.width:
            yield (f'<text class="soft small middle" x="{middle:.1f}" y="{TOP - 3}">{span}</text>')
        yield "</g>"


def _axis(scale: Scale, bottom: int) -> Iterator[str]:
    for stretch in scale.stretches:
        x = LEFT + stretch.start
        yield (
            f'<line class="axis" x1="{x:.1f}" x2="{x + stretch.width:.1f}" '
            f'y1="{bottom}" y2="{bottom}"/>'
        )
    for tick in scale.ticks(TICK_ROOM):
        x = LEFT + tick.place
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield f'<text class="tick middle" x="{x:.1f}" y="{bottom + 19}">{tick.text}</text>'
        if tick.date is not None:
            yield f'<text class="tick middle" x="{x:.1f}" y="{bottom + 34}">{tick.date}</text>'
    yield f'<text class="soft" x="{LEFT + PLOT + 12}" y="{bottom + 34}">times in UTC</text>'


def _legend(timeline: Timeline, y: int) -> Iterator[str]:
    x = LEFT
    for state in timeline.states():
        yield f'<rect class="{state}" x="{x}" y="{y - 12}" width="34" height="15" rx="3"/>'
        if state in _HATCHES:
            yield f'<rect x="{x}" y="{y - 12}" width="34" height="15" rx="3" fill="url(#{state})"/>'
        yield _mark(state, x + 24, y - 4.5)
        yield f'<text class="soft" x="{x + 42}" y="{y}">{state}</text>'
        x += 62 + round(len(state) * 7.5)


def _row(lane: Lane) -> int:
    return PART_ROW if lane.depth else ROW


def _height(timeline: Timeline) -> int:
    return ROW + sum(map(_row, timeline.steps))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _safe(text: str) -> str:
    """As XML; what XML has no form for is left out."""
    kept = "".join(each for each in text if each in "\n\t" or each.isprintable())
    return kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
