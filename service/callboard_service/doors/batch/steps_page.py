"""One page of the steps of an execution, partitions among them: there may be ten thousand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from callboard.domain.batch_step import StepExecution
from callboard.domain.run import MAX_RUN_ID
from callboard_service.call import Call
from callboard_service.doors.batch.operation import route_of
from callboard_service.portions import of_steps, read_in_portions

MOST: Final = 1000


class StepsPage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which steps: so many, from behind the one of that id."""

    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_RUN_ID)] = 0
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = MOST


async def steps_page(
    call: Call[StepsPage], operation: str
) -> tuple[list[StepExecution], str | None]:
    """The page that is asked for, by id, and where the next one is; None: there is none.

    Args:
        operation: the name of the one that is asked.
    Raises:
        NotFound: run.
        Conflict: not_batch.
    """
    after, count = call.query.after, call.query.count

    async def read(last: StepExecution | None, limit: int) -> list[StepExecution]:
        behind = after if last is None else last.id
        return await call.board.operator.list_steps(call.run_id, limit=limit, after=behind)

    page, has_more = await read_in_portions(count, read, of_steps)
    if not has_more:
        return page, None
    place = call.url(route_of(operation), id=str(call.run_id))
    return page, f"{place}?after={page[-1].id}&count={count}"


def link_to(following: str | None) -> Mapping[str, str]:
    """The header that says where the next page is."""
    return {} if following is None else {"Link": f'<{following}>; rel="next"'}
