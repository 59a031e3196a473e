"""The service model: which operations, what it takes, and AWS's words for what it does not."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard_service.doors.glue.checks import MOST_SHOWN, MOST_TOLD, check_request
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.model import GlueModel, Shape, compile_model, load_model
from callboard_service.doors.glue.operations import OPERATIONS
from callboard_service.doors.glue.pattern import compile_pattern
from callboard_service.doors.glue.reading import read_request
from callboard_service.wire.text import MalformedJson, parse_json

ALL_OF_OURS = (
    *("CreateJob", "GetJob", "GetJobs", "ListJobs", "BatchGetJobs", "UpdateJob", "DeleteJob"),
    *("StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun"),
    *("GetJobBookmark", "ResetJobBookmark"),
    *("CreateTrigger", "GetTrigger", "GetTriggers", "ListTriggers", "BatchGetTriggers"),
    *("UpdateTrigger", "StartTrigger", "StopTrigger", "DeleteTrigger"),
    *("TagResource", "UntagResource", "GetTags"),
    *("CreateWorkflow", "GetWorkflow", "BatchGetWorkflows", "ListWorkflows", "UpdateWorkflow"),
    *("DeleteWorkflow", "StartWorkflowRun", "GetWorkflowRun", "GetWorkflowRuns"),
    *("GetWorkflowRunProperties", "PutWorkflowRunProperties", "StopWorkflowRun"),
    "ResumeWorkflowRun",
)
NAME_PATTERN = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"
ACTION = {"JobName": "etl"}


@pytest.fixture(scope="module")
def model() -> GlueModel:
    return load_model(ALL_OF_OURS)


Understand = Callable[[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def understand(model: GlueModel) -> Understand:
    """Read and check a body as the door does."""

    def read(operation: str, body: Any) -> dict[str, Any]:
        request = read_request(model, operation, body)
        check_request(model, operation, request)
        return request

    return read


def fault(understand: Understand, code: str, operation: str, body: Any) -> str:
    with pytest.raises(GlueFault) as refusal:
        understand(operation, body)
    assert (refusal.value.code, refusal.value.status) == (code, 400)
    return str(refusal.value)


def broken(value: str, place: str, rule: str) -> str:
    shown = value if value == "null" else f"'{value}'"
    return f"Value {shown} at '{place}' failed to satisfy constraint: {rule}"


def one(*told: str) -> str:
    return f"1 validation error detected: {broken(*told)}"


def test_all_operations_of_ours_are_in_the_model_and_no_others_inputs(model: GlueModel) -> None:
    assert set(model.inputs) == set(ALL_OF_OURS)
    assert len(model.names) > 250
    assert "GetCrawlers" in model.names
    assert not {"GetCrawlersRequest", "CreateCrawlerRequest"} & set(model.shapes)


def test_the_table_has_no_operation_that_glue_has_not(model: GlueModel) -> None:
    assert set(OPERATIONS) <= set(ALL_OF_OURS) <= model.names


def test_every_pattern_of_ours_is_checked(model: GlueModel) -> None:
    told = {shape.told_pattern for shape in model.shapes.values() if shape.told_pattern}
    assert told
    assert [each for each in told if compile_pattern(each) is None] == []


def test_a_loaded_model_is_small() -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        loaded = load_model(ALL_OF_OURS)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loaded
    # What botocore caches of its data is not kept: the parsed document alone has some 8 MB.
    assert after - before < 2 * 2**20


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("etl job/1", True),
        ("tab\tin it", True),
        ("\u00fc\u4e2d", True),
        ("\U0001f600\U0010ffff", True),
        ("line\nend", False),
        ("trailing\n", False),
        ("nul\x00", False),
        ("bell\x07", False),
        ("\ufffe", False),
    ],
)
def test_names_are_texts_of_one_line_beyond_the_first_plane_too(text: str, is_right: bool) -> None:
    pattern = compile_pattern(NAME_PATTERN)
    assert pattern is not None
    assert (pattern.fullmatch(text) is not None) == is_right


@pytest.mark.parametrize(
    ("java", "text", "is_right"),
    [
        (r"\w+", "\u00fc", False),
        (r"\d+", "\u0661", False),
        (".*", "a\u2028b", False),
        (".*", "a b", True),
        (r"a\.b", "axb", False),
        ("[.]", "x", False),
        (r"[\s\S]*", "a\nb", True),
        ("^a$", "a\n", False),
        (r"[\]\.x]+", "].x", True),
        (r"[\uD83D\uDE00-\uD83D\uDE4F]", "\U0001f610", True),
        (r"[\uD83D\uDE00-\uD83D\uDE4F]", "\U0001f680", False),
    ],
)
def test_patterns_are_read_as_java_reads_them(java: str, text: str, is_right: bool) -> None:
    pattern = compile_pattern(java)
    assert pattern is not None
    assert (pattern.fullmatch(text) is not None) == is_right


@pytest.mark.parametrize("java", [r"[\p{L}]*", "(", "[[a]"])
def test_patterns_that_python_has_not_are_not_checked(java: str) -> None:
    assert compile_pattern(java) is None


def test_unknown_members_and_null_are_left_out_deeply(understand: Understand) -> None:
    body = {
        "Name": "t",
        "Type": "SCHEDULED",
        "Schedule": None,
        "Actions": [{"JobName": "a", "Timeout": None, "Sort": 1, "Arguments": {"--x": None}}, None],
        "Tags": None,
        "Colour": {"deep": [1]},
        "name": "not this",
    }
    assert understand("CreateTrigger", body) == {
        "Name": "t",
        "Type": "SCHEDULED",
        "Actions": [{"JobName": "a", "Arguments": {}}],
    }


def test_numbers_stay_what_they_are(understand: Understand) -> None:
    body = {"JobName": "a", "MaxCapacity": 2, "Timeout": 5.0}
    request = understand("StartJobRun", body)
    assert request == {"JobName": "a", "MaxCapacity": 2, "Timeout": 5}
    assert isinstance(request["Timeout"], int)


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        (
            "GetJobs",
            {"MaxResults": 5000},
            one("5000", "maxResults", "Member must have value less than or equal to 1000"),
        ),
        (
            "GetJobs",
            {"MaxResults": 0},
            one("0", "maxResults", "Member must have value greater than or equal to 1"),
        ),
        ("GetJob", {}, one("null", "jobName", "Member must not be null")),
        (
            "GetTrigger",
            {"Name": ""},
            one("", "name", "Member must have length greater than or equal to 1"),
        ),
        (
            "GetTrigger",
            {"Name": "a\nb"},
            one(
                "a\nb",
                "name",
                f"Member must satisfy regular expression pattern: {NAME_PATTERN}",
            ),
        ),
        (
            "CreateTrigger",
            {"Name": "t", "Type": "HOURLY", "Actions": []},
            one(
                "HOURLY",
                "type",
                "Member must satisfy enum value set: [SCHEDULED, CONDITIONAL, ON_DEMAND, EVENT]",
            ),
        ),
        (
            "CreateTrigger",
            {"Name": "t", "Type": "ON_DEMAND", "Actions": [ACTION, {"JobName": ""}]},
            one(
                "",
                "actions.2.member.jobName",
                "Member must have length greater than or equal to 1",
            ),
        ),
        (
            "UpdateTrigger",
            {"Name": "t", "TriggerUpdate": {"Predicate": {"Conditions": [{"State": "DONE"}]}}},
            one(
                "DONE",
                "triggerUpdate.predicate.conditions.1.member.state",
                "Member must satisfy enum value set: [STARTING, RUNNING, STOPPING, STOPPED, "
                "SUCCEEDED, FAILED, TIMEOUT, ERROR, WAITING, EXPIRED]",
            ),
        ),
        (
            "BatchStopJobRun",
            {"JobName": "a", "JobRunIds": []},
            one("[]", "jobRunIds", "Member must have length greater than or equal to 1"),
        ),
        (
            "BatchGetWorkflows",
            {"Names": ["ok", "a\nb"]},
            one(
                "[ok, a\nb]",
                "names",
                "Member must satisfy constraint: [Member must have length less than or equal to "
                "255, Member must have length greater than or equal to 1, Member must satisfy "
                f"regular expression pattern: {NAME_PATTERN}]",
            ),
        ),
        (
            "TagResource",
            {"ResourceArn": "arn:aws:glue:x:1:job/a", "TagsToAdd": {"": "v"}},
            one(
                "{=v}",
                "tagsToAdd",
                "Map keys must satisfy constraint: [Member must have length less than or equal "
                "to 128, Member must have length greater than or equal to 1]",
            ),
        ),
        (
            "TagResource",
            {"ResourceArn": "arn:aws:glue:x:1:job/a", "TagsToAdd": {"k": "v" * 257}},
            one(
                f"{{k={'v' * (MOST_SHOWN - 6)}...",
                "tagsToAdd",
                "Map value must satisfy constraint: [Member must have length less than or equal "
                "to 256, Member must have length greater than or equal to 0]",
            ),
        ),
    ],
)
def test_what_breaks_a_constraint_is_told_in_the_words_of_aws(
    understand: Understand, operation: str, body: Any, told: str
) -> None:
    assert fault(understand, "ValidationException", operation, body) == told


def test_all_faults_are_told_at_once(understand: Understand) -> None:
    told = fault(understand, "ValidationException", "CreateTrigger", {"Name": "", "Type": "X"})
    assert told.startswith("3 validation errors detected: Value '' at 'name' failed")
    parts = told.split("; ")
    assert [re.findall(r"at '(\w+)'", part) for part in parts] == [["name"], ["type"], ["actions"]]


def test_an_error_of_very_many_faults_stays_short(understand: Understand) -> None:
    body = {"Name": "t", "Type": "ON_DEMAND", "Actions": [{"JobName": ""}] * 400}
    told = fault(understand, "ValidationException", "CreateTrigger", body)
    assert told.startswith("400 validation errors detected: ")
    assert told.count("Value '") == MOST_TOLD


@pytest.mark.parametrize(
    ("operation", "body", "told"),
    [
        ("GetJob", {"JobName": 5}, "NUMBER_VALUE can not be converted to a String at 'jobName'"),
        ("GetJob", {"JobName": True}, "TRUE_VALUE can not be converted to a String"),
        ("GetJob", {"JobName": ["a"]}, "START_ARRAY can not be converted to a String"),
        ("GetJob", {"JobName": {}}, "START_OBJECT can not be converted to a String"),
        ("GetJobs", {"MaxResults": "5"}, "STRING_VALUE can not be converted to an Integer"),
        ("GetJobs", {"MaxResults": True}, "TRUE_VALUE can not be converted to an Integer"),
        ("GetJobs", {"MaxResults": 1.5}, "DECIMAL_VALUE can not be converted to an Integer"),
        ("GetJobs", {"MaxResults": 2**31}, "out of the range of an Integer"),
        ("GetJobs", {"MaxResults": -(10**300)}, "out of the range of an Integer"),
        ("StartJobRun", {"JobName": "a", "MaxCapacity": 10**400}, "out of the range of a Double"),
        ("StartJobRun", {"JobName": "a", "MaxCapacity": "1"}, "converted to a Double"),
        ("StartJobRun", {"JobName": "a", "Arguments": []}, "converted to a map at 'arguments'"),
        ("StartJobRun", {"JobName": "a", "Arguments": {"k": 1}}, "at 'arguments.k.member'"),
        ("StartJobRun", {"JobName": "a", "JobRunQueuingEnabled": "true"}, "to a Boolean"),
        ("BatchGetJobs", {"JobNames": "a"}, "converted to a list at 'jobNames'"),
        ("CreateJob", {"Command": []}, "converted to a structure at 'command'"),
        ("GetJobs", [], "START_ARRAY can not be converted to a structure"),
        ("GetJobs", "x", "STRING_VALUE can not be converted to a structure"),
        ("GetJobs", None, "NULL_VALUE can not be converted to a structure"),
    ],
)
def test_a_value_of_another_type_cannot_be_read(
    understand: Understand, operation: str, body: Any, told: str
) -> None:
    assert told in fault(understand, "SerializationException", operation, body)


def test_an_integer_as_a_float_beyond_all_floats_cannot_be_read(understand: Understand) -> None:
    fault(understand, "SerializationException", "GetJobs", {"MaxResults": float("inf")})
    fault(understand, "SerializationException", "GetJobs", {"MaxResults": 1e300})


def test_what_is_secret_is_not_repeated() -> None:
    document = {
        "operations": {"Keep": {"input": {"shape": "Kept"}}},
        "shapes": {
            "Kept": {"type": "structure", "members": {"Secret": {"shape": "Secret"}}},
            "Secret": {"type": "string", "max": 5, "sensitive": True},
        },
    }
    with pytest.raises(GlueFault, match="Redacted") as refusal:
        check_request(compile_model(document, ["Keep"]), "Keep", {"Secret": "hunter22"})
    assert "hunter22" not in str(refusal.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def shaped(model: GlueModel, name: str, depth: int = 6) -> st.SearchStrategy[Any]:
    """Values near the model's: some right, some wrong somewhere."""
    return JSON if depth == 0 else st.one_of(_near(model, model.shapes[name], depth), JSON)


