"""The chart: a picture (SVG) of the medians, one block of bars a workload."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.outcome import Outcome, of
from benchmarks.workloads import Workload

WIDTH: Final = 860
LEFT: Final = 130
RIGHT: Final = 150
ROW: Final = 20
TITLE: Final = 34
US: Final = "callboard"
STYLE: Final = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.note{fill:#777}"
    ".us{fill:#0b7285}.peer{fill:#adb5bd}.grid{stroke:#e9ecef}"
    "@media (prefers-color-scheme:dark){text{fill:#eee}.note{fill:#999}.grid{stroke:#333}"
    ".us{fill:#3bc9db}.peer{fill:#666}.back{fill:#111}}.back{fill:#fff}"
)


def chart(outcomes: Sequence[Outcome], workloads: Sequence[Workload], *, scale: float) -> str:
    """An SVG document. Bars are on a logarithmic scale from the worst decade to the best."""
    parts: list[str] = []
    top = 10
    for workload in workloads:
        rows = of(outcomes, workload.name)
        parts += _block(rows, workload, scale, top)
        top += TITLE + ROW * len(rows) + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}">'
        f'<style>{STYLE}</style><rect class="back" width="100%" height="100%"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _block(rows: Sequence[Outcome], workload: Workload, scale: float, top: int) -> Iterator[str]:
    what = workload.title.format(count=f"{workload.size(scale):,}")
    better = "longer is better" if workload.is_more_better else "shorter is better"
    yield _text(12, top + 16, f"{workload.name}  {what}", "title")
    yield _text(12, top + 31, f"{workload.unit}, logarithmic, {better}", "note")
    values = [row.value for row in rows if row.value]
    low = 10 ** math.floor(math.log10(min(values, default=1.0)))
    high = 10 ** math.ceil(math.log10(max(values, default=1.0) * 1.0001))
    for number, row in enumerate(rows):
        yield from _bar(row, workload, low, high, top + TITLE + ROW * number)


def _bar(row: Outcome, workload: Workload, low: float, high: float, top: int) -> Iterator[str]:
    yield _text(12, top + 15, row.system, "")
    if row.value is None:
        yield _text(LEFT, top + 15, (row.trouble or "no figure")[:90], "note")
        return
    share = math.log10(row.value / low) / math.log10(high / low) if high > low else 1.0
    width = max(2.0, share * (WIDTH - LEFT - RIGHT))
    kind = "us" if row.system == US else "peer"
    yield (
        f'<rect class="{kind}" x="{LEFT}" y="{top + 3}" width="{width:.1f}" height="{ROW - 5}"/>'
    )
    digits = 0 if row.value >= 100 else 1 if row.value >= 10 else 2
    figure = f"{row.value:,.{digits}f} {workload.unit}"
    yield _text(LEFT + width + 6, top + 15, figure, "")


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>'
