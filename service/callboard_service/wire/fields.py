"""From a JSON object to a value, naming everything that is wrong with it at once.

The wire types are msgspec Structs. msgspec stops at the first fault, so an object that it refuses
is looked at again field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from callboard.domain.json import check_json
from callboard.errors import FieldProblem, InvalidInput, NotSupportedYet, invalid

S = TypeVar("S", bound=msgspec.Struct)
V = TypeVar("V")

SET_BY_SERVICE: Final = frozenset(
    {
        "id",
        "version",
        "created_at",
        "updated_at",
        "state",
        "reason",
        "next_slot",
        "last_slot",
        "resume_at",
        "generation",
        "firings",
    }
)
"""Fields of answers that a client cannot write."""
TIED: Final = {"kind": "spec"}
"""Where the first is wrong, nothing can be said of the second."""
MOST_SHOWN: Final = 80
"""Characters of a wrong word that its problem repeats."""
_WORDS: Final = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_PLACE: Final = re.compile(r" - at `[^`]*`$")
_BOUND: Final = re.compile(r"Expected `([^`]+)` (of length .*|[<>]=? .*|multiple of .*)")
_LENGTH: Final = re.compile(
    r"Expected `(?P<kind>array|str)` of length (?P<bound>[<>]=) (?P<length>\d+)"
)
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_NOT_IN_ENUM: Final = re.compile(r"Invalid enum value (.+)", re.DOTALL)


def read_value(
    raw: object, shape: type[S], build: Callable[[S], V], *, stand_in: Mapping[str, object]
) -> V:
    """What `build` makes of the JSON object, seen as a `shape`.

    Args:
        stand_in: right values for the fields without a default. They take the place of wrong
            ones, so that `build` can still say what is wrong with the others.
    Raises:
        InvalidInput: with every wrong field.
        NotSupportedYet: the object is right, but for a later release.
    """
    if not isinstance(raw, dict):
        raise invalid("", f"is {_kind_of(raw)}, not an object", "send a JSON object")
    problems = list(_json_problems(raw))
    if not problems:
        try:
            return build(msgspec.convert(raw, shape))
        except msgspec.ValidationError:
            pass
    sifted, found = sift(raw, shape)
    problems = _without_repeats([*problems, *found])
    if not problems:
        return build(_converted(sifted, shape))
    problems += _further_problems(sifted, shape, build, stand_in, problems)
    raise InvalidInput(*problems)


def read_query(raw: Mapping[str, object], shape: type[S]) -> S:
    """The parameters of a query; texts become numbers and booleans where the shape says so.

    Raises:
        InvalidInput: with every wrong parameter.
    """
    if not shape.__struct_config__.forbid_unknown_fields:
        raw = {name: value for name, value in raw.items() if name in shape.__struct_fields__}
    sifted, problems = sift(raw, shape, strict=False)
    if problems:
        raise InvalidInput(*problems)
    return _converted(sifted, shape, strict=False)


@lru_cache(maxsize=256)
def fields_of(shape: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """The fields of a wire type by their names on the wire."""
    fields = msgspec.structs.fields(shape)
    return MappingProxyType({field.encode_name: field for field in fields})


def sift(
    raw: Mapping[str, Any], shape: type[msgspec.Struct], *, strict: bool = True
) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The right fields of an object, and what is wrong with the others."""
    known = fields_of(shape)
    problems = [_unknown(name, known) for name in raw if name not in known]
    right: dict[str, Any] = {}
    for name, field in known.items():
        if name not in raw:
            if field.required:
                problems.append(FieldProblem(name, "is missing"))
            continue
        value, wrong = _look_at(raw[name], field.type, name, strict)
        problems += wrong
        if not wrong:
            right[name] = value
    return right, problems


def _converted(sifted: Mapping[str, Any], shape: type[S], *, strict: bool = True) -> S:
    try:
        return msgspec.convert(sifted, shape, strict=strict)
    except msgspec.ValidationError as error:  # what no single field shows
        raise invalid("", _reason(error)) from None


def _look_at(value: Any, kind: Any, path: str, strict: bool) -> tuple[Any, list[FieldProblem]]:
    """The value, with 1.0 made 1 where an integer is due, and its problems."""
    bare = bare_type(kind)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct) and isinstance(value, dict):
        right, problems = sift(value, bare, strict=strict)
        return right, [problem.under(path) for problem in problems]
    if get_origin(bare) is list and isinstance(value, list) and strict:
        value, problems = _look_at_items(value, get_args(bare)[0], path)
        if problems:
            return value, problems
    if bare is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        return value, [FieldProblem(path, _reason(error), _fix(bare, value))]
    return value, []


def _look_at_items(items: list[Any], kind: Any, path: str) -> tuple[Any, list[FieldProblem]]:
    right, problems = [], []
    for index, item in enumerate(items):
        value, wrong = _look_at(item, kind, f"{path}[{index}]", True)
        right.append(value)
        problems += wrong
    return right, problems