def _near(model: GlueModel, shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    match shape.kind:
        case "structure":
            return st.fixed_dictionaries(
                {},
                optional={
                    member: st.deferred(lambda of=of: shaped(model, of, depth - 1))
                    for member, of in shape.members.items()
                },
            )
        case "list":
            return st.lists(st.deferred(lambda: shaped(model, shape.item, depth - 1)), max_size=3)
        case "map":
            inner = st.deferred(lambda: shaped(model, shape.item, depth - 1))
            return st.dictionaries(st.text(max_size=9), inner, max_size=3)
    return st.sampled_from(shape.values) if shape.values else JSON


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(data=st.data())
def test_any_json_is_understood_or_refused(
    model: GlueModel, understand: Understand, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(ALL_OF_OURS))
    body = data.draw(shaped(model, model.inputs[operation]))
    try:
        request = understand(operation, body)
    except GlueFault as fault:
        assert fault.code in ("SerializationException", "ValidationException")  # noqa: PT017
    else:
        assert understand(operation, request) == request


@given(text=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_json_or_are_not(understand: Understand, text: bytes) -> None:
    try:
        body = parse_json(text)
    except MalformedJson:
        return
    try:
        understand("GetJobs", body)
    except GlueFault as fault:
        assert fault.code in ("SerializationException", "ValidationException")  # noqa: PT017


def test_the_model_agrees_with_botocore_about_limits(model: GlueModel) -> None:
    document: Mapping[str, Any] = Loader().load_service_model("glue", "service-2")
    for name, shape in model.shapes.items():
        told = document["shapes"][name]
        assert (shape.low, shape.high) == (told.get("min"), told.get("max"))
        assert shape.values == tuple(told.get("enum", ()))
        assert shape.required == frozenset(told.get("required", ()))
