"""Workflows and their runs as rows of a table and as facts of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from callboard_service.cli.text import shorten, show_instant, show_json, show_span
from callboard_service.cli.views import run_state

Resource = Mapping[str, Any]
Facts = Iterator[tuple[str, object]]

WORKFLOW_COLUMNS: Final = ("NAME", "GROUP", "AT ONCE", "PROPERTIES", "DESCRIPTION")
RUN_COLUMNS: Final = ("RUN", "STATE", "TRIGGER", "JOBS", "LIVE", "CREATED", "TOOK", "PROPERTIES")
JOB_COLUMNS: Final = ("JOB", "RUNS", "LAST", "ERROR")
WIDEST: Final = 60


def workflow_row(workflow: Resource) -> list[object]:
    return [
        workflow["name"], workflow["group"], workflow["max_concurrent_runs"] or "any number",
        shorten(_texts(workflow["properties"]), WIDEST), shorten(workflow["description"], WIDEST),
    ]  # fmt: skip


def workflow_facts(workflow: Resource, *, utc: bool) -> Facts:
    yield "name", workflow["name"]
    yield "group", workflow["group"]
    yield "description", workflow["description"]
    yield "at once", workflow["max_concurrent_runs"] or "any number"
    yield "properties", _texts(workflow["properties"])
    yield "run arguments", _texts(workflow["run_arguments"])
    yield "labels", show_json(workflow["labels"])
    yield "version", workflow["version"]
    yield "created", show_instant(workflow["created_at"], utc=utc)
    yield "updated", show_instant(workflow["updated_at"], utc=utc)


def run_row(run: Resource, *, utc: bool) -> list[object]:
    return [
        run["id"], run["state"], run["trigger"], len(run["runs"]), len(run["live"]),
        show_instant(run["created_at"], utc=utc), show_span(run["created_at"], run["ended_at"]),
        shorten(_texts(run["properties"]), WIDEST),
    ]  # fmt: skip


def run_facts(run: Resource, *, utc: bool) -> Facts:
    yield "workflow run", run["id"]
    yield "workflow", run["workflow"]
    yield "group", run["group"]
    yield "state", run["state"]
    yield "trigger", run["trigger"]
    yield "resumes", run["previous_run_id"]
    yield "properties", _texts(run["properties"])
    yield "missing", ", ".join(run["missing"])
    yield "event", show_json(run["event"])
    yield "created", show_instant(run["created_at"], utc=utc)
    if run["ended_at"] is not None:
        yield "ended", show_instant(run["ended_at"], utc=utc)


def job_rows(run: Resource, last: Mapping[str, Resource | None]) -> Iterator[list[object]]:
    """A job a line: its runs, the state of the last one, and what went wrong there."""
    for job, ids in run["runs"].items():
        found = last.get(job) or {}
        error = found.get("error") or {}
        yield [
            job, " ".join(map(str, ids)), run_state(found) if found else None,
            shorten(str(error.get("message") or ""), WIDEST),
        ]  # fmt: skip


def _texts(texts: Resource) -> str:
    """`day=1 region=eu`."""
    return " ".join(f"{name}={value}" for name, value in texts.items())
