"""callboard doctor: whether this machine, the database and the service are as they should be."""

from __future__ import annotations

from callboard_service.cli.command import DEFAULT_URL, AsJson, Token, Url, run
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.output import Output
from callboard_service.cli.serve import Dsn


def doctor(
    dsn: Dsn = None, url: Url = DEFAULT_URL, token: Token = None, as_json: AsJson = False
) -> None:
    """Check settings, database, schema, clock, permissions, embedded binaries and service.

    A line each: ok, warn or fail, and what to do. Exit code 3 when something fails, 4 when that is
    because the database cannot be reached. With --json each finding is a line.
    """
    output = Output(as_json=as_json)
    run(output, lambda: _examine(output, dsn, url, token))


async def _examine(output: Output, dsn: str | None, url: str, token: str | None) -> ExitCode:
    import os

    from callboard_service.cli.diagnosis import Verdict, examine
    from callboard_service.cli.text import one_line

    code = ExitCode.DONE
    async for finding in examine(os.environ, dsn, url, token):
        if output.as_json:
            output.document(
                {
                    "verdict": finding.verdict,
                    "check": finding.check,
                    "detail": finding.detail,
                    "fix": finding.fix or None,
                }
            )
        else:
            fix = f" -> {finding.fix}" if finding.fix else ""
            word = output.state(finding.verdict.value, width=4)
            output.line(f"{word}  {finding.check:11}  {one_line(finding.detail + fix)}")
        if finding.verdict is Verdict.FAIL and code is not ExitCode.UNREACHABLE:
            code = ExitCode.UNREACHABLE if finding.is_unreachable else ExitCode.REFUSED
    return code
