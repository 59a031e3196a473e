"""The memory store's conditional triggers: what they watch and have seen."""

from __future__ import annotations

from collections.abc import Iterator

from callboard.domain.condition_cycle import ConditionLink, link_of
from callboard.domain.conditions import ConditionSet
from callboard.domain.trigger import Trigger, TriggerState
from callboard.store.contract import ConditionWatch
from callboard.store.memory_tables import Tables

WATCHFUL = frozenset({TriggerState.ACTIVE, TriggerState.PAUSED})


def links(tables: Tables, group: str) -> list[ConditionLink]:
    """As `contract.Transaction.condition_links`."""
    found = (link_of(trigger) for trigger, _ in _sets(tables) if trigger.group == group)
    return [link for link in found if link is not None]


def watches(tables: Tables) -> list[ConditionWatch]:
    """As `contract.Store.condition_watches`."""
    return [
        ConditionWatch(trigger_id=trigger.id, since_seq=each.since_seq, job_ids=each.job_ids)
        for trigger, each in _sets(tables)
        if trigger.state in WATCHFUL and trigger.generation == each.generation
    ]


def names_watching(tables: Tables, job_id: int) -> list[str]:
    """Names of the triggers that watch the job, ascending."""
    return sorted(trigger.name for trigger, each in _sets(tables) if job_id in each.job_ids)


def _sets(tables: Tables) -> Iterator[tuple[Trigger, ConditionSet]]:
    """Sets with their triggers; of one that was deleted nothing is left."""
    for trigger_id, each in tables.condition_sets.rows.items():
        trigger = tables.triggers.rows.get(trigger_id)
        if trigger is not None:
            yield trigger, each
