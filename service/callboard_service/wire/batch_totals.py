"""What all runs of a batch instance have done together, on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from callboard.domain.batch_instance import BatchInstance, InstanceState
from callboard.domain.batch_step import StepState
from callboard.domain.batch_summary import MOST_SHOWN
from callboard.domain.batch_totals import InstanceTotals, StepTotals
from callboard_service.wire.batch_steps import CountsResource, counts_resource


class StepTotalsResource(msgspec.Struct, kw_only=True):
    """All executions of one step, or of one partition, on one visit of the flow."""

    name: str
    visit: int
    executions: int
    state: Annotated[StepState, msgspec.Meta(description="of the last one")]
    exit_code: str
    counts: CountsResource
    wall_s: Annotated[float, msgspec.Meta(description="seconds in which it was executed")]
    expected: int | None
    rate: Annotated[float | None, msgspec.Meta(description="items read in a second")]
    eta_s: Annotated[
        float | None, msgspec.Meta(description="seconds until it is through; null: unknown")
    ]


class TotalsResource(msgspec.Struct, kw_only=True):
    """All runs of an instance together."""

    instance_id: int
    state: InstanceState
    runs: int
    counts: CountsResource
    wall_s: Annotated[float, msgspec.Meta(description="seconds in which a run of it was executed")]
    expected: Annotated[
        int | None, msgspec.Meta(description="items in all its steps; null: nobody said")
    ]
    rate: Annotated[float | None, msgspec.Meta(description="items read in a second")]
    eta_s: Annotated[
        float | None, msgspec.Meta(description="seconds until it is through; null: unknown")
    ]
    steps: Annotated[
        list[StepTotalsResource],
        msgspec.Meta(description=f"at most {MOST_SHOWN}: of very many partitions the first ones"),
    ]
    steps_total: Annotated[int, msgspec.Meta(description="how many there are")]


def totals_resource(instance: BatchInstance, totals: InstanceTotals) -> TotalsResource:
    """The wire form of the totals of an instance."""
    return TotalsResource(
        instance_id=instance.id,
        state=instance.state,
        runs=totals.runs,
        counts=counts_resource(totals.counts),
        wall_s=totals.wall_s,
        expected=totals.expected,
        rate=totals.rate,
        eta_s=totals.eta_s,
        steps=msgspec.convert(_shown(totals), list[StepTotalsResource], from_attributes=True),
        steps_total=len(totals.steps),
    )


def _shown(totals: InstanceTotals) -> Sequence[StepTotals]:
    if len(totals.steps) <= MOST_SHOWN:
        return totals.steps
    return sorted(totals.steps, key=lambda each: ":" in each.name)[:MOST_SHOWN]
