"""Ids and ARNs as Glue writes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.clock import SystemClock
from callboard.domain.run import MAX_RUN_ID
from callboard_service.doors.glue.arns import resource_of
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.ids import (
    glue_node_id,
    glue_run_id,
    glue_workflow_run_id,
    run_id_of,
    workflow_run_id_of,
)
from callboard_service.doors.glue.operation import GlueCall

NUMBERS = st.integers(1, MAX_RUN_ID)


def call_of(account: str = "123456789012") -> GlueCall:
    board: Any = None
    return GlueCall(
        board=board,
        group="g",
        request={},
        clock=SystemClock(),
        account=account,
        operation="GetTags",
    )


@given(number=NUMBERS)
def test_run_ids_have_64_digits_and_lead_back(number: int) -> None:
    assert re.fullmatch("jr_[0-9a-f]{64}", glue_run_id(number))
    assert run_id_of(glue_run_id(number)) == number
    assert re.fullmatch("wr_[0-9a-f]{64}", glue_workflow_run_id(number))
    assert workflow_run_id_of(glue_workflow_run_id(number)) == number


@given(number=NUMBERS)
def test_run_ids_of_jobs_and_workflows_are_not_mistaken(number: int) -> None:
    assert run_id_of(glue_workflow_run_id(number)) is None
    assert workflow_run_id_of(glue_run_id(number)) is None


@given(text=st.text() | st.from_regex(r"jr_[0-9A-Fa-f]{62,66}", fullmatch=True))
def test_any_text_is_an_id_that_was_given_or_none(text: str) -> None:
    number = run_id_of(text)
    assert number is None or glue_run_id(number) == text


@pytest.mark.parametrize("number", [0, MAX_RUN_ID + 1, 16**64 - 1])
def test_numbers_that_no_run_can_have_are_no_ids(number: int) -> None:
    assert run_id_of(f"jr_{number:064x}") is None


@given(
    one=st.tuples(NUMBERS, st.sampled_from(["JOB", "TRIGGER"]), st.text()),
    other=st.tuples(NUMBERS, st.sampled_from(["JOB", "TRIGGER"]), st.text()),
)
def test_node_ids_are_those_of_their_nodes_alone(
    one: tuple[int, str, str], other: tuple[int, str, str]
) -> None:
    assert re.fullmatch("wnode_[0-9a-f]{64}", glue_node_id(*one))
    assert (glue_node_id(*one) == glue_node_id(*other)) == (one == other)


@pytest.mark.parametrize("name", ["etl", "a/b:c d", "\u00fc\U0001f600"])
@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_an_arn_names_its_resource_whatever_region_it_says(name: str, partition: str) -> None:
    found = resource_of(call_of(), f"arn:{partition}:glue:eu-west-1:123456789012:trigger/{name}")
    assert (found.kind, found.name) == ("trigger", name)


@pytest.mark.parametrize(
    "arn", ["arn:aws:glue:eu-west-1:123456789012:job", "arn:aws:s3:::x/y", "job/etl", ""]
)
def test_what_is_no_arn_of_glue_is_invalid_input(arn: str) -> None:
    with pytest.raises(GlueFault) as refusal:
        resource_of(call_of(), arn)
    assert refusal.value.code == "InvalidInputException"


def test_a_resource_of_another_account_is_not_found() -> None:
    with pytest.raises(GlueFault, match="123456789012") as refusal:
        resource_of(call_of(), "arn:aws:glue:eu-west-1:999999999999:job/etl")
    assert refusal.value.code == "EntityNotFoundException"
