"""The dialects of cron text as data: their fields, special words, macros, and how days combine.

- `vixie`: crontab(5) and cronie, five fields; as extensions L, W, #, ? and H where no other reading
  of them is possible.
- `quartz`: Quartz' CronExpression, six fields and perhaps a year.
- `aws`: EventBridge, `cron(...)` of six fields (also `rate(...)` and `at(...)`, see aws_text.py).
- `spring`: Spring's CronExpression, six fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

DayFields: TypeAlias = Literal["star", "one_blank", "both"]
"""Which days match, given the two day fields. `star`: those of either field; of both, when one
begins with `*` or is `?` (cronie's DOM_STAR). `one_blank`: exactly one of the fields has to be `?`,
the other one decides. `both`: those of both fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """The values that one field may have, and the ways to write them.

    Special words: `?` any value; `L` the last day (of the month, of the week); `L-n` n days before
    the last one; `LW`, `L-nW` the weekday nearest to it; `nW` the weekday nearest to day n; `nL` or
    `Ln` the last such weekday of the month; `#` the n-th such weekday; `H` a hashed value; `/n` a
    step that begins at the lowest value.
    """

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Words for the values from `low` on."""
    sunday_too: int | None = None
    """The other number of Sunday."""
    origin: int = 0
    """The value that bit 0 of a mask stands for. A weekday's mask always begins with Sunday."""
    specials: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset({"?"})
    """Special words that have to be the whole field."""
    wraps: bool = True
    """Whether a range may go round the end: `22-2`."""
    largest_step: int | None = None

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    @property
    def top(self) -> int:
        """The highest number that may be written."""
        return self.high if self.sunday_too is None else self.sunday_too

    @property
    def all_values(self) -> int:
        """The mask of every value."""
        return (1 << self.size) - 1 << self.low - self.origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One dialect: what its texts are made of."""

    name: str
    fields: tuple[FieldSpec, ...]
    """In the order in which they are written."""
    optional: int = 0
    """How many of the last fields may be left out."""
    days: DayFields
    macros: Mapping[str, str] = field(default_factory=dict)
    example: str
    """A text for messages."""

    def spec(self, name: str) -> FieldSpec | None:
        """The field of that name; None where the dialect has none."""
        return next((spec for spec in self.fields if spec.name == name), None)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _macros(midnight: str, hourly: str) -> dict[str, str]:
    return {
        "@yearly": f"{midnight} 1 1 *",
        "@annually": f"{midnight} 1 1 *",
        "@monthly": f"{midnight} 1 * *",
        "@weekly": f"{midnight} * * 0",
        "@daily": f"{midnight} * * *",
        "@midnight": f"{midnight} * * *",
        "@hourly": hourly,
    }


_HASHED: Final = frozenset({"H"})
_LAST_DAYS: Final = frozenset({"?", "L", "L-n", "LW", "nW"})
_LAST_WEEKDAYS: Final = frozenset({"?", "nL", "#"})

MINUTE: Final = FieldSpec(name="minute", low=0, high=59, specials=_HASHED)
HOUR: Final = FieldSpec(name="hour", low=0, high=23, specials=_HASHED)
DAY: Final = FieldSpec(
    name="day of month",
    low=1,
    high=31,
    specials=_LAST_DAYS | _HASHED,
    alone=frozenset({"?", "nW", "LW"}),
)
MONTH: Final = FieldSpec(
    name="month",
    low=1,
    high=12,
    names=_words("jan feb mar apr may jun jul aug sep oct nov dec"),
    specials=_HASHED,
)
WEEKDAY: Final = FieldSpec(
    name="day of week",
    low=0,
    high=6,
    names=_words("sun mon tue wed thu fri sat"),
    sunday_too=7,
    specials=_LAST_WEEKDAYS | {"Ln"} | _HASHED,
)
VIXIE: Final = Dialect(
    name="vixie",
    fields=(MINUTE, HOUR, DAY, MONTH, WEEKDAY),
    days="star",
    macros=_macros("0 0", "0 * * * *"),
    example="0 9 * * mon-fri",
)

_QUARTZ_STEP: Final = frozenset({"/n"})
_SECOND: Final = FieldSpec(name="second", low=0, high=59)
_WEEKDAY_FROM_1: Final = replace(WEEKDAY, low=1, high=7, sunday_too=None, origin=1)
_YEAR: Final = FieldSpec(name="year", low=1970, high=2199, origin=1970, wraps=False)


def _quartz_field(spec: FieldSpec, specials: frozenset[str], *alone: str) -> FieldSpec:
    return replace(
        spec,
        specials=specials | _QUARTZ_STEP,
        alone=frozenset({"?", *alone}),
        largest_step=spec.high,
    )


_NONE: Final[frozenset[str]] = frozenset()
QUARTZ: Final = Dialect(
    name="quartz",
    fields=(
        _quartz_field(_SECOND, _NONE),
        _quartz_field(MINUTE, _NONE),
        _quartz_field(HOUR, _NONE),
        _quartz_field(DAY, _LAST_DAYS | {"L-nW"}),
        _quartz_field(MONTH, _NONE),
        _quartz_field(_WEEKDAY_FROM_1, _LAST_WEEKDAYS | {"L"}, "L", "nL", "#"),
        _quartz_field(_YEAR, _NONE),
    ),
    optional=1,
    days="one_blank",
    example="0 0 9 ? * MON-FRI",
)
AWS: Final = Dialect(
    name="aws",
    fields=(
        replace(MINUTE, specials=_NONE),
        replace(HOUR, specials=_NONE),
        replace(DAY, specials=frozenset({"?", "L", "LW", "nW"})),
        replace(MONTH, specials=_NONE),
        replace(
            _WEEKDAY_FROM_1,
            specials=_LAST_WEEKDAYS | {"L"},
            alone=frozenset({"?", "L", "nL", "#"}),
        ),
        _YEAR,
    ),
    days="one_blank",
    example="cron(0 9 ? * MON-FRI *)",
)
SPRING: Final = Dialect(
    name="spring",
    fields=(
        replace(_SECOND, wraps=False),
        replace(MINUTE, specials=_NONE, wraps=False),
        replace(HOUR, specials=_NONE, wraps=False),
        replace(DAY, specials=_LAST_DAYS, alone=frozenset({"?"}), wraps=False),
        replace(MONTH, specials=_NONE, wraps=False),
        replace(WEEKDAY, specials=_LAST_WEEKDAYS, wraps=False),
    ),
    days="both",
    macros=_macros("0 0 0", "0 0 * * * *"),
    example="0 0 9 * * MON-FRI",
)
DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (VIXIE, QUARTZ, AWS, SPRING)
}