def _further_problems(
    sifted: dict[str, Any],
    shape: type[S],
    build: Callable[[S], Any],
    stand_in: Mapping[str, object],
    problems: list[FieldProblem],
) -> list[FieldProblem]:
    """What `build` has to say about the fields whose form is right."""
    bad = {re.split(r"[.\[]", problem.field, maxsplit=1)[0] for problem in problems}
    bad |= {TIED[name] for name in bad if name in TIED}
    usable = {name: value for name, value in sifted.items() if name not in bad}
    try:
        build(msgspec.convert({**stand_in, **usable}, shape))
    except InvalidInput as error:
        return [
            problem
            for problem in error.problems
            if re.split(r"[.\[]", problem.field, maxsplit=1)[0] not in bad
        ]
    except (msgspec.ValidationError, NotSupportedYet):
        pass
    return []


def _json_problems(raw: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """Text and numbers that no store keeps: NUL characters, integers beyond 64 bits, depth."""
    for name, value in raw.items():
        try:
            check_json({name: value}, "")
        except InvalidInput as error:
            for problem in error.problems:
                field = problem.field.removeprefix(".") or ascii(name)[1:-1]
                yield FieldProblem(field, problem.reason, problem.fix)


def _without_repeats(problems: list[FieldProblem]) -> list[FieldProblem]:
    found: dict[str, FieldProblem] = {}
    for problem in problems:
        found.setdefault(problem.field, problem)
    return list(found.values())


def _unknown(name: str, known: Mapping[str, object]) -> FieldProblem:
    shown = _shortened(name)
    if name in SET_BY_SERVICE:
        return FieldProblem(shown, "is set by the service", "leave it out")
    near = get_close_matches(shown.lower(), known, n=1, cutoff=0.6)
    fix = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
    return FieldProblem(shown, "is not a field", fix)


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "..."


def bare_type(kind: Any) -> Any:
    """The type without its annotations and without None; unions of more stay."""
    if get_origin(kind) is Annotated:
        return bare_type(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        rest = [each for each in get_args(kind) if each is not type(None)]
        return bare_type(rest[0]) if len(rest) == 1 else kind
    return kind


def _reason(error: msgspec.ValidationError) -> str:
    text = _PLACE.sub("", str(error))
    if match := _LENGTH.fullmatch(text):
        return _length_reason(match["kind"], match["bound"], int(match["length"]))
    if match := _BOUND.fullmatch(text):
        return f"is not {_WORDS.get(match[1], match[1])} {match[2]}"
    if match := _NOT_IN_ENUM.fullmatch(text):
        return f"{_shortened(match[1])} is not known here"
    match = _EXPECTED.fullmatch(text)
    if match is None:
        return text[:1].lower() + text[1:].replace("`", "")
    wanted = " or ".join(_WORDS.get(each.strip(), each.strip()) for each in match[1].split("|"))
    return f"is {_WORDS.get(match[2], match[2])}, not {wanted}"


def _length_reason(kind: str, bound: str, length: int) -> str:
    parts = "items" if kind == "array" else "characters"
    if bound == "<=":
        return f"has more than {length} {parts}"
    return "is empty" if length == 1 else f"has fewer than {length} {parts}"


def _fix(bare: Any, value: object) -> str:
    """What may stand there, the nearest word first where there are many."""
    if get_origin(bare) is list and isinstance(value, list):  # of a query, converted as a whole
        return _fix(bare_type(get_args(bare)[0]), value[0] if len(value) == 1 else None)
    if isinstance(bare, type) and issubclass(bare, Enum):
        words = [str(each.value) for each in bare]
    elif get_origin(bare) is Literal:
        words = [str(each) for each in get_args(bare)]
    else:
        return ""
    text = value[:MOST_SHOWN].lower() if isinstance(value, str) else ""
    near = get_close_matches(text, words, n=1)
    known = f"use {', '.join(words)}"
    return f"did you mean {near[0]}? {known}" if near else known


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
    return "an array"


class Faults:
    """Collects what is wrong over several steps of making one value."""

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []
        self.unsupported: NotSupportedYet | None = None

    def attempt(self, make: Callable[[], V], instead: V, *, under: str = "") -> V:
        """What `make` gives; `instead` where it finds something wrong, which is noted."""
        try:
            return make()
        except InvalidInput as error:
            self.problems += [p.under(under) if under else p for p in error.problems]
        except NotSupportedYet as error:
            field = f"{under}.{error.field}" if under else error.field
            self.unsupported = self.unsupported or NotSupportedYet(field, error.what)
        return instead

    def add(self, problem: FieldProblem) -> None:
        """Note something wrong."""
        self.problems.append(problem)

    def raise_any(self) -> None:
        """InvalidInput for all that was noted; otherwise NotSupportedYet, if there was one."""
        if self.problems:
            raise InvalidInput(*self.problems)
        if self.unsupported is not None:
            raise self.unsupported
