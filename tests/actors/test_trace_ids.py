"""Trace ids: as the W3C wants them, and never one twice."""

from __future__ import annotations

import re
from random import Random

from callboard.trace_ids import TraceIds


def test_ids_are_32_lower_case_hex_digits_and_differ_from_draw_to_draw():
    ids = TraceIds(Random(1))
    given = [ids() for _ in range(1000)]
    assert len(set(given)) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in given)


def test_an_equal_generator_gives_equal_ids():
    one, other = TraceIds(Random(7)), TraceIds(Random(7))
    assert [one() for _ in range(300)] == [other() for _ in range(300)]


def test_the_id_that_means_no_trace_is_never_given():
    class Zeros(Random):
        draws = 0

        def randbytes(self, n: int) -> bytes:
            self.draws += 1
            return bytes(n) if self.draws == 1 else b"\x01" * n

    assert TraceIds(Zeros())() == "01" * 16
