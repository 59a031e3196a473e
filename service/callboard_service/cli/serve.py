"""callboard serve: the service, until it is told to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.output import Output

NETWORK = "Network"
STREAMS = "Streams"
CLUSTER = "Cluster"
HISTORY = "History"
GLUE = "AWS Glue"
SPRING = "Spring Batch"
PROCESS = "Process"

Dsn = Annotated[
    str | None,
    typer.Option(
        envvar="CALLBOARD_DSN",
        help="postgresql://user@host/database, embedded:DIRECTORY or memory:",
        show_default="embedded:.callboard",
    ),
]


def serve(
    more_handlers: Annotated[
        list[str] | None, typer.Argument(metavar="[MODULE]...", hidden=True)
    ] = None,
    dsn: Dsn = None,
    handlers: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CALLBOARD_HANDLERS",
            metavar="MODULE...",
            help="Modules to import; then only they may hold handlers. Without any, a handler is "
            "imported from wherever its name says.",
            show_default="any",
        ),
    ] = None,
    node_id: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_NODE_ID",
            help="Name of this node, unique on its database.",
            show_default="of host and process",
        ),
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(envvar="CALLBOARD_CAPACITY", help="Runs at once.", show_default="100"),
    ] = None,
    drain_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_DRAIN_S",
            help="Seconds that runs have to end when the service stops.",
            show_default="30",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_HOST",
            help="Address to listen on; other than loopback only with a token.",
            show_default="127.0.0.1",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_PORT",
            help="0: any free one.",
            show_default="8321",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_TOKEN",
            help="Bearer token that every request has to bring; better in the environment.",
            show_default=False,
            rich_help_panel=NETWORK,
        ),
    ] = None,
    allowed_origins: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CALLBOARD_ALLOWED_ORIGINS",
            help="Origins of web pages that may use the API.",
            show_default="its own",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CALLBOARD_ALLOWED_HOSTS",
            help="Names that a service on loopback is also called by.",
            show_default="its own",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    secrets_dir: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_SECRETS_DIR",
            help="Where secrets by the name file:NAME are; those of env:NAME are the variables "
            "CALLBOARD_SECRET_NAME.",
            show_default="nowhere",
            rich_help_panel=PROCESS,
        ),
    ] = None,
    databases: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CALLBOARD_DATABASES",
            metavar="NAME=DSN",
            help="An application's database that batch jobs write to; may come more than once.",
            show_default="none",
            rich_help_panel=PROCESS,
        ),
    ] = None,
    egress_allow: Annotated[
        list[str] | None,
        typer.Option(
            envvar="CALLBOARD_EGRESS_ALLOW",
            help="Where http jobs may connect to besides the public internet: networks, hosts, "
            "host:port.",
            show_default="nowhere",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    heartbeat_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_HEARTBEAT_S",
            help="Seconds between heartbeats.",
            show_default="15",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    stream_buffer: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_STREAM_BUFFER",
            help="Events that wait for one slow client at the most.",
            show_default="1000",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    send_timeout_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_SEND_TIMEOUT_S",
            help="Seconds after which a client that takes nothing is given up.",
            show_default="10",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    max_streams: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_MAX_STREAMS",
            help="Streams open at once.",
            show_default="1000",
            rich_help_panel=STREAMS,
        ),
    ] = None,
    scheduling: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_SCHEDULING",
            help="shared: the nodes share the triggers; leader: one node decides all slots.",
            show_default="shared",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    fires: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_FIRES",
            help="Take part in deciding slots: true or false.",
            show_default="true",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    executes: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_EXECUTES",
            help="Execute runs: true or false.",
            show_default="true",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    notifies: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_NOTIFIES",
            help="Call webhooks, and look for missed deadlines: true or false.",
            show_default="true",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    lease_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_LEASE_S",
            help="Seconds without a sign of life after which others take its runs away.",
            show_default="15",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    firing_lease_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_FIRING_LEASE_S",
            help="The same for the slots that it has to decide.",
            show_default="6",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    crash_budget: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_CRASH_BUDGET",
            help="Nodes that may die under a run before it is parked.",
            show_default="3",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    claim_ahead_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_CLAIM_AHEAD_S",
            help="Runs are claimed as far ahead as they begin within so many seconds.",
            show_default="0.1",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    loop_block_warn_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_LOOP_BLOCK_WARN_S",
            help="Seconds that a handler may block the event loop unnamed.",
            show_default="1",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    clock_skew_limit_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_CLOCK_SKEW_LIMIT_S",
            help="Seconds between its clock and the database's before it is degraded.",
            show_default="5",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    keep_runs_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_KEEP_RUNS_S",
            help="Seconds for which ended runs are kept, or none: for ever.",
            show_default="2592000",
            rich_help_panel=HISTORY,
        ),
    ] = None,
    keep_runs_per_job: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_KEEP_RUNS_PER_JOB",
            help="Ended runs of a job that are kept at the most, or none.",
            show_default="none",
            rich_help_panel=HISTORY,
        ),
    ] = None,
    keep_ledger_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_KEEP_LEDGER_S",
            help="Seconds for which the ledger is kept, or none: for ever.",
            show_default="7776000",
            rich_help_panel=HISTORY,
        ),
    ] = None,
    keep_events_s: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_KEEP_EVENTS_S",
            help="Seconds by which a stream can be resumed, or none.",
            show_default="86400",
            rich_help_panel=HISTORY,
        ),
    ] = None,
    glue: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_GLUE",
            help="Answer the API of AWS Glue: true or false.",
            show_default="true",
            rich_help_panel=GLUE,
        ),
    ] = None,
    glue_credentials: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_GLUE_CREDENTIALS",
            metavar="FILE",
            help="Access keys of those who may use it, as in ~/.aws/credentials; without any, all "
            "may on loopback, unverified, where there is no token.",
            show_default=False,
            rich_help_panel=GLUE,
        ),
    ] = None,
    glue_account: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_GLUE_ACCOUNT",
            help="The AWS account that its ARNs name.",
            show_default="123456789012",
            rich_help_panel=GLUE,
        ),
    ] = None,
    batch_door: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_BATCH_DOOR",
            help="Answer the calls of Spring Batch's JobOperator: true or false.",
            show_default="true",
            rich_help_panel=SPRING,
        ),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_LOG_FORMAT",
            help="json, text, or auto: text on a terminal.",
            show_default="auto",
            rich_help_panel=PROCESS,
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_LOG_LEVEL",
            help="debug, info, warning or error.",
            show_default="info",
            rich_help_panel=PROCESS,
        ),
    ] = None,
    loop: Annotated[
        str | None,
        typer.Option(
            envvar="CALLBOARD_LOOP",
            help="asyncio, uvloop, or auto: uvloop where it is installed.",
            show_default="auto",
            rich_help_panel=PROCESS,
        ),
    ] = None,
) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Handlers are imported from the present directory and wherever PYTHONPATH says.
    """
    if more_handlers and not handlers:
        raise typer.BadParameter(f"unexpected {more_handlers[0]!r}", param_hint="serve")
    given = {
        "dsn": dsn,
        "host": host,
        "port": port,
        "token": token,
        "handlers": [*(handlers or []), *(more_handlers or [])] or None,
        "node_id": node_id,
        "allowed_origins": allowed_origins or None,
        "allowed_hosts": allowed_hosts or None,
        "secrets_dir": secrets_dir,
        "databases": databases or None,
        "egress_allow": egress_allow or None,
        "capacity": capacity,
        "drain_s": drain_s,
        "heartbeat_s": heartbeat_s,
        "stream_buffer": stream_buffer,
        "send_timeout_s": send_timeout_s,
        "max_streams": max_streams,
        "scheduling": scheduling,
        "fires": fires,
        "executes": executes,
        "notifies": notifies,
        "lease_s": lease_s,
        "firing_lease_s": firing_lease_s,
        "crash_budget": crash_budget,
        "claim_ahead_s": claim_ahead_s,
        "loop_block_warn_s": loop_block_warn_s,
        "clock_skew_limit_s": clock_skew_limit_s,
        "keep_runs_s": keep_runs_s,
        "keep_runs_per_job": keep_runs_per_job,
        "keep_ledger_s": keep_ledger_s,
        "keep_events_s": keep_events_s,
        "glue": glue,
        "glue_credentials": glue_credentials,
        "glue_account": glue_account,
        "batch_door": batch_door,
        "log_format": log_format,
        "log_level": log_level,
        "loop": loop,
    }
    raise typer.Exit(_serve(given))


def _serve(given: Mapping[str, object]) -> int:
    from callboard.errors import FieldProblem, InvalidInput
    from callboard_service.cli.failures import invalid_input
    from callboard_service.serve import run_service
    from callboard_service.settings import load_settings

    try:
        # The environment came in through the options.
        settings = load_settings({}, given)
    except InvalidInput as error:
        options = (
            FieldProblem(f"--{each.field.replace('_', '-')}", each.reason, each.fix)
            for each in error.problems
        )
        Output().failure(invalid_input(InvalidInput(*options)))
        return ExitCode.USAGE
    return run_service(settings)
