"""callboard webhooks: who is told of failures, recoveries and missed deadlines."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.session import Session

app = typer.Typer(
    help="Who is told of failures, recoveries and missed deadlines.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]
Limit = Annotated[int | None, typer.Option(min=1, help="At the most.", show_default="all")]


@api_command(app, "list")
async def list_webhooks(session: Session, group: AnyGroup = None, limit: Limit = None) -> None:
    """List webhooks by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.webhook_view import WEBHOOK_COLUMNS, webhook_row

    page = await session.api.list(path_of("webhooks"), {"group": group}, limit)
    if session.output.as_json:
        session.output.document(page)
    else:
        session.output.table(WEBHOOK_COLUMNS, [webhook_row(each) for each in page["items"]])


@api_command(app, "get")
async def get_webhook(session: Session, name: Name, group: Group = None) -> None:
    """Show a webhook."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("webhooks", name), {"group": group})
    _show(session, answer.body)


@api_command(app, "put")
async def put_webhook(
    session: Session,
    name: Name,
    target: Annotated[
        str, typer.Argument(metavar="URL", help="Where messages are sent to, by POST.")
    ],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            "-e",
            help="run.failed, run.recovered or deadline.missed; may be repeated.",
            show_default="all",
        ),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Only of this trigger.")] = None,
    secret: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER:KEY", help="The secret that signs, e.g. env:HOOK_KEY."),
    ] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="It sends nothing.")] = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    group: Group = None,
) -> None:
    """Create a webhook, or replace the one of its name.

    E.g. callboard webhooks put ops https://example.org/hooks --secret env:HOOK_KEY
    """
    from callboard_service.cli.client import path_of

    body: dict[str, Any] = {
        "url": target,
        "job": job,
        "trigger": trigger,
        "secret": None if secret is None else {"$secret": secret},
        "disabled": disabled,
        "description": description,
    }
    if event:
        body["events"] = event
    answer = await session.api.request(
        "PUT", path_of("webhooks", name), query={"group": group}, body=body
    )
    _show(session, answer.body)


@api_command(app, "ping")
async def ping_webhook(session: Session, name: Name, group: Group = None) -> None:
    """Have a message sent that says nothing; `deliveries` shows what became of it."""
    from callboard_service.cli.client import path_of

    await session.api.request("POST", path_of("webhooks", name, "ping"), query={"group": group})
    session.output.note(f"a ping of {name} is on its way")


@api_command(app, "deliveries")
async def list_deliveries(
    session: Session,
    name: Name,
    state: Annotated[
        str | None, typer.Option(help="queued, delivered or failed.", show_default="any")
    ] = None,
    group: Group = None,
    limit: Limit = 50,
) -> None:
    """List the messages of a webhook, newest first."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.webhook_view import DELIVERY_COLUMNS, delivery_row

    query = {"group": group, "state": state}
    page = await session.api.list(path_of("webhooks", name, "deliveries"), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        rows = [delivery_row(each, utc=output.utc) for each in page["items"]]
        output.table(DELIVERY_COLUMNS, rows)


@api_command(app, "redeliver")
async def redeliver(
    session: Session,
    name: Name,
    delivery: Annotated[int, typer.Argument(help="Id of the message.", show_default=False)],
    group: Group = None,
) -> None:
    """Send a message again, from its first attempt on."""
    from callboard_service.cli.client import path_of

    path = path_of("webhooks", name, "deliveries", str(delivery), "redeliver")
    await session.api.request("POST", path, query={"group": group})
    session.output.note(f"message {delivery} is on its way again")


@api_command(app, "delete")
async def delete_webhook(session: Session, name: Name, group: Group = None) -> None:
    """Delete a webhook, and its messages."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("webhooks", name), query={"group": group})
    session.output.note(f"deleted the webhook {name}")


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.webhook_view import webhook_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(webhook_facts(json.loads(body), utc=session.output.utc))
