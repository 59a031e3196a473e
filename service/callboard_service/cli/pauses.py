"""callboard pause, resume: triggers by name, or all of a job, of a group, of everything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import Group
from callboard_service.cli.session import Session

Name = Annotated[
    str | None, typer.Argument(help="A trigger; or one of --job, --all.", show_default=False)
]
OfJob = Annotated[
    str | None, typer.Option("--job", "-j", help="All triggers with an action on this job.")
]
All = Annotated[bool, typer.Option("--all", help="All triggers; with --group, all of that group.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only count.")]
Until = Annotated[
    str | None,
    typer.Option(metavar="INSTANT", help="It ends by itself then.", show_default="when resumed"),
]
Missed = Annotated[
    str,
    typer.Option(help="Slots of the pause: skip, or catch_up: decide them by the misfire policy."),
]


async def pause(
    session: Session,
    name: Name = None,
    job: OfJob = None,
    everything: All = False,
    until: Until = None,
    dry_run: DryRun = False,
    group: Group = None,
) -> None:
    """Skip the slots of triggers; the ledger says so.

    E.g. callboard pause nightly --until 2026-12-01T06:00:00Z; callboard pause --job load
    """
    await _change(session, "pause", name, job, everything, group, dry_run, {"until": until})


async def resume(
    session: Session,
    name: Name = None,
    job: OfJob = None,
    everything: All = False,
    missed: Missed = "skip",
    dry_run: DryRun = False,
    group: Group = None,
) -> None:
    """Let paused triggers fire again, and say what became of the slots between."""
    await _change(session, "resume", name, job, everything, group, dry_run, {"missed": missed})


async def _change(
    session: Session,
    verb: str,
    name: str | None,
    job: str | None,
    everything: bool,
    group: str | None,
    dry_run: bool,
    body: dict[str, Any],
) -> None:
    from callboard_service.cli.client import path_of

    if [name is not None, job is not None, everything].count(True) != 1:
        raise typer.BadParameter("give exactly one of NAME, --job, --all")
    if name is not None and dry_run:
        raise typer.BadParameter("a single trigger is not counted", param_hint="--dry-run")
    query = None
    if name is not None:
        path, query = path_of("triggers", name, verb), {"group": group}
    elif job is not None:
        path, query = path_of("jobs", job, verb), {"group": group}
    elif group is not None:
        path = path_of("groups", group, verb)
    else:
        path = path_of("triggers", verb)
        body["all"] = True
    if name is None:
        body["dry_run"] = dry_run
    answer = await session.api.post(path, body, query)
    _show(session, verb, answer.body, answer.value)


def _show(session: Session, verb: str, body: bytes, answer: Any) -> None:
    from callboard_service.cli.text import counted
    from callboard_service.cli.views import trigger_facts

    output = session.output
    if output.as_json:
        output.document(body)
    elif "matched" in answer:
        would = "would be " if answer["dry_run"] else ""
        output.line(
            f"{answer['changed']} of {counted(answer['matched'], 'trigger')} {would}{verb}d"
        )
        if answer["slots"]:
            output.line(f"{counted(answer['slots'], 'slot')} came between")
    else:
        output.facts(trigger_facts(answer, utc=output.utc))
        if between := answer.get("between"):
            count, fate = between["count"], _fate(between["missed"])
            output.note(f"{counted(count, 'slot')} came between{f': {fate}' if count else ''}")


def _fate(missed: str) -> str:
    return "skipped" if missed == "skip" else "decided by the misfire policy"
