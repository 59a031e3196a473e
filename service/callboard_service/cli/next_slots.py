"""callboard next: what a cron text means, and when it fires; without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from callboard_service.cli.command import AsJson, run
from callboard_service.cli.output import Output

if TYPE_CHECKING:
    from callboard_service.wire.slots import CronPreview


def next_slots(
    expression: Annotated[str, typer.Argument(help='E.g. "0 2 * * *"', show_default=False)],
    dialect: Annotated[
        str, typer.Option(help="How it is written: vixie, quartz, aws, spring.")
    ] = "vixie",
    zone: Annotated[str, typer.Option("--zone", "-z", help="Whose wall clock it means.")] = "UTC",
    gap: Annotated[
        str | None,
        typer.Option(help="Times that a zone leaves out: run or skip.", show_default="by the text"),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(help="Times that come twice: first or both.", show_default="by the text"),
    ] = None,
    hash_key: Annotated[
        str | None, typer.Option(help="What H stands for: group/name of the trigger.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="Only later ones.", show_default="now"),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say what a cron text means and when its next slots are.

    With --json it prints the answer of /v1/cron/preview.
    """
    output = Output(as_json=as_json)

    async def work() -> None:
        from callboard.clock import SystemClock
        from callboard.domain.instant import instant_from_text
        from callboard_service.wire.slots import preview_cron
        from callboard_service.wire.text import encode_json

        after = SystemClock().now() if since is None else instant_from_text(since, "from")
        preview = preview_cron(
            expression=expression,
            dialect=dialect,
            zone=zone,
            gap=gap,
            fold=fold,
            hash_key=hash_key,
            after=after,
            count=count,
        )
        if as_json:
            output.document(encode_json(preview))
        else:
            _print(output, preview, is_reboot=expression.strip().lower() == "@reboot")

    run(output, work)


def _print(output: Output, preview: CronPreview, *, is_reboot: bool) -> None:
    output.line(preview.description)
    for warning in preview.warnings:
        output.note(f"warning: {warning}")
    if not preview.slots:
        if not is_reboot:
            output.note("it never fires again")
        return
    rows = [
        (
            slot.slot.isoformat(sep=" ").replace("+00:00", "Z"),
            slot.local.isoformat(sep=" ").replace("+00:00", "Z"),
            " ".join(slot.marks),
        )
        for slot in preview.slots
    ]
    output.table(("UTC", "LOCAL", "MARKS"), rows)
