"""Webhooks as values: what may be asked for, and whom it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.delivery import MAX_ATTEMPTS, MAX_DELAY_S, delay_s
from callboard.domain.webhook import Webhook, WebhookEvent
from callboard.errors import InvalidInput


def make(**fields: Any) -> Webhook:
    return Webhook(**{"name": "ops", "url": "https://example.org/hook", **fields})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://example.org/{{ arguments.x }}"}, "url"),
        ({"events": ()}, "events"),
        ({"events": (WebhookEvent.PING,)}, "events[0]"),
        ({"secret": {"$secret": "no-colon"}}, "secret"),
        ({"secret": {"key": "in the clear"}}, "secret"),
        ({"job": "a\nb"}, "job"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(**fields)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_placeholder_is_told_to_be_of_no_use() -> None:
    with pytest.raises(InvalidInput, match="has a placeholder: the same URL is called for every"):
        make(url="https://example.org/{{ wrong }}")


def test_a_webhook_tells_of_its_job_and_trigger_alone() -> None:
    failed = WebhookEvent.RUN_FAILED
    assert make().wants(failed, job="a", trigger=None)
    assert make(job="a").wants(failed, job="a", trigger="t")
    assert not make(job="a").wants(failed, job="b", trigger="t")
    assert not make(trigger="t").wants(failed, job="a", trigger=None)


def test_a_disabled_webhook_wants_nothing() -> None:
    assert not make(disabled=True).wants(WebhookEvent.RUN_FAILED, job="a", trigger=None)


def test_an_event_that_was_not_asked_for_is_not_told() -> None:
    webhook = make(events=(WebhookEvent.DEADLINE_MISSED,))
    assert not webhook.wants(WebhookEvent.RUN_FAILED, job="a", trigger=None)


def test_messages_are_tried_later_and_later_and_then_given_up() -> None:
    delays = [delay_s(attempts, 0.5) for attempts in range(1, MAX_ATTEMPTS + 1)]
    assert delays[:3] == [5.0, 15.0, 45.0]
    assert delays[-2] == MAX_DELAY_S
    assert delays[-1] is None
