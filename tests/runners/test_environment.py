"""The environment of a command, without starting one."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from callboard.domain.json import Json
from callboard.runners.environment import environment_of
from callboard.runners.trace import traceparent
from runners.rig import TRACE_ID, make_run


def environment(**arguments: Json) -> dict[str, str]:
    return environment_of(make_run(arguments), {}, {})


def test_names_that_become_one_are_left_out() -> None:
    names = environment_of(make_run({"a-b": 1, "a.b": 2, "c": 3}), {}, {})
    assert {name for name in names if name.startswith("CALLBOARD_ARG_")} == {"CALLBOARD_ARG_C"}


def test_null_and_nested_arguments_are_in_the_json_only() -> None:
    names = environment(nothing=None, items=[1])
    assert not any(name.startswith("CALLBOARD_ARG_") for name in names)
    assert names["CALLBOARD_ARGUMENTS"] == '{"nothing":null,"items":[1]}'


def test_the_slot_is_in_utc() -> None:
    slot = datetime(2026, 11, 20, 2, tzinfo=timezone(timedelta(hours=1)))
    names = environment_of(replace(make_run(), slot=slot), {}, {})
    assert names["CALLBOARD_SLOT"] == "2026-11-20T01:00:00Z"


def test_without_a_slot_there_is_no_variable() -> None:
    assert "CALLBOARD_SLOT" not in environment()


def test_there_is_always_a_path() -> None:
    assert environment()["PATH"] == os.defpath


def test_a_job_cannot_replace_the_runs_facts() -> None:
    names = environment_of(make_run(), {"CALLBOARD_RUN_ID": "1", "PATH": "/opt/bin"}, {})
    assert (names["CALLBOARD_RUN_ID"], names["PATH"]) == ("42", "/opt/bin")


def test_the_traceparent_is_a_w3c_one_and_differs_after_a_crash() -> None:
    run = make_run()
    first, second = traceparent(run), traceparent(replace(run, crashes=1))
    assert re.fullmatch(f"00-{TRACE_ID}-[0-9a-f]{{16}}-01", first)
    assert first != second
