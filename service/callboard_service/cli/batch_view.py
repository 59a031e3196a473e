"""Batch jobs, instances, steps and restart plans as rows of a table and as facts of one thing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from callboard_service.cli.text import (
    counted,
    shorten,
    show_duration,
    show_instant,
    show_json,
    show_rate,
    show_span,
)
from callboard_service.cli.views import run_state

Resource = Mapping[str, Any]
Facts = Iterator[tuple[str, object]]

JOB_COLUMNS: Final = ("NAME", "GROUP", "PARAMETERS", "STEPS", "RESTARTS", "STATE")
INSTANCE_COLUMNS: Final = ("INSTANCE", "STATE", "PARAMETERS", "LAST RUN", "CREATED", "ENDED")
RUN_COLUMNS: Final = ("RUN", "STATE", "EXIT CODE", "ATTEMPT", "STARTED", "TOOK", "ERROR")
STEP_COLUMNS: Final = (
    "STEP", "NAME", "STATE", "EXIT CODE", "READ", "WRITTEN", "SKIPPED", "COMMITS", "TOOK",
)  # fmt: skip
PLAN_COLUMNS: Final = ("STEP", "VISIT", "WHAT", "FROM", "WRITTEN", "WHY")
TOTAL_COLUMNS: Final = (
    "STEP", "EXECUTIONS", "STATE", "READ", "WRITTEN", "SKIPPED", "COMMITS", "TOOK", "RATE",
)  # fmt: skip
SKIPPED_COLUMNS: Final = ("STEP", "PHASE", "ITEM", "ERROR")
WIDEST: Final = 60


def job_row(job: Resource) -> list[object]:
    spec = job["spec"]
    steps = [each["name"] for each in spec.get("steps") or ()]
    return [
        job["name"], job["group"], shorten(_parameters(spec.get("parameters")), WIDEST),
        shorten(" ".join(steps), WIDEST), "yes" if spec.get("restartable", True) else "no",
        "disabled" if job["disabled"] else "enabled",
    ]  # fmt: skip


def _parameters(rules: list[Resource] | None) -> str:
    """`day:date, size:integer?, (note:string)`: in brackets what does not identify."""
    if rules is None:
        return "any"
    return ", ".join(map(_parameter, rules))


def _parameter(rule: Resource) -> str:
    optional = "default" in rule or rule.get("required") is False
    text = f"{rule['name']}:{rule['type']}{'?' if optional else ''}"
    return text if rule.get("identifying", True) else f"({text})"


def instance_rows(instances: Sequence[Resource], *, utc: bool) -> list[list[object]]:
    """Of one job; what tells them apart comes first."""
    names = _telling([instance["parameters"] for instance in instances])
    return [_instance_row(each, names, utc=utc) for each in instances]


def _instance_row(instance: Resource, names: Sequence[str], *, utc: bool) -> list[object]:
    return [
        instance["id"], instance["state"],
        shorten(_identity(instance["parameters"], names), WIDEST), instance["last_run_id"],
        show_instant(instance["created_at"], utc=utc), show_instant(instance["ended_at"], utc=utc),
    ]  # fmt: skip


def _telling(identities: Sequence[Resource]) -> list[str]:
    """Names of parameters: first those whose values differ, otherwise as they come."""
    names = dict.fromkeys(name for identity in identities for name in identity)
    values = {name: {show_json([each.get(name)]) for each in identities} for name in names}
    return sorted(names, key=lambda name: len(values[name]) == 1)


def _identity(parameters: Resource, names: Sequence[str]) -> str:
    """`day=2026-01-05 size=3`, as `start` takes them."""
    known = (name for name in names if name in parameters)
    return " ".join(f"{name}={_value(parameters[name])}" for name in known)


def _value(value: Any) -> str:
    is_plain = isinstance(value, str) and value and not any(map(str.isspace, value))
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def instance_facts(instance: Resource, *, utc: bool) -> Facts:
    yield "instance", instance["id"]
    yield "job", instance["job"]
    yield "group", instance["group"]
    yield "parameters", show_json(instance["parameters"])
    yield "state", instance["state"]
    yield "live run", instance["live_run_id"]
    yield "last run", instance["last_run_id"]
    yield "created", show_instant(instance["created_at"], utc=utc)
    if instance["ended_at"] is not None:
        yield "ended", show_instant(instance["ended_at"], utc=utc)


def run_row(run: Resource, *, utc: bool) -> list[object]:
    error = run["error"] or {}
    return [
        run["id"], run_state(run), exit_code_of(run), run["attempt"],
        show_instant(run["started_at"], utc=utc), show_span(run["started_at"], run["ended_at"]),
        shorten(str(error.get("message") or ""), WIDEST),
    ]  # fmt: skip


def exit_code_of(run: Resource) -> object:
    """Of a batch run that has ended, as its result has it."""
    result = run["result"]
    return result.get("exit_code") if isinstance(result, dict) else None


def step_row(step: Resource) -> list[object]:
    counts = step["counts"]
    return [
        step["id"], step_name(step), step["state"], step["exit_code"], counts["reads"],
        counts["writes"], skips_of(counts), counts["commits"],
        show_span(step["started_at"], step["ended_at"]),
    ]  # fmt: skip


def step_name(step: Resource) -> str:
    """With its visit, where the flow came to it before."""
    return step["name"] if step["visit"] == 1 else f"{step['name']} (visit {step['visit']})"


def skips_of(counts: Resource) -> int:
    return int(counts["read_skips"] + counts["process_skips"] + counts["write_skips"])


def skipped_row(item: Resource) -> list[object]:
    error = f"{item['error_type']}: {item['error_message']}"
    return [item["step_id"], item["phase"], shorten(item["item"], WIDEST), shorten(error, WIDEST)]


def plan_row(step: Resource) -> list[object]:
    why = f"{step['reason']}, {step['condition']}" if step["condition"] else step["reason"]
    return [
        "  " * step["depth"] + step["name"], step["visit"], step["what"],
        shorten(show_json(step["cursor"]), WIDEST), step["counts"]["writes"] or None, why,
    ]  # fmt: skip


def totals_facts(totals: Resource) -> Facts:
    yield "instance", totals["instance_id"]
    yield "runs", totals["runs"]
    yield from counts_facts(totals["counts"])
    yield "time", show_duration(totals["wall_s"])
    yield "rate", None if totals["rate"] is None else f"{show_rate(totals['rate'])} a second"
    yield "expected", totals["expected"]
    yield "left", None if totals["eta_s"] is None else show_duration(totals["eta_s"])


def counts_facts(counts: Resource) -> Facts:
    """What is not 0, and what was written."""
    for name in ("reads", "writes", "filters", "commits", "rollbacks", "retries"):
        if counts[name] or name == "writes":
            yield name, f"{counts[name]:,}"
    if skips := skips_of(counts):
        yield "skips", f"{skips:,}"


def totals_row(step: Resource) -> list[object]:
    counts = step["counts"]
    return [
        step_name(step), step["executions"], step["state"], counts["reads"], counts["writes"],
        skips_of(counts), counts["commits"], show_duration(step["wall_s"]),
        f"{show_rate(step['rate'])}/s" if step["rate"] else None,
    ]  # fmt: skip


def step_line(step: Resource) -> str:
    """A step of an event, when it began or ended."""
    name = f"step {step['step']}"
    if step["state"] == "running":
        return f"{name} started"
    counts = step["counts"]
    text = f"{name} {step['state']} ({step['exit_code']}): {counts['writes']:,} written"
    skips = skips_of(counts)
    return f"{text}, {counted(skips, 'item')} skipped" if skips else text
