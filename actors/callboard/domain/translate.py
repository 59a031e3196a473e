"""A cron text in the words of another dialect, or the reason why it has none.

Nothing is returned that was not read back: the new text matches exactly the old one's seconds,
minutes, hours, days, months and years, and follows the clocks in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from callboard.domain.aws_text import Once, Rate
from callboard.domain.cron import CronFields, CronMeaning, Reboot, parse_cron, read_cron
from callboard.domain.dialect import DIALECTS, Dialect
from callboard.domain.field_text import DAY, WEEKDAY, day_texts, plain_text
from callboard.errors import InvalidInput, invalid


def translate(expression: str, source: str, target: str, *, hash_key: str = "") -> str:
    """The text in the dialect `target`.

    Args:
        hash_key: what `H` is hashed with; the new text has the numbers that it stands for.
    Raises:
        InvalidInput: on `expression`, when it cannot be read, or cannot be said in `target` without
            another meaning (with what to use instead); on `dialect`, when there is none of a name.
    """
    meaning = read_cron(expression, source, hash_key)
    if target not in DIALECTS:
        raise invalid("dialect", f"{target!r:.40} is not a dialect", f"use {', '.join(DIALECTS)}")
    if source == target:
        return expression.strip()
    fields = _fields_of(meaning, expression, source, target, hash_key)
    _check_fields_exist(fields, target)
    plain = {
        spec.name: plain_text(fields, spec)
        for spec in DIALECTS[target].fields
        if spec.name not in (DAY, WEEKDAY)
    }
    near = None
    for days in _day_candidates(fields, DIALECTS[target], hash_key):
        text = _assembled(DIALECTS[target], plain | days)
        if not _matches_alike(fields, text, target):
            continue
        if parse_cron(text, target).is_wildcard == fields.is_wildcard:
            return text
        near = text
    raise _days_refusal(fields, target) if near is None else _clocks_refusal(near, target)


def translation_notes(
    expression: str, source: str, target: str, hash_key: str = ""
) -> tuple[str, ...]:
    """Sentences for people about what a translation takes away; none for most texts.

    Raises:
        InvalidInput: on `expression` or `dialect`, when the text cannot be read.
    """
    meaning = read_cron(expression, source, hash_key)
    if source == target or not isinstance(meaning, CronFields) or not meaning.uses_hash:
        return ()
    return (f"H is written as the numbers that it stands for with the key {hash_key!r}",)


def _fields_of(
    meaning: CronMeaning, expression: str, source: str, target: str, hash_key: str
) -> CronFields:
    """What can be said in fields.

    Raises:
        InvalidInput: on `expression`, for what is no wall time.
    """
    match meaning:
        case Rate():
            seconds = meaning.period.total_seconds()
            reason = (
                f"is a fixed rate counted from the trigger's activation, not times on a clock: "
                f"the {target} dialect has no form for it"
            )
            raise invalid("expression", reason, f"use an interval schedule, every_s {seconds:g}")
        case Reboot():
            reason = f"@reboot runs on start: the {target} dialect has no form for it"
            raise invalid("expression", reason, "keep it in the vixie dialect")
        case Once() if DIALECTS[target].spec("year") is None:
            reason = f"is one instant of one year, and the {target} dialect has no years"
            raise invalid("expression", reason, "use an at schedule")
        case Once():
            return parse_cron(expression, source, hash_key)
        case CronFields():
            return meaning


def _check_fields_exist(fields: CronFields, target: str) -> None:
    dialect = DIALECTS[target]
    if fields.seconds != 1 and dialect.spec("second") is None:
        reason = f"fires at other seconds than 0, and the {target} dialect has no seconds"
        raise invalid("expression", reason, "for a rate under a minute use an interval schedule")
    if fields.years is not None and dialect.spec("year") is None:
        reason = f"is for some years only, and the {target} dialect has no years"
        raise invalid("expression", reason, "bound the trigger with start_at and end_at")


def _day_candidates(fields: CronFields, target: Dialect, hash_key: str) -> Iterator[dict[str, str]]:
    """Ways to write the two day fields, the likeliest first; not all of them are right."""
    blank = "?" if target.days == "one_blank" else "*"
    days = [*day_texts(fields, target, DAY, hash_key)]
    weekdays = [*day_texts(fields, target, WEEKDAY, hash_key)]
    if target.days != "one_blank":
        yield from (_days(day, weekday) for day, weekday in product(days, weekdays))
    yield from (_days(day, blank) for day in ("*", *days))
    yield from (_days(blank, weekday) for weekday in weekdays)
    if not _says_both(fields) or not fields.needs_both_days:
        return
    # Days 8-14 that are Mondays are the second Monday.
    spec = target.spec(WEEKDAY)
    assert spec is not None
    numbers = range(spec.low, spec.high + 1)
    yield from (_days(blank, f"{on}#{nth}") for on, nth in product(numbers, range(1, 6)))


def _days(day: str, weekday: str) -> dict[str, str]:
    return {DAY: day, WEEKDAY: weekday}


def _assembled(target: Dialect, texts: dict[str, str]) -> str:
    names = [spec.name for spec in target.fields]
    if target.optional and texts[names[-1]] == "*":
        names.pop()
    text = " ".join(texts[name] for name in names)
    return f"cron({text})" if target.name == "aws" else text


def _matches_alike(fields: CronFields, text: str, target: str) -> bool:
    try:
        other = parse_cron(text, target)
    except InvalidInput:
        return False
    return _what_matches(other) == _what_matches(fields)


def _what_matches(fields: CronFields) -> tuple[object, ...]:
    return (
        fields.seconds,
        fields.minutes,
        fields.hours,
        fields.months,
        fields.years,
        fields.day_masks,
    )


def _clocks_refusal(near: str, target: str) -> InvalidInput:
    reason = (
        f"begins its minutes or hours with *, and no text of the {target} dialect does that and "
        "matches the same times: at clock changes it would fire otherwise"
    )
    return invalid("expression", reason, f"write {near!r} with gap 'skip' and fold 'both'")


def _says_both(fields: CronFields) -> bool:
    return not {fields.text(DAY), fields.text(WEEKDAY)} & {"*", "?"}


def _days_refusal(fields: CronFields, target: str) -> InvalidInput:
    day, weekday = fields.text(DAY), fields.text(WEEKDAY)
    if _says_both(fields) and not fields.needs_both_days:
        reason = (
            f"a day matches when it is {day!r} of the month or {weekday!r} of the week; "
            f"the {target} dialect cannot say 'or'"
        )
        return invalid(
            "expression",
            reason,
            "make two triggers, one with each day field (a day that is both fires both)",
        )
    if _says_both(fields):
        reason = (
            f"a day has to be {day!r} of the month and {weekday!r} of the week; "
            f"the {target} dialect cannot say 'and'"
        )
        return invalid(
            "expression", reason, "let the job decide, or use a calendar for one of them"
        )
    text = weekday if day in ("*", "?") else day
    reason = f"the {target} dialect has no form that keeps the meaning of {text!r}"
    return invalid("expression", reason, f"keep it in the {fields.dialect} dialect")
