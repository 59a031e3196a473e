"""A webhook: whom to tell, by HTTP, that jobs fail, have recovered or are late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.http_url import UrlTemplate
from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP, name_problems, wide_name_problems
from callboard.domain.secret_reference import is_reference
from callboard.domain.template import TemplateProblem
from callboard.errors import FieldProblem, InvalidInput

MAX_DESCRIPTION: Final = 10_000


class WebhookEvent(StrEnum):
    """What a webhook may tell of."""

    RUN_FAILED = "run.failed"
    """The last attempt of a chain failed or ran out of time."""
    RUN_RECOVERED = "run.recovered"
    """A chain of a job succeeded; the one that ended before it had not."""
    DEADLINE_MISSED = "deadline.missed"
    """A slot's runs did not begin, or did not succeed, in time."""
    PING = "ping"
    """Somebody tries whether the webhook works."""


ASKED_FOR: Final = (
    WebhookEvent.RUN_FAILED,
    WebhookEvent.RUN_RECOVERED,
    WebhookEvent.DEADLINE_MISSED,
)
"""What a webhook may be defined for; a ping goes to any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A definition, and, once stored, its identity and version.

    Raises:
        InvalidInput: everything that is wrong, by field.
    """

    name: str
    group: str = DEFAULT_GROUP
    """Whose jobs and triggers it tells of."""
    url: str
    """http or https; where it leads is judged by the egress guard whenever it is called."""
    events: tuple[WebhookEvent, ...] = ASKED_FOR
    job: str | None = None
    """Only of this job, and of the deadlines of triggers that start it; None: of all jobs of the
    group."""
    trigger: str | None = None
    """Only of this trigger's runs and slots; None: of all."""
    secret: JsonObject | None = None
    """Reference to the key that signs, `{"$secret": "env:HOOK_KEY"}`; None: it is not signed."""
    description: str = ""
    disabled: bool = False
    """A disabled one notes nothing, and sends nothing."""
    id: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)

    def _problems(self) -> Iterator[FieldProblem]:
        yield from name_problems(name=self.name, group=self.group)
        if self.job is not None:
            yield from wide_name_problems(job=self.job)
        if self.trigger is not None:
            yield from wide_name_problems(trigger=self.trigger)
        yield from _url_problems(self.url)
        if not self.events:
            yield FieldProblem("events", "is empty", f"use some of {', '.join(ASKED_FOR)}")
        for place, event in enumerate(self.events):
            if event not in ASKED_FOR:
                fix = f"use some of {', '.join(ASKED_FOR)}"
                yield FieldProblem(f"events[{place}]", f"{event} is not to be asked for", fix)
        if self.secret is not None and not is_reference(self.secret):
            fix = 'e.g. {"$secret": "env:HOOK_KEY"}'
            yield FieldProblem("secret", "is not a reference to a secret", fix)
        if len(self.description) > MAX_DESCRIPTION:
            yield FieldProblem("description", f"is longer than {MAX_DESCRIPTION} characters")

    def wants(self, event: WebhookEvent, *, job: str | None, trigger: str | None) -> bool:
        """Whether it tells of an event of this job and trigger of its group."""
        if self.disabled or event not in self.events:
            return False
        return self.job in (None, job) and self.trigger in (None, trigger)


def _url_problems(url: str) -> Iterator[FieldProblem]:
    if "{{" in url:
        reason = "has a placeholder: the same URL is called for every message"
        yield FieldProblem("url", reason, "what is told is in the body")
        return
    try:
        UrlTemplate.of(url)
    except TemplateProblem as problem:
        yield FieldProblem("url", str(problem), "e.g. https://example.org/hooks/callboard")
