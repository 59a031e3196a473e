"""Executor: runs runs on this node, never more than `capacity` at once.

Receives
    Committed(...)               from job store   runs were queued, stops were requested
    RunsAssigned(...)            from job store   runs that were created running, for this node
    AssignmentUnsure()           from job store   or that may have been
    Hinted(topic)                from job store   what Committed says, on other nodes: runs, stops
    LeaseGained(...)             from registrar   claims may begin
    LeaseRenewed(...)            from registrar   stops that were requested on other nodes
    LeaseLost(reason)            from registrar   cancel everything, record nothing
    Drain(deadline_s)            from supervisor  claim nothing more, hand back what has not begun;
                                                  answered when nothing runs
    _Look()                      from self        runs may be due
    _Go()                        from self        runs have ended, or may begin
    _Flush()                     from self        logs are to be stored
Sends
    ClaimRuns, EndRuns, ParkRun, SnoozeRun, HandBack, NextDueAt    to job store
    AppendLog, ReportProgress                                      to job store
    ListStoppingRuns                                               to job store, upon a hint
Owns
    ready: claimed runs that wait for a place, no longer than WAIT_S
    places: runs that are worked on, by id, at most `capacity`, beside those that lend their place
        to the runs that they wait for; lost on a crash, then handed back
    reports: runs whose end is not stored yet; they are still this node's
    epoch: of this node's registration; None: nothing may be claimed
    offer: runs that the job store may still assign to this node unasked
States
    OUT -LeaseGained-> IN -LeaseLost-> OUT;  IN -Drain-> DRAINING, which does not end
Fails
    StoreUnavailable: ends and logs are kept and sent again
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random  # noqa: TID251 - the type only; the board brings the generator
from typing import Any, Final, TypeAlias

import pykka
from pykka._envelope import Envelope

from callboard.clock import Clock
from callboard.commands import (
    ClaimedRun,
    ClaimRuns,
    HandBack,
    NextDueAt,
)
from callboard.config import BoardConfig
from callboard.domain.node import Node
from callboard.domain.pace import Pace
from callboard.domain.run import Run, StopMode
from callboard.domain.states import RunState
from callboard.domain.timeline import Timeline
from callboard.events import (
    AssignmentUnsure,
    Committed,
    Hinted,
    LeaseGained,
    LeaseLost,
    LeaseRenewed,
    RunsAssigned,
)
from callboard.places import Places
from callboard.ready_runs import ReadyRuns
from callboard.run_ending import ended_run, failed_run, gone_job_end, waiting_end
from callboard.run_reports import ASK_S, OUTAGES, RETRY_S, RunReports
from callboard.runners.attempt import Attempt, Stage
from callboard.runners.contract import Outcome, Runners
from callboard.runners.running import RunningHandlers
from callboard.runners.secrets import Secrets
from callboard.runtime import AsyncioActor, Command, ask, begin_task
from callboard.standing_offer import CLAIM_LIMIT, StandingOffer
from callboard.stop_look import StopLook

AHEAD_LIMIT: Final = 2000
"""Runs that wait here for a place at the most."""
WAIT_S: Final = 1.0
"""Seconds after which a claimed run that has no place yet is given back to all nodes."""
BEGINS_PER_TURN: Final = 200
TURN_S: Final = 0.005
"""Seconds of beginning runs after which the rest of the loop has its turn."""
UNSTORED_LIMIT: Final = 5000
BREATH_S: Final = 0.005
"""Seconds between a claim that got all there was and the next one, when nobody says more: timers
that ring one after the other are claimed by the batch, and where the store's present is a little
behind what this node takes for it, nothing spins."""
MANY: Final = 10
"""Runs that came due between two looks where a burst of timers is under way."""
RETRYABLE: Final = frozenset({RunState.FAILED, RunState.TIMED_OUT})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Command[None]):
    """Claim nothing more; answered when nothing runs, or what still ran was handed back."""

    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Go:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flush:
    pass


Inbox: TypeAlias = (
    Committed
    | RunsAssigned
    | AssignmentUnsure
    | Hinted
    | LeaseGained
    | LeaseRenewed
    | LeaseLost
    | Drain
    | _Look
    | _Go
    | _Flush
)


class Executor(AsyncioActor):
    mailbox_limit = 100_000  # a RunsAssigned that found no place would be missed for long

    def __init__(
        self,
        *,
        job_store: pykka.ActorRef[Any],
        make_runners: Callable[[], Runners],
        config: BoardConfig,
        node: Callable[[], Node | None],
        rng: Random,
        clock: Clock,
        running: RunningHandlers | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """Args:
        running: is shown what runs here.
        secrets: what references in jobs and arguments stand for; None: nothing can be had.
        """
        super().__init__(clock=clock)
        self._job_store = job_store
        self._runners = make_runners()
        self._config = config
        self._known_node = node
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self._stage = Stage(
            runners=self._runners,
            clock=clock,
            begin=begin_task,
            on_end=self._on_end,
            on_fault=self.crash,
            on_lend=self._on_lend,
            secrets=secrets or Secrets(),
            log_limit_bytes=config.log_limit_bytes,
        )
        self._epoch: int | None = None
        self._present: Timeline | None = None
        self._ready = ReadyRuns()
        self._places = Places(config.capacity, lambda: self._runners.stuck)
        self._reports = RunReports(
            job_store=job_store, spawn=self.spawn, on_stored=self._on_stored, clock=clock
        )
        self._stop_look = StopLook(job_store=job_store, spawn=self.spawn, stop=self._stop)
        self._pace = Pace(config.claim_ahead_s)
        self._offer = StandingOffer(life=rng.getrandbits(48))
        self._newly_ended = 0
        self._idle = asyncio.Event()
        self._is_draining = self._is_claiming = self._is_going = False
        self._may_be_due = False
        """Whether there may be due runs that the last claim did not get."""
        self._frees_limited = False
        self._settled_at = 0.0
        self._early_stops: dict[int, Run] = {}
        """Of runs that the claim under way may bring; by id."""
        self._is_unsure = False
        """Whether the store may hold runs for this epoch that this actor does not know of."""
        if running is not None:
            running.watch(self._places.held, lambda: self._runners.stuck)

    def on_start(self) -> None:
        node = self._known_node()
        if node is not None:
            # Another life of this actor held runs that died with it.
            self._is_unsure = True
            self._on_lease_gained(LeaseGained(node=node))

    def on_stop(self) -> Any:
        return self._end_all()

    def on_failure(self, *_: object) -> Any:
        return self._end_all()

    async def _end_all(self) -> None:
        try:
            await self._abandon_held()
        finally:
            self._runners.close()

    def on_receive(self, message: Inbox) -> Any:
        match message:
            case _Go():
                return self._on_go()
            case Committed():
                return self._on_committed(message)
            case RunsAssigned():
                return self._on_assigned(message)
            case AssignmentUnsure():
                return self._on_unsure()
            case Hinted():
                return self._on_hinted(message)
            case LeaseGained():
                return self._on_lease_gained(message)
            case LeaseRenewed():
                return self._on_lease_renewed(message)
            case LeaseLost():
                return self._on_lease_lost(message)
            case Drain():
                return self.later(self._on_drain(message))
            case _Look():
                return self._look()
            case _Flush():
                return self._on_flush()
            case _:
                return self.unexpected(message)

    def _on_committed(self, message: Committed) -> None:
        if message.due_at is not None:
            due_in = self._seconds_until(message.due_at)
            if due_in <= 0:
                self._look()
            else:
                self._look_in(due_in)
        for run in message.stopping:
            self._stop(run)

    def _on_assigned(self, message: RunsAssigned) -> None:
        if self._offer.use(message):
            self._take_on([one for one in message.claimed if one.run.epoch == self._epoch])
        # Otherwise this life's first HandBack queues them again.

    def _on_unsure(self) -> None:
        self._is_unsure = True
        self._claim_if_wanted()

    def _on_hinted(self, message: Hinted) -> None:
        if message.topic in ("runs", "opened"):
            self._look()
        elif message.topic == "stops" and self._epoch is not None and self._may_hold:
            self._stop_look.look(self._epoch)

    @property
    def _may_hold(self) -> bool:
        """Whether there may be runs here that somebody could stop."""
        return bool(self._places.held or self._ready or self._is_claiming)

    def _on_lease_gained(self, message: LeaseGained) -> None:
        self._settled_at = self.clock.monotonic()
        self._epoch = self._reports.epoch = message.node.epoch
        self._present = message.present
        self._look()

    def _on_lease_renewed(self, message: LeaseRenewed) -> None:
        self._present = message.present
        for run in message.stopping:
            self._stop(run)
        if self.clock.monotonic() >= self._settled_at + self._config.lease_s:
            # A claim that was given up as unanswered may take effect long after it was settled.
            self._is_unsure = True
        self._look()

    def _on_lease_lost(self, message: LeaseLost) -> None:
        count = len(self._places.held) + len(self._ready)
        if count:
            logger.warning("runs given up: %d; %s", count, message.reason)
        self._epoch = None
        self._offer.withdraw()
        self._is_unsure = False
        self._early_stops.clear()
        self._ready.clear()
        self._reports.forget()
        for attempt in self._places.held.values():
            attempt.abandon()
        self._places.clear()

    def _stop(self, run: Run) -> None:
        if run.epoch != self._epoch:
            return
        attempt = self._places.held.get(run.id)
        if attempt is not None:
            grace_s = float("inf") if run.stop_grace_s is None else run.stop_grace_s
            attempt.request_stop(run.stop_mode or StopMode.COOPERATIVE, grace_s)
        elif waiting := self._ready.remove(run.id):
            self._reports.ended.append(waiting_end(waiting.run))
            self._go_soon()
        elif self._is_claiming:
            self._early_stops[run.id] = run

    # claiming

    def _look(self) -> None:
        self._may_be_due = True
        self._claim_if_wanted()

    def _claim_if_wanted(self) -> None:
        if not self._is_claiming and self._wants_to_claim():
            self._is_claiming = True
            self.spawn(self._claim_all(), name="executor-claims")

    def _wants_to_claim(self) -> bool:
        if self._epoch is None:
            return False
        if self._is_draining or self._is_unsure:
            return self._is_unsure or self._offer.room > 0
        ahead, room = self._ahead(), self._room()
        if room <= 0 or 2 * len(self._ready) > ahead:
            return False
        return self._may_be_due or not self._offer.suits(room)

    def _ahead(self) -> int:
        return self._pace.ahead(self._config.capacity, limit=AHEAD_LIMIT)

    def _room(self) -> int:
        """Runs that may be taken on; what a detached handler keeps busy is not free (T08).

        A run makes room when it has ended, before its end is stored: so ends and the claims that
        follow them share a commit. Not without limit: unstored ends are this node's to keep.
        """
        if len(self._reports) > UNSTORED_LIMIT:
            return 0
        return self._places.free - len(self._ready) + self._ahead()

    async def _claim_all(self) -> None:
        wait_s = self._config.poll_s
        try:
            while self._epoch is not None and self._wants_to_claim():
                await self._give_back_strays(self._epoch)
                if self._epoch is None or self._is_draining or not self._wants_to_claim():
                    continue
                self._may_be_due = False
                limit = min(self._room(), CLAIM_LIMIT)
                count = await self._claim(self._epoch, limit)
                if count == limit:
                    self._may_be_due = True
                elif count >= MANY:  # the next ones will be due before their instant is read
                    wait_s = BREATH_S
                else:  # that was all: what comes later is told, or waits for its time
                    wait_s = await self._next_look_s()
        except OUTAGES as error:
            logger.info("runs wait: %s", error)
            self._may_be_due = True
            self._offer.withdraw()
            wait_s = RETRY_S
        finally:
            self._is_claiming = False
        self._note_idle()
        self._look_in(wait_s)

    async def _claim(self, epoch: int, limit: int) -> int:
        offer, seen, places = self._offer, self._offer.seen, self._places.open
        claim = ClaimRuns(epoch=epoch, limit=limit, standing=True, seen=seen, life=offer.life)
        offer.withdraw()
        try:
            claimed = await ask(self._job_store, claim, timeout=ASK_S)
        except BaseException:
            self._is_unsure = True
            raise
        if self._epoch == epoch:
            offer.make(limit - len(claimed), seen)
            if self._places.open < places:
                self._is_unsure = True  # one was taken back meanwhile: too much is offered
            self._take_on(claimed)
            for run in tuple(self._early_stops.values()):
                self._stop(run)
            self._early_stops.clear()
        return len(claimed)

    async def _give_back_strays(self, epoch: int) -> None:
        """Queue again what this node holds without knowing of it, or without a place for it.

        What an unanswered claim may have given to it (H08), what has waited here for too long. It
        withdraws the offer to assign runs. Done once a lease in any case.
        """
        if not (self._is_unsure or self._is_draining):
            return
        self._is_unsure, must = False, self._is_unsure
        offer = self._offer
        offer.withdraw()
        known = HandBack(epoch=epoch, keep=self._known_ids(), seen=offer.seen, life=offer.life)
        try:
            await ask(self._job_store, known, timeout=ASK_S)
        except BaseException:
            self._is_unsure = must or self._is_unsure
            raise
        self._settled_at = self.clock.monotonic()

    def _known_ids(self) -> frozenset[int]:
        return self._ready.ids.union(self._places.held, self._reports.ids)

    async def _next_look_s(self) -> float:
        if self._may_be_due or not self._wants_more():
            return self._config.poll_s
        due_at = await ask(self._job_store, NextDueAt())
        if due_at is None:
            return self._config.poll_s
        return min(self._config.poll_s, max(BREATH_S, self._seconds_until(due_at)))

    def _wants_more(self) -> bool:
        return self._epoch is not None and not self._is_draining and self._room() > 0

    def _seconds_until(self, instant: datetime) -> float:
        """By the store's present, by which runs are due, as of the last renewal (T04)."""
        present = self._present
        now = self.clock.now() if present is None else present.now(self.clock.monotonic())
        return (instant - now).total_seconds()

    def _look_in(self, seconds: float) -> None:
        """Look in so many seconds, or earlier when that was planned already."""
        self.timers.send_within("look", seconds, _Look())

    # running

    def _take_on(self, claimed: Sequence[ClaimedRun]) -> None:
        if not claimed:
            return
        if self._is_draining:
            self._on_unsure()
        else:
            self._ready.add(claimed, self.clock.monotonic())
            self._begin_ready()

    def _begin_ready(self) -> None:
        """Give places to those that wait, as many as one turn of the loop should begin."""
        if not self._ready:
            return
        places = self._places.open
        held, waiting = self._places.held, self._ready.waiting
        over_at, left = self.clock.monotonic() + TURN_S, BEGINS_PER_TURN
        while waiting and len(held) < places:
            if left == 0 or self._begin(waiting.popleft()[1]) > over_at:
                self._go_soon()
                break
            left -= 1
        if held and "flush" not in self.timers:
            self.timers.send_after("flush", self._config.log_flush_s, _Flush())
        self._shorten_the_wait()

    def _begin(self, claimed: ClaimedRun) -> float:
        run, job, log_seq = claimed
        if job is None:
            self._reports.ended.append(gone_job_end(run))
            self._go_soon()
            return 0.0
        attempt = Attempt(self._stage, run, job, log_seq=log_seq)
        self._places.held[run.id] = attempt
        attempt.start()
        return attempt.began_at

    def _shorten_the_wait(self) -> None:
        """Hand back those that have waited for too long; see to it that this is noticed."""
        since = self._ready.oldest_at
        if since is None:
            self.timers.cancel("wait")
            return
        now = self.clock.monotonic()
        if since + WAIT_S > now:
            if "wait" not in self.timers:
                self.timers.send_at("wait", since + WAIT_S, _Go())
            return
        count = self._ready.clear()
        logger.info("%d claimed runs found no place in time and are handed back", count)
        self._pace = self._pace.restarted(now)
        self._on_unsure()

    def _on_end(self, attempt: Attempt, outcome: Outcome) -> None:
        """Called in the task of the handler: what it leads to is done by `_on_go`."""
        if (progress := attempt.take_progress()) is not None:
            self._reports.said_last(attempt.run.id, progress)
        run = attempt.run
        self._places.leave(attempt)
        self._newly_ended += 1
        state = outcome.state
        if state is RunState.PARKED or state is RunState.QUEUED:
            self._reports.put_back(attempt, outcome)
        else:
            elapsed_s = self.clock.monotonic() - attempt.began_at
            log = attempt.take_chunks()
            if state in RETRYABLE:
                ended = failed_run(
                    run, attempt.job, outcome, elapsed_s=elapsed_s, rng=self._rng, log=log
                )
            else:
                ended = ended_run(run, outcome, elapsed_s=elapsed_s, log=log)
            self._reports.ended.append(ended)
        if attempt.job.is_limited or attempt.run.terms is not None:
            self._frees_limited = True
        if not self._is_going:
            self._go_soon()

    def _on_lend(self, attempt: Attempt, is_lent: bool) -> None:
        """Called in the task of the handler, which waits, or goes on."""
        if not self._places.lend(attempt, is_lent=is_lent):
            return
        if not is_lent and self._offer.room > max(0, self._room()):
            self._is_unsure = True  # what is offered has no place any more
        self._go_soon()

    def _go_soon(self) -> None:
        if not self._is_going:
            self._is_going = True
            self._loop.call_soon(self._post, Envelope(_Go()))

    def _on_go(self) -> None:
        self._is_going = False
        self._pace = self._pace.after(self._newly_ended, self.clock.monotonic())
        self._newly_ended = 0
        self._reports.send()
        self._begin_ready()
        if self._frees_limited:
            self._may_be_due = True
        self._claim_if_wanted()

    def _on_stored(self) -> None:
        if self._frees_limited:
            self._frees_limited = False
            self._may_be_due = True
        self._note_idle()
        self._claim_if_wanted()

    def _on_flush(self) -> None:
        held = self._places.held
        self._reports.send_logs(held.values())
        if held:
            self.timers.send_after("flush", self._config.log_flush_s, _Flush())

    # closing

    async def _on_drain(self, message: Drain) -> None:
        self._is_draining = True
        self._runners.drain()
        self._idle.clear()
        if self._ready.clear():
            self._is_unsure = True
        self._claim_if_wanted()
        alarm = self.clock.call_at(self.clock.monotonic() + message.deadline_s, self._idle.set)
        while self._is_busy() and not self._idle.is_set():
            await self._idle.wait()
        alarm.cancel()
        if self._is_busy() and self._epoch is not None:
            await self._hand_back(self._epoch)

    def _is_busy(self) -> bool:
        """Whether there is a run that this node has to answer for."""
        if self._places.held or len(self._reports):
            return True
        return self._epoch is not None and (self._is_claiming or self._is_unsure)

    def _note_idle(self) -> None:
        if self._is_draining and not self._is_busy():
            self._idle.set()

    async def _hand_back(self, epoch: int) -> None:
        if count := len(self._places.held):
            logger.warning("runs handed back, which did not end in time: %d", count)
        await self._abandon_held()
        await ask(self._job_store, HandBack(epoch=epoch, seen=self._offer.seen), timeout=ASK_S)

    async def _abandon_held(self) -> None:
        gone = [attempt.abandon() for attempt in self._places.held.values()]
        self._places.clear()
        if gone:
            await asyncio.wait(gone)
