"""What a node says of itself, and what its death tells of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.json import JsonObject
from callboard.domain.vitals import MAX_BYTES, MOST_RUNS, RunVitals, node_lost, vitals_of
from support.factories import make_job, make_run

AT = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
STACK = ("work (report.py:12)", "fetch (report.py:40)")


def of(*runs: RunVitals) -> JsonObject:
    return vitals_of(at=AT, rss_mb=57.349, runs=runs)


def test_vitals_are_json_with_the_innermost_frame_last() -> None:
    assert of(RunVitals(run_id=7, job="report", stack=STACK)) == {
        "at": "2026-01-01T12:00:00.250+00:00",
        "rss_mb": 57.3,
        "runs": {"7": {"job": "report", "stack": [*STACK]}},
    }


@given(
    st.lists(
        st.tuples(st.text(max_size=300), st.lists(st.text(max_size=500), max_size=60)), max_size=40
    )
)
def test_vitals_are_bounded(runs: list[tuple[str, list[str]]]) -> None:
    vitals = of(
        *(
            RunVitals(run_id=2**53 - number, job=job, stack=tuple(stack))
            for number, (job, stack) in enumerate(runs)
        )
    )
    assert len(orjson.dumps(vitals)) <= MAX_BYTES


def test_of_many_runs_the_first_are_told() -> None:
    told = of(*(RunVitals(run_id=number, job="j") for number in range(100)))["runs"]
    assert list(told) == [str(number) for number in range(MOST_RUNS)]


def test_of_a_deep_stack_the_inner_end_is_told() -> None:
    stack = tuple(f"f{number} (x.py:{number})" for number in range(100))
    told = of(RunVitals(run_id=1, job="j", stack=stack))["runs"]["1"]["stack"]
    assert told[-1] == "f99 (x.py:99)"
    assert len(told) == 20


def lost(vitals: JsonObject | None, *, run_id: int = 7, crashes: int = 1) -> tuple[str, str | None]:
    run = make_run(run_id, make_job(id=1), node="a", crashes=crashes)
    error = node_lost(run, vitals)
    assert error.type == "NodeLost"
    return error.message, error.traceback


def test_g19_the_error_says_what_was_last_seen() -> None:
    message, traceback = lost(of(RunVitals(run_id=7, job="report", stack=STACK)), crashes=4)
    assert message == (
        "the lease of node a ended under the run, its crash number 4; the node was last seen at"
        " 2026-01-01T12:00:00.250Z with 57.3 MB of memory; the handler was in"
        " fetch (report.py:40)"
    )
    assert traceback == "work (report.py:12)\nfetch (report.py:40)"


def test_a_run_that_was_not_told_of_has_no_stack() -> None:
    message, traceback = lost(of(RunVitals(run_id=8, job="report", stack=STACK)))
    assert message.endswith("with 57.3 MB of memory")
    assert traceback is None


def test_a_node_that_never_said_anything_is_just_lost() -> None:
    assert lost(None) == ("the lease of node a ended under the run", None)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(st.sampled_from(["at", "rss_mb", "runs", "7", "job", "stack"]), v)
        ),
    )
)
def test_vitals_of_another_release_are_no_error(anything: object) -> None:
    """What cannot be understood is passed over."""
    vitals = anything if isinstance(anything, dict) else {"runs": anything}
    assert lost(vitals)[0].startswith("the lease of node a ended")
