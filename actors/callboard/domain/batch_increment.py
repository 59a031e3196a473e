"""The next instance's parameters, and those that runs of triggers are not given.

| next | of | the last one's value |
| --- | --- | --- |
| add | integer, number, decimal | and so much more |
| add_s | datetime | so many seconds later |
| add_days | date, datetime | so many days later; of a datetime 24 hours each, in UTC |
| add_months | date, datetime | the same day so many months later, or that month's last day |
| code | any of them | what the job's own code makes of it |

From the last day of a month, add_months leads to the last day of the other: so 31 January,
28 February, 31 March. The first instance has the default; without one an integer is 1, and of other
types somebody has to start the first instance.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Final, TypeAlias, TypeVar, cast

from callboard.domain.batch_parameter import ParameterRule
from callboard.domain.batch_value import ParameterType, Scalar, WrongValue, canonical_value
from callboard.domain.instant import instant_from_text, instant_to_text
from callboard.domain.json import Json, JsonObject
from callboard.errors import Conflict, FieldProblem, InvalidInput

Call: TypeAlias = Callable[[str, Json], Json]
"""From a parameter's name and its last value to its next one, by the job's own code."""
D = TypeVar("D", date, datetime)

LAST_CHANGED: Final = "last_instance_changed"
"""Code of a conflict: the job's code was asked about another value than the last one is."""

_EXACT: Final = Context(prec=400)


def incremented(
    rules: tuple[ParameterRule, ...] | None,
    last: JsonObject | None,
    *,
    overrides: JsonObject | None = None,
    call: Call | None = None,
) -> dict[str, Json]:
    """What the next instance is to be given; not checked yet, see `canonical`.

    Args:
        last: the parameters of the last instance's last run; None: there is no instance yet.
        overrides: other values for parameters that do not identify.
    Raises:
        Conflict: no_incrementer: nothing says how to go on, or nobody here can.
        InvalidInput: an override is of a parameter that identifies, at `arguments.name`.
    """
    if not any(rule.next is not None for rule in rules or ()):
        reason = "no parameter of the job says how the next instance's follows from the last one's"
        raise _refusal(f"{reason}: start it with parameters, or declare one with next")
    assert rules is not None
    given = {} if last is None else _kept(rules, last)
    for rule in rules:
        if rule.next is not None:
            given[rule.name] = _following(rule, rule.next, given.get(rule.name), call)
    return {**given, **_checked(rules, overrides or {})}


def filled(
    rules: tuple[ParameterRule, ...] | None,
    given: JsonObject,
    *,
    slot: datetime | None = None,
    last: JsonObject | None = None,
    call: Call | None = None,
) -> JsonObject:
    """What a run that nobody gave all parameters (of a trigger, a workflow) is to be given; not
    checked yet, see `canonical`.

    Args:
        slot: the instant that it was to begin at; dates are taken in the zone that it bears.
        last: as of `incremented`.
    Raises:
        Conflict: no_incrementer: the next value cannot be made here.
    """
    found = dict(given)
    for rule in rules or ():
        if not rule.is_identifying or found.get(rule.name) is not None:
            continue
        if rule.by_slot and slot is not None:
            found[rule.name] = _of_slot(rule.type, slot)
        elif rule.next is not None:
            before = None if last is None else last.get(rule.name)
            found[rule.name] = _following(rule, rule.next, before, call)
    return found


def is_by_code(rules: tuple[ParameterRule, ...] | None) -> bool:
    """Whether the job's code has a say in what follows."""
    return any(_is_code(rule) for rule in rules or ())


def by_code(
    rules: tuple[ParameterRule, ...] | None, last: JsonObject | None, call: Call
) -> dict[str, Json]:
    """What the job's code says of the last values, as a message can carry it: by name, the last
    value and the next one. Raises Conflict no_incrementer."""
    found: dict[str, Json] = {}
    for rule in rules or ():
        before = (last or {}).get(rule.name)
        if _is_code(rule) and before is not None:
            found[rule.name] = [before, _following(rule, {"code": True}, before, call)]
    return found


def told(said: JsonObject | None) -> Call | None:
    """The job's code, as far as `by_code` asked it; None of None: it was not asked.

    What is returned raises Conflict LAST_CHANGED for another value than it was asked about.
    """
    if said is None:
        return None

    def call(name: str, last: Json) -> Json:
        before, following = cast("list[Json]", said.get(name, [None, None]))
        if before != last:
            raise Conflict(LAST_CHANGED, f"{name} is {last!r} by now: ask the job's code again")
        return following

    return call


