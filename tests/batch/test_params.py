"""Params: parameters of batch jobs as classes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.batch.params import Params, arguments_of, identifying, reference, secret
from callboard.domain.batch_arguments import canonical
from callboard.domain.batch_identity import identity_key
from callboard.domain.batch_increment import incremented
from callboard.domain.batch_parameter import rules_from_spec, rules_problems
from callboard.errors import InvalidInput, UsageError


class Region(StrEnum):
    EU = "eu"
    US = "us"


class SettleParams(Params):
    version: ClassVar[int] = 3
    business_date: date = identifying(next=timedelta(days=1), by_slot=True)
    region: Region = identifying(default=Region.EU)
    operator: str = reference(default="")
    token: str | None = secret(default=None)


class Everything(Params):
    text: str
    whole: int
    real: float
    flag: bool
    day: date
    at: datetime
    money: Decimal
    region: Region
    size: Literal[1, 2]
    note: str | None = reference(default=None)
    limit: Decimal | None = None


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=10)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)  # noqa: DTZ001
MONEY = st.decimals(allow_nan=False, allow_infinity=False, places=4)
EVERYTHING = st.builds(
    Everything,
    text=TEXTS,
    whole=st.integers(-(2**63), 2**63 - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    day=st.dates(),
    at=INSTANTS,
    money=MONEY,
    region=st.sampled_from(Region),
    size=st.sampled_from([1, 2]),
    note=st.none() | TEXTS,
    limit=st.none() | MONEY,
)


@given(EVERYTHING)
def test_any_values_come_back_through_json_and_rules(params: Everything):
    """Cases 10 and 14: what is stored is what was given."""
    stored = params.to_json()
    found = canonical(Everything.rules(), stored)
    assert found.values == stored
    assert Everything.from_json(stored) == params
    assert hash(Everything.from_json(stored)) == hash(params)


@given(EVERYTHING)
def test_the_identity_is_stable_and_depends_on_what_identifies(params: Everything):
    def key(each: Everything) -> str:
        return identity_key(canonical(Everything.rules(), each.to_json()))

    assert key(Everything.from_json(params.to_json())) == key(params)
    assert key(dataclasses.replace(params, note="another")) == key(params)
    assert key(dataclasses.replace(params, flag=not params.flag)) != key(params)


def test_values_are_given_by_place_or_by_name():
    params = SettleParams(date(2026, 1, 5), Region.US, operator="ada")
    assert params == SettleParams(business_date=date(2026, 1, 5), region=Region.US, operator="ada")
    assert params.to_json() == {"business_date": "2026-01-05", "region": "us", "operator": "ada"}
    assert params.version == 3


def test_params_are_frozen():
    params = SettleParams(date(2026, 1, 5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.operator = "eve"  # type: ignore[misc]


def test_a_missing_or_unknown_value_is_a_type_error():
    with pytest.raises(TypeError, match="business_date"):
        SettleParams()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="day"):
        SettleParams(date(2026, 1, 5), day=1)  # type: ignore[call-arg]


def test_every_wrong_value_is_named():
    with pytest.raises(InvalidInput) as caught:
        SettleParams("2026-01-05", region="uk", operator=5)  # type: ignore[arg-type]
    assert [str(each) for each in caught.value.problems] == [
        "business_date: '2026-01-05' is a str, not a date",
        "region: 'uk' is none of the choices (one of 'eu', 'us')",
        "operator: 5 is not a text (put it in quotes)",
    ]


def test_values_are_kept_as_a_run_sees_them():
    at = datetime(2026, 1, 5, 10, 0, 0, 7, tzinfo=timezone(timedelta(hours=2)))

    class Loose(Params):
        at: datetime
        real: float
        region: Region

    params = Loose(at, 3, "us")  # type: ignore[arg-type]
    assert params.at == at
    assert params.at.tzinfo is UTC
    assert type(params.real) is float
    assert params.region is Region.US


def test_an_instant_needs_a_zone():
    class At(Params):
        at: datetime

    with pytest.raises(InvalidInput, match=r"at: .* has no time zone"):
        At(datetime(2026, 1, 5))  # noqa: DTZ001


def test_a_datetime_is_no_date():
    with pytest.raises(InvalidInput, match="not a date"):
        SettleParams(datetime(2026, 1, 5, tzinfo=UTC))


def test_rules_are_those_of_the_spec():
    said = [rule.to_json() for rule in SettleParams.rules()]
    assert said == [
        {"name": "business_date", "type": "date", "next": {"add_days": 1}, "by_slot": True},
        {"name": "region", "type": "string", "default": "eu", "choices": ["eu", "us"]},
        {"name": "operator", "type": "string", "identifying": False, "default": ""},
        {
            "name": "token",
            "type": "string",
            "identifying": False,
            "required": False,
            "secret": True,
        },
    ]
    assert [*rules_problems(said)] == []
    assert rules_from_spec({"parameters": said}) == SettleParams.rules()


def test_wrong_arguments_of_a_run_are_named():
    with pytest.raises(InvalidInput) as caught:
        SettleParams.from_json({"region": "uk", "day": 1})
    fields = {each.field for each in caught.value.problems}
    assert fields == {"arguments.day", "arguments.business_date", "arguments.region"}


# secrets


def test_a_secret_is_given_as_its_place_and_is_in_the_run_itself():
    """A10: it is shown nowhere."""
    given = SettleParams(date(2026, 1, 5), token="env:TOKEN")
    assert given.to_json()["token"] == {"$secret": "env:TOKEN"}
    in_run = SettleParams.from_json({**given.to_json(), "token": "hunter22"})
    assert in_run.token == "hunter22"
    assert "hunter22" not in repr(in_run) + repr(in_run.token)
    assert SettleParams.from_json(given.to_json()) == given


def test_the_value_of_a_secret_is_not_accepted_and_not_repeated():
    with pytest.raises(InvalidInput, match="token: is a secret") as caught:
        SettleParams(date(2026, 1, 5), token="hunter 22")
    assert "hunter" not in str(caught.value)


def test_a_secret_of_a_run_cannot_be_given_to_another():
    in_run = SettleParams.from_json({"business_date": "2026-01-05", "token": "hunter22"})
    with pytest.raises(UsageError, match="give its reference"):
        in_run.to_json()
    with pytest.raises(UsageError):
        SettleParams(date(2026, 1, 6), token=in_run.token).to_json()


def test_a_secret_may_have_a_default_place():
    class Private(Params):
        token: str = secret(default="env:TOKEN")

    assert Private().to_json() == {"token": {"$secret": "env:TOKEN"}}
    assert Private.rules()[0].to_json()["default"] == "env:TOKEN"
    assert rules_from_spec({"parameters": [Private.rules()[0].to_json()]}) == Private.rules()


def test_a_field_may_be_called_as_its_type_is():
    class Dated(Params):
        date: date = identifying(by_slot=True)

    assert Dated(date(2026, 1, 5)).to_json() == {"date": "2026-01-05"}


# inheritance


class Based(SettleParams):
    run_id: int = identifying(next=True, kw_only=True)
    region: Region = identifying(default=Region.US)


def test_a_subclass_adds_fields_and_changes_defaults():
    params = Based(date(2026, 1, 5), run_id=7)
    assert params.region is Region.US
    assert [*params.to_json()] == ["business_date", "region", "operator", "run_id"]
    assert SettleParams(date(2026, 1, 5)).region is Region.EU
    assert params != SettleParams(date(2026, 1, 5), Region.US)


def test_params_without_fields_are_parameters_too():
    class Nothing(Params):
        pass

    assert Nothing.rules() == ()
    assert Nothing().to_json() == {}


# next


@pytest.mark.parametrize(
    ("kind", "step", "said"),
    [
        (int, 5, {"add": 5}),
        (int, True, {"add": 1}),
        (float, 0.5, {"add": 0.5}),
        (Decimal, Decimal("0.10"), {"add": "0.1"}),
        (Decimal, 1, {"add": "1"}),
        (date, timedelta(weeks=1), {"add_days": 7}),
        (date, True, {"add_days": 1}),
        (date, {"add_months": 1}, {"add_months": 1}),
        (datetime, timedelta(minutes=1.5), {"add_s": 90}),
        (datetime, timedelta(milliseconds=500), {"add_s": 0.5}),
        (date, lambda day: day, {"code": True}),
        (int, None, None),
    ],
)
def test_next_is_said_in_the_spec(kind: type, step: Any, said: Any):
    made = define(x=(kind, identifying(next=step)))
    assert made.rules()[0].next == said


def test_a_function_is_called_with_values_of_the_field():
    class Doubling(Params):
        day: date = identifying(next=lambda day: day + timedelta(days=2))
        run_id: int = identifying(next=True)

    last = Doubling(date(2026, 1, 5), 4).to_json()
    found = incremented(Doubling.rules(), last, call=Doubling.call_next)
    assert Doubling.from_json(found) == Doubling(date(2026, 1, 7), 5)


def test_a_function_that_gives_something_else_is_refused():
    made = define(day=(date, identifying(next=lambda day: "tomorrow")))
    with pytest.raises(Exception, match="'tomorrow' is a str, not a date"):
        incremented(made.rules(), {"day": "2026-01-05"}, call=made.call_next)


# classes that cannot be


class Colour(Enum):
    RED = 1


def define(**fields: tuple[Any, Any]) -> type[Params]:
    """A class of these fields: annotation, and what stands behind `=`."""
    body: dict[str, Any] = {name: value for name, (_, value) in fields.items() if value is not ...}
    body["__annotations__"] = {name: annotation for name, (annotation, _) in fields.items()}
    return type("Job", (Params,), body)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"x": (list[int], ...)}, "Job.x: has the type list[int], which no parameter has"),
        ({"x": (dict, ...)}, "Job.x: has the type dict, which no parameter has (one of str, int"),
        ({"x": (Colour, ...)}, "Job.x: has the type Colour"),
        ({"x": (int | str, ...)}, "Job.x: has the type int | str"),
        ({"x": (Literal[1, "a"], ...)}, "Job.x: has the type typing.Literal[1, 'a']"),
        ({"x": ("Nowhere", ...)}, "Job.x: has the type 'Nowhere': name 'Nowhere' is not defined"),
        ({"x": (str, identifying(next=1))}, "Job.x.next: is for identifying numbers"),
        ({"x": (int, identifying(next="daily"))}, "Job.x: cannot go on by 'daily'"),  # type: ignore[call-overload]
        ({"x": (int, identifying(next=timedelta(1)))}, "Job.x.next: is no way for"),
        ({"x": (date, identifying(next=1))}, "Job.x.next: is no way for"),
        ({"x": (date, identifying(next=timedelta(hours=5)))}, "no whole number of days"),
        ({"x": (int, identifying(next=0))}, "Job.x.next.add: is 0, so it would never go on"),
        ({"x": (int, identifying(by_slot=True))}, "Job.x.by_slot: is for identifying dates"),
        ({"x": (int, identifying(default="1"))}, "Job.x: has a wrong default: '1' is not an int"),
        ({"x": (int, "1")}, "Job.x: has a wrong default"),
        ({"x": (int, None)}, "Job.x: has the default None, which its type is not"),
        ({"x": (int | None, ...)}, "Job.x: may be None, so that is what it is"),
        ({"x": (int | None, 5)}, "Job.x: may be None, so that is what it is"),
        ({"x": (int, identifying(default=3, choices=[1]))}, "3 is none of the choices"),
        ({"x": (int, identifying(choices=["1"]))}, "Job.x: '1' is not an integer"),
        ({"x": (Region, identifying(choices=["eu"]))}, "has choices, and a type that says them"),
        ({"x": (int, secret())}, "Job.x.type: is the type of a secret, which is a text"),
        ({"x": (str, secret(default="hunter22"))}, "has a wrong default: is a secret"),
        ({"x": (int, dataclasses.field(default=1))}, "Job.x: is a dataclass field, which"),
        ({"x": (int, 1), "y": (int, ...)}, "Job.y: has no default, but stands behind 'x'"),
        ({"run_id": (int, 1), "runId": (int, 1)}, "Job.runId: can hardly be told from 'run_id'"),
        ({"rules": (int, 1)}, "Job.rules: has a name that every Params has for itself"),
        ({"_x": (int, 1)}, "Job._x: has a name that every Params has for itself"),
    ],
)
def test_a_class_that_cannot_be_is_refused_by_its_field(fields: Any, problem: str):
    with pytest.raises(InvalidInput) as caught:
        define(**fields)
    assert problem in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_all_wrong_fields_of_a_class_are_named_at_once():
    with pytest.raises(InvalidInput) as caught:
        define(x=(list, ...), y=(str, identifying(next=1)))
    assert [each.field for each in caught.value.problems] == ["Job.x", "Job.y.next"]


def test_a_field_without_a_type_is_refused():
    with pytest.raises(InvalidInput, match=r"Job\.x: has no type"):
        type("Job", (Params,), {"x": identifying()})


def test_a_subclass_cannot_make_another_thing_of_a_field():
    reason = "operator: is a reference string in the class that it comes from"
    with pytest.raises(InvalidInput, match=reason):
        type("Job", (SettleParams,), {"__annotations__": {"operator": int}, "operator": 1})


# parameters as a mapping


def test_values_of_python_become_json():
    given = {
        "day": date(2026, 1, 5),
        "at": datetime(2026, 1, 5, 1, tzinfo=UTC),
        "money": Decimal("1.50"),
        "region": Region.EU,
        "n": 1,
    }
    assert arguments_of(given) == {
        "day": "2026-01-05",
        "at": "2026-01-05T01:00:00Z",
        "money": "1.5",
        "region": "eu",
        "n": 1,
    }
    assert arguments_of(SettleParams(date(2026, 1, 5))) == {
        "business_date": "2026-01-05",
        "region": "eu",
        "operator": "",
    }
    assert arguments_of(None) == {}


@pytest.mark.parametrize("value", [datetime(2026, 1, 5), Decimal("NaN")])  # noqa: DTZ001
def test_what_json_cannot_hold_is_named(value: object):
    with pytest.raises(InvalidInput, match=r"^arguments\.x: "):
        arguments_of({"x": value})
