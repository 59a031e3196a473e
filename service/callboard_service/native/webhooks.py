"""/v1/webhooks: who is told of failures, recoveries and missed deadlines, and what became of it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from callboard.domain.delivery import DeliveryState
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.webhook import Webhook
from callboard.store.contract import WebhookFilter
from callboard_service.call import Call, Route, json_answer
from callboard_service.native.definition import (
    check_patch,
    created_body,
    replaced_body,
    store_patched,
)
from callboard_service.native.groups import InGroup, IntoGroup, KnownName
from callboard_service.native.stored import find_or_none, stored_answer
from callboard_service.paging import Paged, by_id, by_name, page_of, place_of
from callboard_service.preconditions import (
    check_absent,
    expected_version,
    is_unchanged,
    version_tag,
)
from callboard_service.wire.shapes import JsonMap, Page
from callboard_service.wire.webhooks import (
    DeliveryResource,
    WebhookInput,
    WebhookResource,
    delivery_resource,
    patched_webhook,
    read_webhook,
    webhook_resource,
)


class WebhooksQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which webhooks to list."""

    group: KnownName | None = None


class DeliveriesQuery(Paged, kw_only=True, forbid_unknown_fields=True):
    """Which messages of a webhook to list."""

    group: KnownName = DEFAULT_GROUP
    state: DeliveryState | None = None


async def create_webhook(call: Call[IntoGroup]) -> web.Response:
    webhook = read_webhook(created_body(call.body(), call.query.group))
    return _answer(call, await call.board.create_webhook(webhook), created=True)


async def list_webhooks(call: Call[WebhooksQuery]) -> web.Response:
    query = call.query
    place = place_of("webhooks", query)
    webhooks = await call.board.list_webhooks(
        WebhookFilter(
            group=query.group,
            after=(place[0], place[1]) if place else None,
            limit=query.limit + 1,
        )
    )
    return json_answer(
        page_of("webhooks", query, webhooks, shown_as=webhook_resource, place=by_name)
    )


async def get_webhook(call: Call[InGroup]) -> web.Response:
    webhook = await call.board.get_webhook(call.query.group, call.name)
    if is_unchanged(call.request, version_tag(webhook)):
        return web.Response(status=304, headers={"ETag": version_tag(webhook)})
    return _answer(call, webhook)


async def put_webhook(call: Call[InGroup]) -> web.Response:
    present = await _find(call)
    check_absent(call.request, present)
    expected = expected_version(call.request, "webhook", present)
    body = replaced_body(call.body(), present, call.name, call.query.group)
    stored, created = await call.board.replace_webhook(
        read_webhook(body), expected_version=expected
    )
    return _answer(call, stored, created=created)


async def patch_webhook(call: Call[InGroup]) -> web.Response:
    patch = call.body()
    check_patch(patch, call.name, call.query.group)

    async def get() -> Webhook:
        return await call.board.get_webhook(call.query.group, call.name)

    async def store(present: Webhook) -> tuple[Webhook, bool]:
        webhook = read_webhook(patched_webhook(present, patch))
        return await call.board.replace_webhook(webhook, expected_version=present.version)

    return _answer(call, await store_patched(call.request, "webhook", get, store))


async def delete_webhook(call: Call[InGroup]) -> web.Response:
    expected = expected_version(call.request, "webhook", await _find(call))
    await call.board.delete_webhook(call.query.group, call.name, expected_version=expected)
    return web.Response(status=204)


async def ping_webhook(call: Call[InGroup]) -> web.Response:
    await call.board.ping_webhook(call.query.group, call.name)
    return web.Response(status=202)


async def list_deliveries(call: Call[DeliveriesQuery]) -> web.Response:
    query = call.query
    place = place_of("deliveries", query)
    deliveries = await call.board.list_deliveries(
        query.group,
        call.name,
        state=query.state,
        before_id=place[0] if place else None,
        limit=query.limit + 1,
    )
    return json_answer(
        page_of("deliveries", query, deliveries, shown_as=delivery_resource, place=by_id)
    )


async def redeliver(call: Call[InGroup]) -> web.Response:
    delivery = await call.board.redeliver(call.query.group, call.name, call.id_of("delivery"))
    return json_answer(delivery_resource(delivery), status=202)


async def _find(call: Call[InGroup]) -> Webhook | None:
    return await find_or_none(call.board.get_webhook(call.query.group, call.name))


def _answer(
    call: Call[InGroup] | Call[IntoGroup], webhook: Webhook, *, created: bool = False
) -> web.Response:
    return stored_answer(call, "get_webhook", webhook, webhook_resource(webhook), created=created)


_ONE: Final = "/v1/webhooks/{name}"

ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/webhooks",
        name="create_webhook",
        summary="Create a webhook",
        handle=create_webhook,
        query=IntoGroup,
        body=WebhookInput,
        answers={201: WebhookResource},
        problems=("already_exists", "invalid_input"),
    ),
    Route(
        method="GET",
        path="/v1/webhooks",
        name="list_webhooks",
        summary="List webhooks by group and name",
        handle=list_webhooks,
        query=WebhooksQuery,
        answers={200: Page[WebhookResource]},
        problems=("invalid_cursor",),
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_webhook",
        summary="Get a webhook",
        handle=get_webhook,
        query=InGroup,
        answers={200: WebhookResource, 304: None},
        problems=("not_found",),
    ),
    Route(
        method="PUT",
        path=_ONE,
        name="put_webhook",
        summary="Create or replace a webhook",
        handle=put_webhook,
        query=InGroup,
        body=WebhookInput,
        answers={200: WebhookResource, 201: WebhookResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="patch_webhook",
        summary="Change some fields of a webhook (JSON merge patch)",
        handle=patch_webhook,
        query=InGroup,
        body=JsonMap,
        answers={200: WebhookResource},
        problems=("not_found", "stale_version", "invalid_input"),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_webhook",
        summary="Delete a webhook, and its messages",
        handle=delete_webhook,
        query=InGroup,
        answers={204: None},
        problems=("not_found", "stale_version"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/ping",
        name="ping_webhook",
        summary="Have a message sent that says nothing, to try the webhook",
        handle=ping_webhook,
        query=InGroup,
        answers={202: None},
        problems=("not_found", "webhook_disabled"),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/deliveries",
        name="list_deliveries",
        summary="List the messages of a webhook, newest first",
        handle=list_deliveries,
        query=DeliveriesQuery,
        answers={200: Page[DeliveryResource]},
        problems=("not_found", "invalid_cursor"),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/deliveries/{{id}}/redeliver",
        name="redeliver",
        summary="Send a message again, from its first attempt on",
        handle=redeliver,
        query=InGroup,
        answers={202: DeliveryResource},
        problems=("not_found",),
    ),
)
