"""A batch instance over time, as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from callboard_service.batch_picture.lanes import Bar, Lane, Timeline
from callboard_service.batch_picture.scale import Scale, scale_of

LEAST: Final = 20
MOST_NAME: Final = 28
MOST_SAID: Final = 40
CUT: Final = 5.0
TICK_ROOM: Final = 15.0
_FILLS: Final[Mapping[str, str]] = {
    "succeeded": "=",
    "failed": "x",
    "stopped": "-",
    "running": ">",
    "abandoned": "~",
}
_ENDS: Final[Mapping[str, str]] = {
    "succeeded": "]",
    "failed": "!",
    "stopped": "#",
    "running": ">",
    "abandoned": "~",
}


def text_picture(timeline: Timeline, columns: int) -> str:
    """The picture, as lines that end in a line feed, about so many characters wide."""
    return "".join(f"{line.rstrip()}\n" for line in _lines(timeline, columns))


def _lines(timeline: Timeline, columns: int) -> Iterator[str]:
    yield _plain(timeline.title)
    if timeline.said:
        yield _plain(timeline.said)
    lanes = (timeline.runs, *timeline.steps)
    spans = [(bar.since, bar.until) for bar in timeline.bars()]
    if not spans:
        yield "nothing has begun yet"
        return
    left = min(MOST_NAME, max(len(_name(lane)) for lane in lanes))
    right = min(MOST_SAID, max(len(lane.said) for lane in lanes))
    width = max(LEAST, columns - left - right - 4)
    scale = scale_of(spans, width - 1, CUT)
    yield ""
    for line in _axis(scale, width):
        yield f"{'':{left}}  {line}"
    for lane in lanes:
        name, said = _cut(_plain(_name(lane)), left), _cut(_plain(lane.said), right)
        yield f"{name:{left}}  {_drawn(lane, scale, width)}  {said}"
    yield ""
    yield "   ".join(f"{_FILLS[state] * 2}{_ENDS[state]} {state}" for state in timeline.states())


def _axis(scale: Scale, width: int) -> Iterator[str]:
    marks, clocks, dates = [" "] * (width + 1), [" "] * (width + 12), [" "] * (width + 12)
    for tick in scale.ticks(TICK_ROOM):
        at = round(tick.place)
        marks[at] = "|"
        _write(clocks, at, tick.text)
        if tick.date is not None:
            _write(dates, at, tick.date)
    yield "".join(dates)
    yield "".join(clocks)
    yield "".join(marks)


def _drawn(lane: Lane, scale: Scale, width: int) -> str:
    line = [" "] * width
    for cut in scale.cuts:
        _write(line, round(cut.start) + 2, "//")
    for bar in lane.bars:
        _draw(line, bar, scale)
    return "".join(line)


def _draw(line: list[str], bar: Bar, scale: Scale) -> None:
    """Its end is always seen; its label where there is room."""
    since, until = round(scale.place(bar.since)), round(scale.place(bar.until))
    length = max(1, until - since + 1)
    drawn = _FILLS[bar.state] * (length - 1) + _ENDS[bar.state]
    label = _plain(bar.label)
    if len(label) + 4 <= length:
        drawn = f"{drawn[0]} {label} {drawn[len(label) + 3 :]}"
    _write(line, since, drawn)


def _write(line: list[str], at: int, text: str) -> None:
    for offset, each in enumerate(text):
        if at + offset < len(line):
            line[at + offset] = each


def _name(lane: Lane) -> str:
    return "  " * lane.depth + lane.name


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "+"


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
