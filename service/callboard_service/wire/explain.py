"""The answer to what became of an instant, on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec

from callboard.domain.explain import Explanation
from callboard.domain.ledger import Decision, SkipReason
from callboard_service.wire.shapes import Moment
from callboard_service.wire.slots import LocalTime


class ExplanationResource(msgspec.Struct, kw_only=True):
    """Why a trigger did, will or did not fire at an instant."""

    at: Moment
    local: LocalTime | None
    sentence: Annotated[str, msgspec.Meta(description="the answer in English")]
    decision: Annotated[
        Decision | None, msgspec.Meta(description="null: the instant is not a slot")
    ]
    reason: SkipReason | None
    slot: Annotated[
        Moment | None, msgspec.Meta(description="the slot, or the first of its stretch")
    ]
    until: Annotated[Moment | None, msgspec.Meta(description="last slot of the stretch")]
    count: Annotated[int, msgspec.Meta(description="slots in the stretch")]
    fired_at: Moment | None
    late_s: Annotated[float | None, msgspec.Meta(description="how long after its slot it fired")]
    run_ids: list[int]
    starts_at: Moment | None
    marks: list[str]
    backfills: Annotated[list[int], msgspec.Meta(description="backfills that fired it afterwards")]
    caused_by: Annotated[
        list[int], msgspec.Meta(description="runs whose ends met the trigger's conditions")
    ]
    previous_slot: Moment | None
    next_slot: Moment | None


def explanation_resource(found: Explanation) -> ExplanationResource:
    """The wire form of an explanation."""
    return ExplanationResource(
        at=found.at,
        local=found.local,
        sentence=found.sentence,
        decision=found.decision,
        reason=found.reason,
        slot=found.slot,
        until=found.until,
        count=found.count,
        fired_at=found.fired_at,
        late_s=found.late_s,
        run_ids=list(found.run_ids),
        starts_at=found.starts_at,
        marks=list(found.marks),
        backfills=list(found.backfills),
        caused_by=list(found.caused_by),
        previous_slot=found.previous_slot,
        next_slot=found.next_slot,
    )
