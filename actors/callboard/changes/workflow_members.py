"""Which triggers a workflow may get: it is there, and has at most one start trigger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from callboard.changes.work import Work
from callboard.domain.trigger import Trigger
from callboard.domain.workflow import inner_problems, is_inner, start_trigger_of
from callboard.errors import Conflict, FieldProblem


@dataclass(slots=True, kw_only=True)
class Members:
    """Locked workflows, with the names of their start triggers."""

    starts: dict[tuple[str, str], str | None]
    """By group and name, of those that there are."""

    def problems(self, trigger: Trigger) -> list[FieldProblem]:
        """What is wrong with the trigger as a part of its workflow."""
        if trigger.workflow is None:
            return []
        if (trigger.group, trigger.workflow) in self.starts:
            return [*inner_problems(trigger)]
        reason = f"there is no workflow {trigger.workflow!r} in the group {trigger.group!r}"
        return [FieldProblem("workflow", reason, "create it first")]

    def conflict(self, trigger: Trigger) -> Conflict | None:
        """Why the trigger cannot join its workflow; without one, it counts from now on."""
        if trigger.workflow is None or is_inner(trigger):
            return None
        place = trigger.group, trigger.workflow
        present = self.starts.get(place)
        if present in (None, trigger.name):
            self.starts[place] = trigger.name
            return None
        return Conflict(
            "start_trigger",
            f"workflow {trigger.workflow!r} has a start trigger, {present!r}: its other triggers "
            "are conditional",
        )


async def open_members(work: Work, triggers: Iterable[Trigger]) -> Members:
    """Lock the workflows that these triggers name."""
    names = {(each.group, each.workflow) for each in triggers if each.workflow is not None}
    if not names:
        return Members(starts={})
    starts: dict[tuple[str, str], str | None] = {}
    for group, name in await work.tx.lock_workflows(sorted(names)):
        start = start_trigger_of(await work.tx.triggers_of_workflow(group, name))
        starts[group, name] = None if start is None else start.name
    return Members(starts=starts)
