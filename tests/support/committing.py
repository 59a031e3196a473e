"""A committer without an actor around it: what it was asked, what it answered, what it told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from callboard.changes.committer import Committer
from callboard.changes.hints import Hints
from callboard.clock import Clock
from callboard.commands import Change
from callboard.events import AssignmentUnsure, Committed, Event, RunsAssigned
from callboard.store.contract import Store


class Answer:
    """Takes the answer to one change."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None

    def set(self, value: Any) -> None:
        self.value = value

    def set_exception(self, error: BaseException) -> None:
        self.error = error


class Unspawned:
    """Takes work and does not begin it."""

    def __call__(self, work: Any, *, name: str) -> Any:
        work.close()


class Committing:
    """A committer and its surroundings."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.facts: list[Any] = []
        self.notes: list[Any] = []
        traces = count(1)
        self.committer = Committer(
            store=store,
            publish=self.facts.append,
            note=self.notes.append,
            hints=Hints(store, Unspawned(), is_wanted=lambda: False),
            on_renewal=lambda _: None,
            new_trace_id=lambda: f"{next(traces):032x}",
            clock=clock,
        )

    async def commit(self, *changes: Change) -> list[Any]:
        """The answers of a batch; an error stands for the answer that it is."""
        answers = [Answer() for _ in changes]
        await self.committer.commit(list(zip(changes, answers, strict=True)))
        return [one.value if one.error is None else one.error for one in answers]

    async def done(self, change: Change) -> Any:
        """The answer of one change; its error is raised."""
        (answer,) = await self.commit(change)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def committed(self) -> list[Committed]:
        return [fact for fact in self.facts if isinstance(fact, Committed)]

    @property
    def assigned(self) -> list[RunsAssigned]:
        return [fact for fact in self.facts if isinstance(fact, RunsAssigned)]

    @property
    def is_unsure(self) -> bool:
        return any(isinstance(fact, AssignmentUnsure) for fact in self.facts)

    @property
    def events(self) -> Sequence[Event]:
        """All that it told of, in order."""
        return [event for committed in self.committed for event in committed.events]
