"""What of a step's context becomes the job's."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.batch.promotion import NotPromoted, promote

STATE = {"loaded": 7, "bad": [1]}


def promoted(*names: str, on: tuple[str, ...] = ("COMPLETED",), **given: Any) -> dict[str, Any]:
    job_state: dict[str, Any] = {"kept": 1}
    code = given.pop("code", "COMPLETED")
    promote(names, on, given.pop("strict", False), STATE, job_state, code)
    return job_state


def test_a_step_that_completed_promotes_the_named_keys() -> None:
    assert promoted("loaded") == {"kept": 1, "loaded": 7}


def test_113_a_step_that_failed_promotes_nothing() -> None:
    assert promoted("loaded", code="FAILED") == {"kept": 1}


@pytest.mark.parametrize("pattern", ["*", "COMPLETED*", "COMPLETED WITH ?KIPS"])
def test_patterns_name_the_codes_with_which_it_is_promoted(pattern: str) -> None:
    code = "COMPLETED WITH SKIPS"
    assert promoted("loaded", on=("NOOP", pattern), code=code)["loaded"] == 7
    assert "loaded" not in promoted("loaded", on=("COMPLETED", "?"), code=code)


def test_a_missing_key_is_left_out() -> None:
    assert promoted("loaded", "none") == {"kept": 1, "loaded": 7}


def test_a_strict_promotion_refuses_a_missing_key_and_copies_nothing() -> None:
    job_state: dict[str, Any] = {}
    with pytest.raises(NotPromoted, match="has no 'none'"):
        promote(("loaded", "none"), ("*",), True, STATE, job_state, "COMPLETED")
    assert job_state == {}


def test_a_strict_promotion_asks_for_nothing_when_the_code_does_not_match() -> None:
    assert promoted("none", strict=True, code="FAILED") == {"kept": 1}
