"""Verbs of a transaction on followers of the events, conditional triggers too; see contract.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from callboard.domain.condition_cycle import ConditionLink
from callboard.domain.conditions import ConditionSet
from callboard.store.contract_values import ConditionWatch, EndsRead, Following


class FollowerVerbs(Protocol):
    """A part of `contract.Transaction`."""

    # followers of the events
    async def lock_follower(self, name: str) -> Following | None:
        """How far the follower is, which is made where there was none; nobody else moves it until
        the commit. None: another transaction has it."""
        ...

    async def move_follower(self, name: str, seq: int | None) -> None:
        """Move the follower, which the caller has locked; None: it follows nothing.

        Events behind `seq` are kept for it for a while.
        """
        ...

    async def read_ends(
        self,
        after: int,
        until: int,
        job_ids: Collection[int] = (),
        *,
        names: Collection[tuple[str, str]] = (),
        events: int,
    ) -> EndsRead:
        """The ends of runs of these jobs, in whole batches that begin in (after, until], about so
        many events of them at the most.

        `after` is the last number of a batch. `names` are jobs by group and name, whichever had the
        name when the run was created. Runs whose history is pruned are left out.
        """
        ...

    # conditional triggers
    async def lock_conditions(self) -> None:
        """Wait for, and keep out, everybody else who links jobs, until the commit."""
        ...

    async def condition_links(self, group: str, workflow: str | None) -> list[ConditionLink]:
        """Of the group's conditional triggers that belong to the workflow (None: to none), in any
        state; true until the commit for whoever has called lock_conditions."""
        ...

    async def begin_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        """Let each trigger watch the set's jobs from now on, whatever it has seen before.

        Of a set trigger_id, generation and job_ids count: nothing is met, and since_seq is the
        newest number that is committed.
        """
        ...

    async def delete_condition_set(self, trigger_id: int) -> None:
        """The trigger watches nothing any more; a deleted one does so by itself."""
        ...

    async def condition_watches(self) -> list[ConditionWatch]:
        """As Store.condition_watches."""
        ...

    async def condition_sets(self, trigger_ids: Sequence[int]) -> dict[int, ConditionSet]:
        """Those that there are, by trigger; true until the commit for whoever has locked it."""
        ...

    async def update_condition_sets(self, sets: Sequence[ConditionSet]) -> None:
        """Write `met` of sets whose triggers are locked."""
        ...

    async def triggers_watching(self, group: str, job: str) -> list[str]:
        """Names of the triggers, in any state, that watch the job and cannot be without it,
        ascending, at most 10."""
        ...
