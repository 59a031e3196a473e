"""The options of `callboard triggers create`, as the API takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import typer

from callboard_service.cli.arguments import parse_period
from callboard_service.cli.condition_text import parse_conditions

Options = Mapping[str, Any]

CLOCK_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "--cron": ("--zone", "--dialect", "--gap", "--fold"),
    "--months": ("--zone", "--time", "--start", "--gap", "--fold"),
    "--days": ("--zone", "--time", "--start", "--gap", "--fold"),
}
"""The options about clocks that each kind of schedule has."""
FIELD_OF: Final = {"--time": "at_local", "--start": "anchor_on"}
"""Options whose field has another name."""


def check_one_schedule(options: Options) -> None:
    """Raise typer.BadParameter unless exactly one kind of schedule is given.

    `--months` and `--days` together are one.
    """
    given = {name for name, value in options.items() if value is not None}
    if given != {"--months", "--days"} and len(given) != 1:
        *others, last = options
        raise typer.BadParameter(f"give exactly one of {', '.join(others)}, {last}")


def schedule_of(options: Options, clock: Options) -> dict[str, Any]:
    """The schedule; empty where it comes from a file.

    Raises:
        typer.BadParameter: a period is none, or an option does not belong to the schedule.
    """
    kind = next(name for name, value in options.items() if value is not None)
    _check_clock(kind, clock)
    fields = {_field(name): value for name, value in clock.items() if value is not None}
    value = options[kind]
    match kind:
        case "--cron":
            return {"kind": "cron", "expression": value, **fields}
        case "--every":
            return {"kind": "interval", "every_s": parse_period(value)}
        case "--delay":
            return {"kind": "delay", "after_s": parse_period(value, "--delay")}
        case "--months" | "--days":
            units = {unit: options[f"--{unit}"] or 0 for unit in ("months", "days")}
            return {"kind": "calendar_interval", "at_local": "00:00", **units, **fields}
        case "--at":
            return {"kind": "at", "at": value}
        case "--when":
            return parse_conditions(value)
        case "--events":
            return _events_of(value)
        case "--on-demand":
            return {"kind": "on_demand"}
    return {}


def policies_of(
    *,
    overlap: str | None,
    misfire: str | None,
    jitter: str | None,
    flexible_window: str | None,
    exclude: list[str] | None,
    include: list[str] | None,
    shift: str | None,
) -> dict[str, Any]:
    """The fields of the trigger that are given.

    Raises:
        typer.BadParameter
    """
    found: dict[str, Any] = {}
    if overlap is not None:
        found["overlap"] = _overlap_of(overlap)
    if misfire is not None:
        found["misfire"] = {"policy": misfire}
    if jitter is not None:
        found["jitter_s"] = parse_period(jitter, "--jitter")
    if flexible_window is not None:
        found["flexible_window_s"] = parse_period(flexible_window, "--flexible-window")
    if rules := _rules_of(exclude or [], include or [], shift):
        found["calendars"] = rules
    return found


def _events_of(text: str) -> dict[str, Any]:
    size, slash, window = text.partition("/")
    if not (size.isascii() and size.isdigit()):
        reason = f"{text!r} is not like 1, 10 or 10/5m"
        raise typer.BadParameter(reason, param_hint="--events")
    schedule: dict[str, Any] = {"kind": "event", "batch_size": int(size)}
    return {**schedule, "window_s": parse_period(window, "--events")} if slash else schedule


def _check_clock(kind: str, clock: Options) -> None:
    for name, value in clock.items():
        if value is not None and name not in CLOCK_OF.get(kind, ()):
            owners = " and ".join(each for each, names in CLOCK_OF.items() if name in names)
            raise typer.BadParameter(f"{name} belongs to {owners}", param_hint=name)


def _field(option: str) -> str:
    return FIELD_OF.get(option, option.removeprefix("--"))


def _overlap_of(text: str) -> dict[str, Any]:
    policy, colon, limit = text.partition(":")
    if not colon:
        return {"policy": policy}
    if not (limit.isascii() and limit.isdigit()):
        raise typer.BadParameter(f"{limit!r} is not a number", param_hint="--overlap")
    return {"policy": policy, "limit": int(limit)}


def _rules_of(exclude: list[str], include: list[str], shift: str | None) -> list[dict[str, Any]]:
    rules = [
        {"calendar": name, "mode": mode}
        for mode, names in (("exclude", exclude), ("include", include))
        for name in names
    ]
    if shift is not None and not rules:
        raise typer.BadParameter("goes with --exclude or --include", param_hint="--shift")
    return rules if shift is None else [{**rule, "shift": shift} for rule in rules]
