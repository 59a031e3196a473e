"""Which triggers a filter of the memory store lets through."""

from __future__ import annotations

from callboard.domain.trigger import Trigger
from callboard.store.contract import TriggerFilter


def is_wanted(trigger: Trigger, wanted: TriggerFilter) -> bool:
    """Whether the trigger fulfils every condition of the filter; its page is ignored."""
    return (
        wanted.group in (None, trigger.group)
        and wanted.state in (None, trigger.state)
        and wanted.workflow in (None, trigger.workflow)
        and wanted.labels.items() <= trigger.labels.items()
        and (wanted.job is None or any(action.job == wanted.job for action in trigger.actions))
    )
