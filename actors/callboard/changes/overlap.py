"""Who may start: firings of triggers, admitted by the triggers' overlap policies.

For whoever starts runs of a trigger:

    await work.tx.lock_old_runs([(group, name)])    # before the trigger's lock
    trigger = await work.tx.lock_trigger(group, name)
    gate = await open_gate(work, [trigger])
    due_at = gate.due_at(trigger.id, trace_id)      # HELD, or None; Conflict overlap
    ...create the runs, all with this trace_id...
    await gate.stop_old()

The locked trigger keeps other firings out until the commit. What the end of runs means to it, held
firings included, is in `sequence`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callboard.changes.stops import make_way
from callboard.changes.work import Work
from callboard.domain.overlap import Answer, Firing, admission, counts_firings
from callboard.domain.run import HELD, Run, StopMode
from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger
from callboard.errors import Conflict


@dataclass(slots=True, kw_only=True)
class Gate:
    """The live firings of locked triggers, those that this work has admitted included."""

    work: Work
    triggers: dict[int, Trigger]
    """Those to which live firings matter, as they are stored."""
    firings: dict[int, list[Firing]]
    """By trigger, oldest first."""
    _stopped: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Traces of firings that have to make way, by trigger."""

    def answer(self, trigger_id: int, trace_id: str, since: datetime) -> Answer:
        """What becomes of a firing; unless it is refused, it counts from now on."""
        known = self.triggers.get(trigger_id)
        if known is None:
            return Answer.ADMIT
        live = self.firings[trigger_id]
        admitted = admission(known.overlap, live, trace_id)
        self._stopped[trigger_id].update(firing.trace_id for firing in admitted.stopped)
        is_new = all(firing.trace_id != trace_id for firing in live)
        if is_new and admitted.answer is not Answer.REFUSE:
            live.append(
                Firing(
                    trigger_id=trigger_id,
                    trace_id=trace_id,
                    since=since,
                    is_held=admitted.answer is Answer.HOLD,
                )
            )
        return admitted.answer

    def due_at(self, trigger_id: int, trace_id: str) -> datetime | None:
        """When the runs of a firing that is asked for are due: HELD, or None for at once.

        Raises:
            Conflict: overlap, where the policy refuses it.
        """
        answer = self.answer(trigger_id, trace_id, self.work.now)
        if answer is Answer.REFUSE:
            trigger = self.triggers[trigger_id]
            raise Conflict(
                "overlap",
                f"earlier firings of trigger {trigger.name!r} are still live, and its overlap"
                f" policy {_shown(trigger.overlap)} lets no other start",
            )
        return HELD if answer is Answer.HOLD else None

    def holds(self, run: Run) -> bool:
        """Whether a further attempt of the run is held. Raises Conflict overlap."""
        return run.trigger_id is not None and self.due_at(run.trigger_id, run.trace_id) == HELD

    async def stop_old(self) -> None:
        """Stop what has to make way, once the new runs are stored."""
        stopped = {trigger_id: traces for trigger_id, traces in self._stopped.items() if traces}
        firings = await self.work.tx.live_firings(sorted(stopped)) if stopped else []
        for trigger_id, traces in stopped.items():
            run_ids = [
                run_id
                for firing in firings
                if firing.trigger_id == trigger_id and firing.trace_id in traces
                for run_id in firing.run_ids
            ]
            runs = await self.work.tx.lock_runs(sorted(run_ids)) if run_ids else {}
            await make_way(self.work, list(runs.values()), _mode(self.triggers[trigger_id]))


async def open_gate(work: Work, triggers: Sequence[Trigger]) -> Gate:
    """The gate of locked triggers."""
    counting = {trigger.id: trigger for trigger in triggers if counts_firings(trigger)}
    firings: dict[int, list[Firing]] = {trigger_id: [] for trigger_id in counting}
    for firing in await work.tx.live_firings(sorted(counting)) if counting else ():
        firings[firing.trigger_id].append(firing)
        if firing.is_held:
            # Whoever would have released it may just be waiting for our lock.
            work.trigger_freed(firing.trigger_id, work.now)
    return Gate(work=work, triggers=counting, firings=firings)


def _mode(trigger: Trigger) -> StopMode:
    is_kill = trigger.overlap.policy is OverlapPolicyName.KILL_OLD
    return StopMode.KILL if is_kill else StopMode.COOPERATIVE


def _shown(overlap: OverlapPolicy) -> str:
    limit = "" if overlap.limit is None else f" with the limit {overlap.limit}"
    return f"{overlap.policy}{limit}"
