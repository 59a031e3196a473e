"""callboard translate: a cron text in another dialect, without a server."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import AsJson, run
from callboard_service.cli.output import Output


def translate(
    expression: Annotated[str, typer.Argument(help='E.g. "0 0 12 ? * MON"', show_default=False)],
    source: Annotated[str, typer.Option("--from", help="Its dialect.")] = "vixie",
    target: Annotated[
        str, typer.Option("--to", help="Wanted: vixie, quartz, aws, spring.")
    ] = "quartz",
    hash_key: Annotated[
        str, typer.Option("--hash-key", help="What H stands for: group/name of the trigger.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write a cron text in another dialect; refused where its slots would change.

    E.g. callboard translate "30 9 * * mon-fri" --to aws
    """
    output = Output(as_json=as_json)

    async def work() -> None:
        from callboard_service.wire.slots import translate_cron
        from callboard_service.wire.text import encode_json

        translation = translate_cron(expression, source, target, hash_key=hash_key)
        if as_json:
            output.document(encode_json(translation))
        else:
            output.line(translation.expression)
            output.note(translation.description)
            for note in translation.notes:
                output.note(f"note: {note}")

    run(output, work)
