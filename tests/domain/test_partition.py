"""How far ahead the history has room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.partition import AHEAD_S, LEAST_IDS, Pace, ids_ahead

DAY_S = 86_400.0


def test_no_part_is_made_while_there_is_room() -> None:
    assert ids_ahead(Pace(last_id=1, ids_per_s=10.0), LEAST_IDS, 30 * DAY_S) is None


def test_a_part_follows_the_one_before() -> None:
    pace = Pace(last_id=LEAST_IDS - 5, ids_per_s=0.0)
    assert ids_ahead(pace, LEAST_IDS, None) == (LEAST_IDS, 2 * LEAST_IDS)


def test_ten_parts_make_up_what_is_kept() -> None:
    pace = Pace(last_id=LEAST_IDS, ids_per_s=10_000.0)
    assert ids_ahead(pace, LEAST_IDS, 30 * DAY_S) == (
        LEAST_IDS,
        LEAST_IDS + 10_000 * 3 * 86_400,
    )


@given(
    last_id=st.integers(1, 10**12),
    made=st.integers(1, 10**12),
    ids_per_s=st.floats(0, 200_000),
    keep_s=st.none() | st.floats(0, 400 * DAY_S),
)
def test_there_is_room_for_what_comes_before_the_next_look(
    last_id: int, made: int, ids_per_s: float, keep_s: float | None
) -> None:
    pace = Pace(last_id=last_id, ids_per_s=ids_per_s)
    made = max(made, last_id)
    for _ in range(200):
        wanted = ids_ahead(pace, made, keep_s)
        if wanted is None:
            break
        assert wanted[0] == made < wanted[1]
        made = wanted[1]
    else:
        pytest.fail("it never has enough")
    assert made - last_id >= ids_per_s * AHEAD_S
