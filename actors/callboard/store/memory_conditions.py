"""The memory store's conditional triggers: what they watch and have seen."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.condition_cycle import ConditionLink, link_of
from callboard.domain.conditions import ConditionSet
from callboard.domain.trigger import Trigger, TriggerState
from callboard.store.contract import ConditionWatch
from callboard.store.memory_tables import Tables

WATCHFUL = frozenset({TriggerState.ACTIVE, TriggerState.PAUSED})


def links(tables: Tables, group: str, workflow: str | None) -> list[ConditionLink]:
    """As `contract.Transaction.condition_links`."""
    if workflow is None:
        members = [trigger for trigger, _ in _sets(tables) if trigger.group == group]
    else:
        members = tables.triggers.of_workflow(group, workflow)
    return [link for trigger in members if (link := link_of(trigger)) is not None]


def watches(tables: Tables) -> list[ConditionWatch]:
    """As `contract.Store.condition_watches`."""
    return [
        ConditionWatch(
            trigger_id=trigger.id,
            since_seq=each.since_seq,
            jobs=tuple((trigger.group, job) for job in trigger.watched),
        )
        for trigger, each in _sets(tables)
        if trigger.state in WATCHFUL and trigger.generation == each.generation
    ]


def names_watching(tables: Tables, group: str, job: str) -> list[str]:
    """Names of the triggers that watch the job and cannot be without it, ascending."""
    return sorted(
        trigger.name
        for trigger in _linked(tables)
        if trigger.group == group and job in trigger.watched and trigger.needs_its_jobs
    )


def _linked(tables: Tables) -> Iterator[Trigger]:
    """Triggers that may watch jobs: with a set, or in a workflow."""
    yield from (trigger for trigger, _ in _sets(tables))
    yield from (each for each in tables.triggers.rows.values() if each.workflow is not None)


def _sets(tables: Tables) -> Iterator[tuple[Trigger, ConditionSet]]:
    """Sets with their triggers; of one that was deleted nothing is left."""
    for trigger_id, each in tables.condition_sets.rows.items():
        trigger = tables.triggers.rows.get(trigger_id)
        if trigger is not None:
            yield trigger, each
