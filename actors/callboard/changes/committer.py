"""The committer: batches of changes, committed; the job store's way to its backend.

What is hot of a batch goes first, by one cycle. The rest, and what the cycle left, shares a
transaction right behind it. Nothing of a change is answered before the last part of it is
committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from callboard.changes.apply import apply_all
from callboard.changes.cycle_outcome import Outcome, outcome_of
from callboard.changes.cycle_plan import Plan, count_starts, plan_cycle
from callboard.changes.cycle_split import Hot, split
from callboard.changes.hints import Hints
from callboard.changes.job_cache import JobCache
from callboard.changes.lane_watch import LaneWatch
from callboard.changes.offer import Offer
from callboard.changes.telling import committed_work, topics_of, wait_limited
from callboard.changes.waiting import Sink, Waiting, answer, refuse
from callboard.changes.work import Work
from callboard.clock import Clock
from callboard.commands import Change, ClaimedRun, ClaimRuns, HandBack
from callboard.domain.claim_window import ClaimWindow
from callboard.errors import StoreUnavailable, TransactionConflict
from callboard.events import (
    AssignmentUnsure,
    Committed,
    Hinted,
    RunsAssigned,
    WaitLimited,
)
from callboard.store.contract import Renewal, Store
from callboard.store.cycle import Cycled

TRIES: Final = 3
"""Of a commit that lost a race inside the database (a deadlock, say)."""
NOTHING_DONE: Final = Cycled(now=datetime.min.replace(tzinfo=UTC), first_seq=0)

Publish: TypeAlias = Callable[
    [Committed | RunsAssigned | AssignmentUnsure | WaitLimited | Hinted], None
]
Note: TypeAlias = Callable[[StoreUnavailable | None], None]


class Committer:
    """Owned by the job store, which calls `commit` with one batch after the other."""

    def __init__(
        self,
        *,
        store: Store,
        publish: Publish,
        note: Note,
        hints: Hints,
        on_renewal: Callable[[Renewal], None],
        new_trace_id: Callable[[], str],
        clock: Clock,
    ) -> None:
        """Args:
        note: called with the error when the store did not answer, with None when it did.
        on_renewal: called with the answers to renewed leases.
        """
        self._store = store
        self._publish = publish
        self._note = note
        self._hints = hints
        self._on_renewal = on_renewal
        self._new_trace_id = new_trace_id
        self._clock = clock
        self._jobs = JobCache()
        self._offer = Offer()
        self._window = ClaimWindow()
        self._lanes = LaneWatch()

    def hinted(self) -> None:
        """Other nodes have queued runs, which may be due since long."""
        self._window = self._window.hinted()
        self._lanes.open()

    async def commit(self, batch: Sequence[Waiting]) -> None:
        """Commit all of the batch, and answer it; where one change spoils it, each alone."""
        hot, rest = split(batch, self._jobs)
        if hot:
            rest += await self._cycle(hot)
        if rest:
            await self._transact(rest)

    # by a cycle

    async def _cycle(self, hot: Hot) -> list[Waiting]:
        """Do what a cycle can; what it left."""
        limit = 0 if hot.claim is None else self._offer.claimable(hot.claim[0])
        began = self._clock.monotonic()
        try:
            plan, cycled = await self._run(hot, limit, began)
        except (StoreUnavailable, TransactionConflict) as error:
            self._failed(hot, error)
            return []
        except Exception as error:  # noqa: BLE001 - an asker's error is the asker's, not a crash
            return await self._each_alone(list(hot), error)
        self._note(None)
        outcome = outcome_of(hot, plan, cycled)
        self._told_cycle(plan, cycled, outcome)
        for sink, value in outcome.answers:
            sink.set(value)
        if hot.claim is not None and cycled.is_limited:
            outcome.left.append(hot.claim)
        elif hot.claim is not None:
            self._claimed(cycled, limit, began)
            await self._answer_claim(hot.claim, cycled, limit)
            if plan.cycle.passes_limited and len(cycled.claimed) < limit:
                self._lanes.open()
                self._publish(Hinted(topic="runs"))  # the claim was not of all there is
        return outcome.left

    async def _run(self, hot: Hot, limit: int, began: float) -> tuple[Plan, Cycled]:
        count = count_starts(hot)
        plan = plan_cycle(
            hot,
            run_ids=await self._store.allocate_run_ids(count) if count else (),
            new_trace_id=self._new_trace_id,
            born_epoch=self._offer.epoch,
            room=self._offer.room,
            claim=limit,
            due_from=self._window.due_from(began),
            passes_limited=self._may_pass_limited(hot, began),
        )
        if plan.cycle.is_empty:
            return plan, NOTHING_DONE
        for _ in range(TRIES - 1):
            try:
                return plan, await self._store.cycle(plan.cycle)
            except TransactionConflict:
                continue
        return plan, await self._store.cycle(plan.cycle)

    def _may_pass_limited(self, hot: Hot, now: float) -> bool:
        self._lanes.ended(one.end.run_id for command, _ in hot.ends for one in command.ended)
        if not self._lanes.is_shut(now):
            return False
        if any(job.is_limited for _, _, job in hot.starts):
            self._lanes.open()
        return self._lanes.is_shut(now)

    def _failed(self, hot: Hot, error: StoreUnavailable | TransactionConflict) -> None:
        if isinstance(error, StoreUnavailable):
            self._note(error)
        self._be_unsure()
        refuse(hot, error)

    def _be_unsure(self) -> None:
        """Whether runs were born is not known: the executor gives back what it does not know."""
        if self._offer.room:
            self._offer.withdraw()
            self._publish(AssignmentUnsure())

    async def _each_alone(self, batch: Sequence[Waiting], error: Exception) -> list[Waiting]:
        self._be_unsure()
        if len(batch) == 1:
            refuse(batch, error)
        else:
            for waiting in batch:
                await self.commit([waiting])
        return []

    def _told_cycle(self, plan: Plan, cycled: Cycled, outcome: Outcome) -> None:
        if outcome.committed is not None:
            self._tell(outcome.committed)
        if outcome.assigned:
            self._offer.assign([claimed.run.id for claimed in outcome.assigned])
            self._publish(
                RunsAssigned(
                    claimed=outcome.assigned, life=self._offer.life, total=self._offer.assigned
                )
            )
        if plan.cycle.born and not cycled.is_born:
            self._offer.withdraw()
        self._hints.tell(outcome.topics)

    def _claimed(self, cycled: Cycled, limit: int, began: float) -> None:
        if limit and cycled.node is not None:
            self._window = self._window.claimed(
                cycled.claimed,
                limit=limit,
                now=cycled.now,
                began=began,
                ended=self._clock.monotonic(),
            )

    async def _answer_claim(
        self, claim: tuple[ClaimRuns, Sink], cycled: Cycled, limit: int
    ) -> None:
        command, sink = claim
        try:
            claimed = await self._with_jobs(cycled) if cycled.claimed else ()
        except Exception as error:  # noqa: BLE001 - the asker hands them back, and claims again
            if isinstance(error, StoreUnavailable):
                self._note(error)
            sink.set_exception(error)
            return
        self._offer.make(command, limit - len(claimed))
        sink.set(claimed)

    async def _with_jobs(self, cycled: Cycled) -> tuple[ClaimedRun, ...]:
        """The claimed runs with their jobs and where their logs go on."""
        versions, jobs = cycled.job_versions, self._jobs
        if missing := jobs.missing(versions):
            jobs.add((await self._store.get_jobs_by_id(missing)).values())
        log_seqs: dict[int, int] = {}
        if cycled.requeued:
            async with self._store.begin() as tx:
                log_seqs = await tx.last_log_seqs(sorted(cycled.requeued))
        known = {id: jobs.get(id) for id in versions}
        return tuple(
            [
                ClaimedRun(run, known.get(run.job_id), log_seqs.get(run.id, 0))
                for run in cycled.claimed
            ]
        )

    # in a transaction

    async def _transact(self, batch: Sequence[Waiting], *, tries: int = 1) -> None:
        changes = [self._with_offer(change) for change, _ in batch]
        try:
            answers = await self._apply(changes)
        except TransactionConflict as error:
            if tries < TRIES:
                await self._transact(batch, tries=tries + 1)
            else:
                await self._apart(batch, error)
        except StoreUnavailable as error:
            self._note(error)
            refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - an asker's error is the asker's, not a crash
            await self._apart(batch, error)
        else:
            self._note(None)
            for change, (_, sink), value in zip(changes, batch, answers, strict=True):
                self._look_at(change, value)
                answer(sink, value)

    async def _apart(self, batch: Sequence[Waiting], error: Exception) -> None:
        """Each change by itself: one of them is to blame, and the others are not."""
        if len(batch) > 1:
            for waiting in batch:
                await self._transact([waiting])
        else:
            refuse(batch, error)

    def _with_offer(self, change: Change) -> Change:
        """The change, with what is on its way to the executor taken into account."""
        if isinstance(change, ClaimRuns):
            return replace(change, limit=self._offer.claimable(change))
        if isinstance(change, HandBack):
            return replace(change, keep=self._offer.kept(change))
        return change

    async def _apply(self, changes: Sequence[Change]) -> list[object]:
        async with self._store.begin() as tx:
            work = Work(tx=tx, new_trace_id=self._new_trace_id, checks=self._jobs.checks)
            answers = await apply_all(work, changes)
            first_seq = await work.append_events()
        self._jobs.add(work.jobs.values())
        for job_id in work.gone_job_ids:
            self._jobs.forget(job_id)
        if (told := committed_work(work, first_seq)) is not None:
            self._tell(told)
        if (limited := wait_limited(work)) is not None:
            self._publish(limited)
        self._hints.tell(topics_of(work))
        return answers

    def _look_at(self, change: Change, value: object) -> None:
        """Keep of an answer what the committer itself has to know."""
        if isinstance(value, Renewal):
            self._on_renewal(value)
        elif isinstance(change, ClaimRuns) and isinstance(value, tuple):
            self._offer.make(change, change.limit - len(value))
            self._lanes.claimed(value, change.limit, self._clock.monotonic())
        elif not isinstance(change, ClaimRuns):
            self._lanes.open()

    def _tell(self, committed: Committed) -> None:
        if committed.due_at is not None:
            self._window = self._window.queued(committed.due_at)
        self._publish(committed)
