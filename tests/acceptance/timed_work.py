"""Triggers of every kind that an edit, a pause or a death could lose a slot of.

Their slots lie on grids through the epoch, `PERIODS`, whatever is edited: another anchor or another
kind of schedule with the same slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from acceptance.workload import jobs
from callboard import Action, Callboard, Coalesce, MisfirePolicy, Trigger, after, cron, every
from callboard.domain.calendar import Calendar
from callboard.domain.calendar_rule import CalendarRule
from callboard.domain.schedule import Schedule
from callboard.domain.trigger import MisfirePolicyName, OverlapPolicy, OverlapPolicyName

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
PERIODS: Final[Mapping[str, timedelta]] = {
    "edited": SECOND,
    "called": SECOND,
    "spread": SECOND,
    "skipping": SECOND,
    "buffered": SECOND,
    "one": 2 * SECOND,
    "cancelling": 2 * SECOND,
    "killing": 3 * SECOND,
    "stubborn": 2 * SECOND,
    "changing": SECOND,
}
DELAYS: Final = ("delayed", "failing")
TURNED: Final = "turned"
"""One that is turned off and on: of its slots those are promised during which it is on."""
FILLED: Final = ("filled", "crowded")
"""Triggers of the past, for backfills: every minute, but not while the test lasts."""
OVERLAPS: Final[Mapping[str, OverlapPolicy]] = {
    "skipping": OverlapPolicy(policy=OverlapPolicyName.SKIP),
    "buffered": OverlapPolicy(policy=OverlapPolicyName.BUFFER, limit=3),
    "one": OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE),
    "cancelling": OverlapPolicy(policy=OverlapPolicyName.CANCEL_OLD),
    "killing": OverlapPolicy(policy=OverlapPolicyName.KILL_OLD),
    "stubborn": OverlapPolicy(policy=OverlapPolicyName.CANCEL_OLD),
    "crowded": OverlapPolicy(policy=OverlapPolicyName.BUFFER_ONE),
    "delayed": OverlapPolicy(policy=OverlapPolicyName.SKIP),
}
WORK_S: Final = {
    "skipping": 1.3,
    "buffered": 0.8,
    "one": 2.5,
    "cancelling": 5.0,
    "killing": 5.0,
    "stubborn": 2.5,
    "changing": 1.2,
}
CALENDAR: Final = "blackout"


def schedule_of(name: str, random: Random) -> Schedule:
    """One of the schedules with the trigger's grid."""
    if name in FILLED:
        return cron("* * * * *")
    period = PERIODS.get(name, SECOND)
    if period == SECOND and random.random() < 0.3:
        text = random.choice(("* * * * * ?", "0-59 * * * * ?", "0/1 * * ? * *"))
        return cron(text, dialect="quartz", zone=random.choice(("UTC", "Europe/Prague")))
    return every(period, anchor_at=EPOCH + random.randrange(1_000_000) * period)


def trigger_of(name: str, random: Random) -> Trigger:
    """The trigger as it may be defined; every time its timing is another one."""
    fields: dict[str, Any] = {"schedule": None}
    if name in DELAYS:
        fields["schedule"] = after(seconds=random.choice((0.3, 0.6)))
    else:
        fields["schedule"] = schedule_of(name, random)
    if name == "called":
        fields["calendars"] = (CalendarRule(calendar=CALENDAR),)
    if name == "spread":
        fields |= {"jitter_s": random.choice((0.5, 2.0)), "flexible_window_s": 0.5}
    if name in PERIODS:
        fields["misfire"] = _misfire(random)
    if name in WORK_S:
        job = "patient" if name == "stubborn" else "slow"
        fields["actions"] = (Action(job=job, arguments={"seconds": WORK_S[name]}),)
    else:
        job = {"failing": "failing", "crowded": "fragile"}.get(name, "quick")
        fields["actions"] = (Action(job=job),)
    overlap = OVERLAPS.get(name, OverlapPolicy())
    if name == "changing":
        overlap = OverlapPolicy(policy=random.choice(list(OverlapPolicyName)))
    return Trigger(name=name, overlap=overlap, **fields)


def _misfire(random: Random) -> MisfirePolicy:
    return MisfirePolicy(
        policy=random.choice(list(MisfirePolicyName)),
        coalesce=random.choice(list(Coalesce)),
        grace_s=random.choice((0.5, 1.0, 60.0)),
        window_s=random.choice((None, None, 3.0)),
        cap=random.choice((None, 2)),
    )


def blackout(now: datetime, random: Random) -> Calendar:
    """A calendar of a stretch that is over, or going on, or about to begin."""
    start = now + timedelta(seconds=random.uniform(-5, 3))
    end = start + timedelta(seconds=random.uniform(0.5, 4))
    stretch = [start.isoformat(), end.isoformat()]
    return Calendar(name=CALENDAR, definition={"kind": "ranges", "ranges": [stretch]})


async def define_timed(board: Callboard, trace: Path, random: Random) -> None:
    """Store all of it; the triggers of FILLED are inactive."""
    for job in jobs(trace):
        await board.replace_job(job)
    await board.replace_calendar(blackout(board.present(), random))
    for name in (*PERIODS, *DELAYS, TURNED):
        await board.create_trigger(trigger_of(name, random))
    for name in FILLED:
        await board.create_trigger(trigger_of(name, random), activate=False)
