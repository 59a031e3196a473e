"""The table: one block of lines a workload, with ratios and bars, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from benchmarks.outcome import Outcome, of, times_as_good
from benchmarks.workloads import Workload

US: Final = "callboard"
BAR: Final = 20
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
HEADINGS: Final = (
    "system",
    "result",
    "+-",
    "Callboard is",
    "CPU us each",
    "others",
    "",
    "keeps",
    "also",
)
RIGHT: Final = frozenset({1, 2, 4, 5})
"""Columns of numbers."""

Row: TypeAlias = tuple[str, ...]
"""As many cells as there are headings; or two, the system and what is to be said instead."""


def table(
    outcomes: Sequence[Outcome],
    workloads: Sequence[Workload],
    *,
    scale: float,
    is_ascii: bool = False,
) -> str:
    """All workloads under one heading, columns aligned."""
    blocks = [
        (_title(workload, scale), _rows(of(outcomes, workload.name), workload, is_ascii))
        for workload in workloads
    ]
    rows = [HEADINGS, *(row for _, block in blocks for row in block)]
    widths = [_width(rows, column) for column in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths)]
    for title, block in blocks:
        lines += ["", title, *(_line(row, widths) for row in block)]
    return "\n".join(lines)


def heading(facts: Mapping[str, str]) -> str:
    """The machine's facts, one a line."""
    width = max(len(name) for name in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def _title(workload: Workload, scale: float) -> str:
    what = workload.title.format(count=f"{workload.size(scale):,}")
    better = "more is better" if workload.is_more_better else "less is better"
    return f"{workload.name}  {what}; {workload.unit}, {better}"


def _rows(outcomes: Sequence[Outcome], workload: Workload, is_ascii: bool) -> list[Row]:
    longest = max((outcome.value or 0.0 for outcome in outcomes), default=0.0)
    us = next((outcome for outcome in outcomes if outcome.system == US), None)
    rows: list[Row] = []
    for outcome in outcomes:
        if outcome.value is not None:
            bar = _bar(outcome.value / longest if longest else 0.0, is_ascii)
            rows.append(_row(outcome, workload, us, bar))
        if outcome.trouble is not None:
            rows.append((_name(outcome), outcome.trouble))
    return rows


def _row(outcome: Outcome, workload: Workload, us: Outcome | None, bar: str) -> Row:
    spread, noise = outcome.spread, outcome.median("others_pct")
    return (
        _name(outcome),
        f"{_figure(outcome.value)} {workload.unit}",
        "" if spread is None else f"{spread:.0%}",
        _ratio(outcome, us, workload),
        _cost(outcome),
        "" if noise is None else f"{noise:.0f}%",
        bar,
        outcome.keeps if workload.name != "W5" else "nothing: memory",
        _also(outcome, workload),
    )


def _name(outcome: Outcome) -> str:
    return f"  {outcome.system} {outcome.version or ''}".rstrip()


def _ratio(outcome: Outcome, us: Outcome | None, workload: Workload) -> str:
    if us is None or outcome is us:
        return ""
    ratio = times_as_good(us, outcome, is_more_better=workload.is_more_better)
    if ratio is None:
        return ""
    better, worse = ("faster", "slower") if workload.is_more_better else ("sooner", "later")
    return f"{ratio:.1f}x {better}" if ratio >= 1 else f"{1 / ratio:.1f}x {worse}"


def _cost(outcome: Outcome) -> str:
    client, server = outcome.median("cpu_client_us"), outcome.median("cpu_server_us")
    if client is None:
        return ""
    return f"{client:,.0f}" if server is None else f"{client:,.0f} + {server:,.0f}"


def _also(outcome: Outcome, workload: Workload) -> str:
    found = [(metric.label, outcome.median(metric.key)) for metric in workload.also]
    return ", ".join(label.format(_figure(value)) for label, value in found if value is not None)


def _figure(value: float | None) -> str:
    """Three digits, more only where they are whole."""
    if value is None:
        return "-"
    for least, digits in ((100, 0), (10, 1), (0, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value}"


def _bar(share: float, is_ascii: bool) -> str:
    if is_ascii:
        return "#" * max(1, round(share * BAR))
    whole, eighths = divmod(max(1, round(share * BAR * 8)), 8)
    return EIGHTHS[8] * whole + EIGHTHS[eighths].strip()


def _width(rows: Sequence[Row], column: int) -> int:
    return max(len(row[column]) for row in rows if len(row) == len(HEADINGS))


def _line(row: Row, widths: Sequence[int]) -> str:
    if len(row) == 2:
        return f"{row[0]:<{widths[0]}}  {row[1]}"
    cells = [
        cell.rjust(width) if column in RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