def _is_code(rule: ParameterRule) -> bool:
    return rule.next is not None and "code" in rule.next


def _kept(rules: tuple[ParameterRule, ...], last: JsonObject) -> dict[str, Json]:
    """What the last run had of the parameters that the job still has."""
    return {rule.name: last[rule.name] for rule in rules if rule.name in last}


def _checked(rules: tuple[ParameterRule, ...], overrides: JsonObject) -> JsonObject:
    identifying = {rule.name for rule in rules if rule.is_identifying}
    problems = tuple(
        FieldProblem(
            f"arguments.{name}",
            "identifies the instance, so the next one's value is not given but worked out",
            "leave it out, or start the job with all of its parameters",
        )
        for name in overrides
        if name in identifying
    )
    if problems:
        raise InvalidInput(*problems)
    return overrides


def _following(rule: ParameterRule, step: JsonObject, last: Json, call: Call | None) -> Json:
    if last is None:
        return _first(rule)
    ((word, by),) = step.items()
    try:
        value = canonical_value(rule.type, last)
        if word == "code":
            return _called(rule, value, call)
        return _STEPS[rule.type](value, word, by)
    except WrongValue as wrong:
        raise _refusal(f"{rule.name} cannot go on from {last!r:.60}: {wrong.reason}") from None
    except (OverflowError, ValueError):
        raise _refusal(f"{rule.name} cannot go on from {last!r:.60}: out of range") from None


def _first(rule: ParameterRule) -> Json:
    if rule.default is not None:
        return rule.default
    if rule.type is ParameterType.INTEGER:
        return 1
    reason = f"{rule.name} has no value to go on from, and no default to begin with"
    raise _refusal(f"{reason}: start the first instance with its parameters")


def _called(rule: ParameterRule, value: Scalar, call: Call | None) -> Json:
    if call is None:
        reason = f"the next {rule.name} is worked out by code, which is not at hand here"
        raise _refusal(f"{reason}: ask a node that has it, or start the job with parameters")
    try:
        found = call(rule.name, value)
    except Conflict:
        raise
    except Exception as error:
        words = str(error) if isinstance(error, WrongValue) else f"{type(error).__name__}: {error}"
        raise _refusal(f"the next {rule.name} cannot be worked out: {words}") from error
    return canonical_value(rule.type, found)


def _refusal(message: str) -> Conflict:
    return Conflict("no_incrementer", message)


def _of_slot(kind: ParameterType, slot: datetime) -> str:
    return slot.date().isoformat() if kind is ParameterType.DATE else instant_to_text(slot)


def _next_number(value: Scalar, word: str, by: Json) -> Scalar:
    return cast("float", value) + cast("float", by)


def _next_decimal(value: Scalar, word: str, by: Json) -> Scalar:
    total = _EXACT.add(Decimal(value), Decimal(cast("str", by)))
    return canonical_value(ParameterType.DECIMAL, f"{total:f}")


def _next_date(value: Scalar, word: str, by: Json) -> Scalar:
    return _later(date.fromisoformat(cast("str", value)), word, by).isoformat()


def _next_datetime(value: Scalar, word: str, by: Json) -> Scalar:
    return instant_to_text(_later(instant_from_text(value, ""), word, by))


def _later(value: D, word: str, by: Json) -> D:
    count = cast("int", by)
    match word:
        case "add_s":
            return value + timedelta(seconds=count)
        case "add_days":
            return value + timedelta(days=count)
    return _months_later(value, count)


def _months_later(value: D, count: int) -> D:
    index = value.year * 12 + value.month - 1 + count
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = monthrange(year, month + 1)[1]
    is_last = value.day == monthrange(value.year, value.month)[1]
    return value.replace(year=year, month=month + 1, day=last if is_last else min(value.day, last))


_STEPS: Final[dict[ParameterType, Callable[[Scalar, str, Json], Scalar]]] = {
    ParameterType.INTEGER: _next_number,
    ParameterType.NUMBER: _next_number,
    ParameterType.DECIMAL: _next_decimal,
    ParameterType.DATE: _next_date,
    ParameterType.DATETIME: _next_datetime,
}
