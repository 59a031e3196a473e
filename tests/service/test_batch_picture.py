"""The picture of a batch instance over time: its lanes, its scale, its SVG, its text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun
from callboard.domain.batch_step import LOST, Checkpoint, StepCounts, StepExecution, StepState
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard_service.batch_picture.lanes import MOST_PARTITIONS, Timeline, timeline_of
from callboard_service.batch_picture.scale import scale_of
from callboard_service.batch_picture.svg import LEFT, PLOT, WIDTH, svg_picture
from callboard_service.batch_picture.text import text_picture
from support.factories import after as at
from support.factories import make_job, make_run

SVG = "{http://www.w3.org/2000/svg}"


def a_run(
    run_id: int, state: RunState, since: float, until: float | None, **changes: object
) -> Run:
    ended_at = None if until is None else at(until)
    run = make_run(run_id, make_job(), state=state, started_at=at(since), ended_at=ended_at)
    return replace(run, **changes)  # type: ignore[arg-type]


def a_step(
    step_id: int,
    run_id: int,
    name: str,
    since: float,
    until: float | None,
    state: StepState = StepState.SUCCEEDED,
    *,
    writes: int = 0,
    **changes: object,
) -> StepExecution:
    step = StepExecution(
        id=step_id,
        instance_id=3,
        run_id=run_id,
        name=name,
        state=state,
        exit_code=state.value.upper(),
        checkpoint=Checkpoint(counts=StepCounts(writes=writes)),
        started_at=at(since),
        ended_at=None if until is None else at(until),
    )
    return replace(step, **changes)  # type: ignore[arg-type]


def a_history(*steps: StepExecution, runs: tuple[int, ...]) -> BatchHistory:
    instance = BatchInstance(id=3, job="settle", key="k", parameters={"day": "2026-01-05"})
    batch_runs = tuple(BatchRun(run_id=each, instance_id=3, arguments={}) for each in runs)
    return BatchHistory(instance=instance, runs=batch_runs, steps=steps)


RUNS = {
    5: a_run(5, RunState.FAILED, 0, 60, error=RunError(type="ValueError", message="<bad> & worse")),
    7: a_run(7, RunState.STOPPED, 90, 130),
    9: a_run(9, RunState.RUNNING, 90_000, None),
}
HISTORY = a_history(
    a_step(1, 5, "load", 0, 20, writes=1000),
    a_step(2, 5, "settle", 20, 60, StepState.FAILED, writes=10),
    a_step(3, 7, "settle", 90, 100, writes=5),
    a_step(4, 7, "report", 100, 130, StepState.STOPPED),
    a_step(5, 7, "report:north", 100, 110, manager_id=4),
    a_step(6, 7, "report:south", 100, 129, StepState.STOPPED, manager_id=4),
    a_step(7, 9, "report", 90_000, None, StepState.RUNNING),
    a_step(8, 9, "report:south", 90_000, None, StepState.RUNNING, manager_id=7),
    runs=(5, 7, 9),
)
NOW = at(90_020)


@pytest.fixture
def timeline() -> Timeline:
    return timeline_of(HISTORY, RUNS, now=NOW)


def test_attempts_of_one_step_are_on_one_lane_and_partitions_under_their_step(
    timeline: Timeline,
) -> None:
    lanes = [(lane.name, lane.depth, len(lane.bars)) for lane in timeline.steps]
    assert lanes == [
        ("load", 0, 1),
        ("settle", 0, 2),
        ("report", 0, 2),
        ("north", 1, 1),
        ("south", 1, 2),
    ]
    assert [bar.state for bar in timeline.runs.bars] == ["failed", "stopped", "running"]


def test_a_lane_says_how_its_last_attempt_is_and_what_all_have_written(timeline: Timeline) -> None:
    said = {lane.name: lane.said for lane in timeline.steps}
    assert said["settle"] == "succeeded, 15 written"
    assert said["report"] == "running"


def test_a_lane_says_what_was_skipped_and_its_bars_which_visit_they_are() -> None:
    skips = Checkpoint(counts=StepCounts(writes=3, read_skips=1, write_skips=1))
    first = a_step(1, 5, "load", 0, 10, checkpoint=skips)
    history = a_history(first, a_step(2, 5, "load", 20, 30, visit=2), runs=(5,))
    (lane,) = timeline_of(history, RUNS, now=NOW).steps
    assert lane.said == "succeeded, 3 written, 2 skipped"
    assert [bar.label for bar in lane.bars] == ["10.0 s", "visit 2: 10.0 s"]


def test_a_run_tells_its_error_and_why_it_was_recovered() -> None:
    recovered = replace(HISTORY.runs[0], recovery="the node burnt")
    timeline = timeline_of(replace(HISTORY, runs=(recovered,)), RUNS, now=NOW)
    told = timeline.runs.bars[0].told.splitlines()
    assert told[0] == "run 5 failed"
    assert told[-2:] == ["ValueError: <bad> & worse", "recovered: the node burnt"]


def test_of_many_runs_the_last_one_is_told() -> None:
    timeline = timeline_of(a_history(runs=(1, 2, 3, 4, 5)), RUNS, now=NOW)
    assert timeline.said == "day=2026-01-05; 5 runs, the last one live"


def test_what_ended_before_it_began_by_its_clocks_took_no_time() -> None:
    history = a_history(a_step(1, 5, "load", 10, 5), runs=(5,))
    timeline = timeline_of(history, {5: a_run(5, RunState.FAILED, 10, 5)}, now=NOW)
    assert [(bar.since, bar.until) for bar in timeline.bars()] == [(at(10), at(10))] * 2
    assert svg_picture(timeline)


def test_what_has_not_ended_goes_on_until_now(timeline: Timeline) -> None:
    assert {bar.until for bar in timeline.bars() if bar.state == "running"} == {NOW}


def test_one_run_alone_has_only_its_own_steps() -> None:
    timeline = timeline_of(HISTORY, RUNS, now=NOW, run_id=5)
    assert [lane.name for lane in timeline.steps] == ["load", "settle"]
    assert len(timeline.runs.bars) == 1


def test_a_run_that_was_queued_again_begins_with_its_first_step() -> None:
    history = a_history(
        a_step(1, 5, "load", 0, 10, StepState.FAILED, exit_code=LOST),
        a_step(2, 5, "load", 40, 50),
        runs=(5,),
    )
    timeline = timeline_of(history, {5: a_run(5, RunState.SUCCEEDED, 40, 50)}, now=NOW)
    assert timeline.runs.bars[0].since == at(0)
    assert "lost" in timeline.steps[0].bars[0].told


def test_a_parked_run_ends_with_its_last_step() -> None:
    history = a_history(a_step(1, 5, "load", 0, 10, StepState.FAILED), runs=(5,))
    parked = {5: a_run(5, RunState.PARKED, 0, None)}
    (bar,) = timeline_of(history, parked, now=NOW).runs.bars
    assert (bar.until, bar.state, bar.label) == (at(10), "failed", "run 5 parked")


def test_a_run_whose_row_is_pruned_is_drawn_by_its_steps() -> None:
    timeline = timeline_of(a_history(a_step(1, 5, "load", 0, 10), runs=(5,)), {}, now=NOW)
    assert [(bar.since, bar.until) for bar in timeline.runs.bars] == [(at(0), at(10))]


@pytest.mark.parametrize(
    ("code", "last", "state"),
    [
        ("FAILED", StepState.SUCCEEDED, "failed"),
        ("STOPPED", StepState.SUCCEEDED, "stopped"),
        ("LOAD_FAILED", StepState.FAILED, "failed"),
        ("LATE", StepState.SUCCEEDED, "succeeded"),
        ("COMPLETED", StepState.ABANDONED, "succeeded"),
    ],
)
def test_a_run_whose_row_is_pruned_has_the_state_that_is_left_of_it(
    code: str, last: StepState, state: str
) -> None:
    history = a_history(a_step(1, 5, "load", 0, 10, last), runs=(5,))
    runs = (replace(history.runs[0], exit_code=code),)
    timeline = timeline_of(replace(history, runs=runs), {}, now=NOW)
    assert [bar.state for bar in timeline.runs.bars] == [state]


def test_of_very_many_partitions_those_that_failed_are_shown() -> None:
    parts = [
        a_step(
            2 + n, 5, f"p:{n:04}", 1, 2, StepState.FAILED if n % 100 == 99 else _OK, manager_id=1
        )
        for n in range(500)
    ]
    history = a_history(a_step(1, 5, "p", 0, 3), *parts, runs=(5,))
    timeline = timeline_of(history, RUNS, now=NOW)
    shown = [lane.name for lane in timeline.steps if lane.depth]
    assert len(shown) == MOST_PARTITIONS + 1
    assert {"0099", "0199", "0299", "0399", "0499"} <= set(shown)
    assert shown[-1] == f"and {500 - MOST_PARTITIONS} more"


_OK = StepState.SUCCEEDED


def test_long_idle_times_are_cut_and_short_ones_are_not() -> None:
    spans = [(at(0), at(60)), (at(62), at(130)), (at(90_000), at(90_020))]
    scale = scale_of(spans, 500, 40)
    assert [cut.span for cut in scale.cuts] == [timedelta(seconds=90_000 - 130)]
    assert scale.place(at(0)) == 0
    assert scale.place(at(90_020)) == pytest.approx(500)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(0, 10**5)).map(
            lambda pair: (at(pair[0] / 10), at((pair[0] + pair[1]) / 10))
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_places_are_in_order_and_texts_under_the_axis_do_not_overlap(
    spans: list[tuple[datetime, datetime]],
) -> None:
    scale = scale_of(spans, 700, 50)
    instants = sorted(instant for span in spans for instant in span)
    places = [scale.place(instant) for instant in instants]
    assert all(0 <= place <= 700.001 for place in places)
    assert all(before <= after + 0.001 for before, after in pairwise(places))
    ticks = [tick.place for tick in scale.ticks(90)]
    assert ticks
    assert all(after - before >= 89.999 for before, after in pairwise(ticks))


def test_the_svg_is_xml_with_everything_inside_its_frame(timeline: Timeline) -> None:
    root = ET.fromstring(svg_picture(timeline))
    height = float(root.attrib["height"])
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert 0 <= x <= x + float(rect.attrib["width"]) <= WIDTH + 0.1
        assert 0 <= y <= y + float(rect.attrib["height"]) <= height + 0.1


def test_very_many_runs_with_idle_time_between_them_are_drawn() -> None:
    days = range(200)
    steps = [a_step(1 + day, day, "load", 90_000 * day, 90_000 * day + 9) for day in days]
    history = a_history(*steps, runs=tuple(days))
    root = ET.fromstring(svg_picture(timeline_of(history, {}, now=NOW)))
    rects = list(root.iter(f"{SVG}rect"))
    assert len(rects) > 3 * len(days)
    assert all(float(rect.attrib["width"]) > 0 for rect in rects)


def test_bars_stand_where_time_says(timeline: Timeline) -> None:
    root = ET.fromstring(svg_picture(timeline_of(HISTORY, RUNS, now=NOW, run_id=5)))
    bars = [group for group in root.iter(f"{SVG}g") if group.get("class") == "bar"]
    _, load, settle = (bar.find(f"{SVG}rect") for bar in bars)
    assert load is not None
    assert settle is not None
    assert float(load.attrib["x"]) == LEFT
    assert float(load.attrib["width"]) == pytest.approx(PLOT / 3, abs=0.1)
    assert float(settle.attrib["x"]) == pytest.approx(LEFT + PLOT / 3, abs=0.1)


def test_a_bar_without_room_has_neither_mark_nor_label() -> None:
    history = a_history(a_step(1, 5, "a", 0, 1), a_step(2, 5, "b", 1, 1000), runs=())
    root = ET.fromstring(svg_picture(timeline_of(history, {}, now=NOW)))
    short, long = (group for group in root.iter(f"{SVG}g") if group.get("class") == "bar")
    assert [each.tag for each in short] == [f"{SVG}title", f"{SVG}rect"]
    assert {each.tag for each in long} >= {f"{SVG}path", f"{SVG}text"}


def test_states_differ_by_more_than_their_colour(timeline: Timeline) -> None:
    document = svg_picture(timeline)
    hatched = set(re.findall(r'fill="url\(#(\w+)\)"', document))
    assert hatched == {"failed", "stopped"}
    marks = set(re.findall(r'class="mark"[^>]* d="([^"]+)"', document))
    assert len(marks) == 4


def test_what_people_named_is_text_and_nothing_else_in_the_svg() -> None:
    evil = '</text><script>alert("1")</script>]]>\x1b[31m'
    steps = a_step(1, 5, evil, 0, 10, exit_message=evil), a_step(2, 5, "\x1b[31m", 0, 10)
    history = a_history(*steps, runs=(5,))
    timeline = timeline_of(history, RUNS, now=NOW)
    root = ET.fromstring(svg_picture(timeline))
    assert not list(root.iter(f"{SVG}script"))
    assert all(line.isprintable() for line in text_picture(timeline, 120).split("\n"))


@pytest.mark.parametrize("columns", [60, 120, 400])
def test_the_text_keeps_to_its_width(timeline: Timeline, columns: int) -> None:
    lines = text_picture(timeline, columns).splitlines()
    drawn = [line for line in lines if line.startswith(("runs", "load", "settle", "report", "  "))]
    assert max(map(len, drawn)) <= max(columns, 80)
    assert all(line.isprintable() for line in lines)


def test_the_text_shows_each_attempt_with_its_own_end(timeline: Timeline) -> None:
    lines = {line.split()[0]: line for line in text_picture(timeline, 120).splitlines() if line}
    assert "!" in lines["settle"]
    assert lines["settle"].index("!") < lines["settle"].index("]")
    assert "#" in lines["report"]
    assert "//" in lines["load"]
    assert lines["north"].startswith("  north")


def test_a_run_that_has_not_begun_has_an_empty_picture() -> None:
    timeline = timeline_of(a_history(runs=(5,)), {}, now=NOW)
    assert "nothing has begun yet" in svg_picture(timeline)
    assert "nothing has begun yet" in text_picture(timeline, 100)
