"""From a handler's signature to JSON Schema, and from JSON to what the handler is called with."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

from callboard.domain.parameters import argument_problems, schema_problems
from callboard.runners.binding import ArgumentMismatch, Handler
from callboard.runners.context import RunContext

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Order:
    count: int
    tags: list[str] = field(default_factory=list)


class Box(TypedDict):
    size: int


class Point(NamedTuple):
    x: int
    y: int = 0


class Rate(msgspec.Struct):
    value: float


def handler(function: Callable[..., Any]) -> Handler:
    return Handler("a-handler", function)


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    schema = handler(function).parameters
    assert schema is not None
    assert schema_problems(schema, "parameters") == ()
    return dict(schema)


def called(function: Callable[..., Any], **arguments: Any) -> Any:
    context: Any = None
    return handler(function).bind(arguments, context)()


def test_the_schema_has_names_types_defaults_and_what_is_required() -> None:
    def load(
        ctx: RunContext, count: int, *, name: str = "x", rate: float = 0.5, deep: bool = False
    ) -> None: ...

    assert schema_of(load) == {
        "type": "object",
        "properties": {
            "count": {"type": "integer"},
            "name": {"type": "string", "default": "x"},
            "rate": {"type": "number", "default": 0.5},
            "deep": {"type": "boolean", "default": False},
        },
        "required": ["count"],
        "additionalProperties": False,
    }


def test_a_handler_without_parameters_takes_none() -> None:
    assert schema_of(lambda: None) == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_keywords_take_what_they_are_annotated_with() -> None:
    def anything(**rest: Any) -> None: ...
    def numbers(**rest: int) -> Any:
        return rest

    assert schema_of(anything)["additionalProperties"] is True
    assert schema_of(numbers)["additionalProperties"] == {"type": "integer"}
    assert called(numbers, a=1.0) == {"a": 1}
    with pytest.raises(ArgumentMismatch, match="the argument 'a'"):
        called(numbers, a="one")


def test_keywords_say_nothing_of_the_parameters_beside_them() -> None:
    def take(first, **rest: int) -> Any:  # type: ignore[no-untyped-def]
        return first, rest

    assert called(take, first="x", second=2) == ("x", {"second": 2})


def test_what_together_is_no_good_takes_anything(caplog: pytest.LogCaptureFixture) -> None:
    def take(**rest: Any) -> None: ...

    words = [Literal[tuple(f"{at}-{each}" * 40 for each in range(800))] for at in range(3)]  # type: ignore[misc]
    names = [f"p{at}" for at in range(3)]
    parameters = [
        Parameter(n, Parameter.KEYWORD_ONLY, annotation=w)
        for n, w in zip(names, words, strict=True)
    ]
    take.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    assert schema_of(take)["properties"] == {name: {} for name in names}
    assert "take any JSON: parameters: is longer than" in caplog.text


@pytest.mark.parametrize(
    ("annotation", "given", "wanted"),
    [
        (int, 3, 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (datetime, "2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (date, "2026-01-31", date(2026, 1, 31)),
        (time, "12:30:00", time(12, 30)),
        (timedelta, "PT90S", timedelta(seconds=90)),
        (UUID, "0b0aa5d1-9a3c-4b58-8a3a-6d2f7f4e6f11", UUID("0b0aa5d19a3c4b588a3a6d2f7f4e6f11")),
        (Decimal, "1.50", Decimal("1.50")),
        (Colour, "red", Colour.RED),
        (Literal["a", 1], "a", "a"),
        (list[datetime], ["2026-01-31T12:00:00Z"], [datetime(2026, 1, 31, 12, tzinfo=UTC)]),
        (set[int], [1, 2], {1, 2}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (dict[str, date], {"a": "2026-01-31"}, {"a": date(2026, 1, 31)}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (date | None, "2026-01-31", date(2026, 1, 31)),
        (int | str, "a", "a"),
        (Order, {"count": 1}, Order(1)),
        (list[Order], [{"count": 1, "tags": ["x"]}], [Order(1, ["x"])]),
        (Box, {"size": 1}, {"size": 1}),
        (Point, [1], Point(1)),
        (Rate, {"value": 1.5}, Rate(1.5)),
        (Annotated[int, msgspec.Meta(ge=1)], 1, 1),
        (Any, {"a": [1]}, {"a": [1]}),
    ],
)
def test_what_fits_the_schema_arrives_as_its_type(annotation: Any, given: Any, wanted: Any) -> None:
    def take(value: Any) -> Any:
        return value

    take.__annotations__ = {"value": annotation}
    assert argument_problems(schema_of(take), {"value": given}, "arguments") == ()
    received = called(take, value=given)
    assert (received, type(received)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("annotation", "given", "place"),
    [
        (int, "3", ""),
        (int, True, ""),
        (str, 3, ""),
        (datetime, "tomorrow", ""),
        (date, "31.1.2026", ""),
        (Colour, "green", ""),
        (Literal["a"], "b", ""),
        (list[int], [1, "2"], "[1]"),
        (Order, {"count": "1"}, ".count"),
        (Order, {}, ".count"),
        (Annotated[int, msgspec.Meta(ge=1)], 0, ""),
        (Annotated[str, msgspec.Meta(pattern="^a")], "b", ""),
    ],
)
def test_what_does_not_fit_is_found_before_and_at_the_call(
    annotation: Any, given: Any, place: str
) -> None:
    def take(value: Any) -> Any:
        return value

    take.__annotations__ = {"value": annotation}
    (problem,) = argument_problems(schema_of(take), {"value": given}, "arguments")
    assert problem.field == f"arguments.value{place}"
    with pytest.raises(ArgumentMismatch, match="the argument 'value'"):
        called(take, value=given)


def test_a_default_of_none_may_be_given(caplog: pytest.LogCaptureFixture) -> None:
    def take(value: int = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
        return value

    assert argument_problems(schema_of(take), {"value": None}, "arguments") == ()
    assert called(take, value=None) is None


def test_defaults_are_written_as_json_where_they_can_be() -> None:
    def take(colour: Colour = Colour.RED, order: Order = Order(1), odd: Any = object()) -> None: ...  # noqa: B008

    properties = schema_of(take)["properties"]
    assert properties["colour"]["default"] == "red"
    assert properties["order"]["default"] == {"count": 1, "tags": []}
    assert properties["odd"] == {}


def test_what_has_no_schema_takes_anything_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def take(odd: complex, unknown: Unknown, good: int) -> Any:
        return odd, good

    with caplog.at_level(logging.WARNING):
        one = handler(take)
    assert one.parameters is not None
    assert one.parameters["properties"] == {"odd": {}, "unknown": {}, "good": {"type": "integer"}}
    assert len(caplog.messages) == 2
    assert "parameter 'odd' takes any JSON" in caplog.messages[0]


@pytest.mark.parametrize(("module", "known"), [("elsewhere", 2), (__name__, 1)])
def test_of_two_classes_of_one_full_name_the_first_is_described(module: str, known: int) -> None:
    def make(kind: type, module: str) -> type:
        names = {"__annotations__": {"a": kind}, "__module__": module}
        return dataclass(type("Same", (), names))

    def take(one: Any, two: Any) -> None: ...

    take.__annotations__ = {"one": make(int, __name__), "two": make(str, module)}
    schema = schema_of(take)
    assert argument_problems(schema, {"one": {"a": 1}, "two": {"a": "x"}}, "arguments") == ()
    assert (
        len(argument_problems(schema, {"one": {"a": "x"}, "two": {"a": 1}}, "arguments")) == known
    )


def test_a_model_of_pydantic_describes_and_checks_itself() -> None:
    pydantic = pytest.importorskip("pydantic")
    tree: Any = pydantic.create_model("Tree", size=(int, ...), leaf=(str | None, None))

    def take(trees: Any) -> Any:
        return trees

    take.__annotations__ = {"trees": list.__class_getitem__(tree)}
    schema = schema_of(take)
    (problem,) = argument_problems(schema, {"trees": [{"size": "x"}]}, "arguments")
    assert problem.field == "arguments.trees[0].size"
    (made,) = called(take, trees=[{"size": 3}])
    assert (type(made), made.size) == (tree, 3)


def test_nothing_is_converted_where_nothing_is_annotated() -> None:
    value = {"a": [1.0]}
    assert called(lambda value: value, value=value) is value


def test_a_function_that_does_not_tell_has_no_parameters() -> None:
    assert handler(dict.fromkeys).parameters is not None or handler(print).parameters is not None
    assert handler(type).parameters is None
