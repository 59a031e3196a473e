"""Time zones by name: what is accepted, and what is said about the rest."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from callboard.errors import InvalidInput, invalid

MAX_LENGTH: Final = 100
_FIELD: Final = "zone"
_PLACE_OF_ABBREVIATION: Final = {
    "ACST": "Australia/Adelaide",
    "AEDT": "Australia/Sydney",
    "AEST": "Australia/Sydney",
    "AKST": "America/Anchorage",
    "AST": "America/Halifax",
    "AWST": "Australia/Perth",
    "BRT": "America/Sao_Paulo",
    "BST": "Europe/London",
    "CDT": "America/Chicago",
    "CEST": "Europe/Berlin",
    "CET": "Europe/Berlin",
    "CST": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "EDT": "America/New_York",
    "EEST": "Europe/Athens",
    "EET": "Europe/Athens",
    "EST": "America/New_York",
    "EST5EDT": "America/New_York",
    "HKT": "Asia/Hong_Kong",
    "HST": "Pacific/Honolulu",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "MDT": "America/Denver",
    "MET": "Europe/Berlin",
    "MSK": "Europe/Moscow",
    "MST": "America/Denver",
    "MST7MDT": "America/Denver",
    "NZDT": "Pacific/Auckland",
    "NZST": "Pacific/Auckland",
    "PDT": "America/Los_Angeles",
    "PKT": "Asia/Karachi",
    "PST": "America/Los_Angeles",
    "PST8PDT": "America/Los_Angeles",
    "SGT": "Asia/Singapore",
    "WEST": "Europe/Lisbon",
    "WET": "Europe/Lisbon",
    "WIB": "Asia/Jakarta",
}
_FIXED_OFFSET: Final = re.compile(r"(?:UTC|GMT|Etc/GMT|Etc/UTC)?[+-]\d.*", re.IGNORECASE)
_LOCAL: Final = frozenset({"local", "localtime", "system", "default", "tzlocal()"})
_NOT_PLACES: Final = ("posix/", "right/", "posixrules", "Factory", "SystemV/")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The zone of that name, such as `Europe/Prague` or `UTC`.

    Raises:
        InvalidInput: on `zone`: unknown here (with near names), an abbreviation, a fixed offset,
            or the machine's own zone, which would mean something else on every node (D06).
    """
    refusal = _refusal(name)
    if refusal is not None:
        raise refusal
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # ZoneInfoNotFoundError is a KeyError; a directory of the zone data gives an OSError.
        raise _unknown(name) from None


def _refusal(name: str) -> InvalidInput | None:
    if not name or len(name) > MAX_LENGTH:
        reason = f"has {len(name)} characters, not 1 to {MAX_LENGTH}"
        return invalid(_FIELD, reason, "a zone is written like Europe/Prague or UTC")
    if name.lower() in _LOCAL:
        reason = f"{name!r}: the machine's own zone is never used"
        return invalid(_FIELD, reason, "name the zone, such as Europe/Prague or UTC")
    place = _PLACE_OF_ABBREVIATION.get(name.upper())
    if place is not None:
        reason = f"{name!r} is an abbreviation, which several places share or which has no summer"
        return invalid(_FIELD, reason, f"name the place, such as {place}")
    if _FIXED_OFFSET.fullmatch(name):
        reason = f"{name[:20]!r} is a fixed offset, which does not follow any place's clocks"
        return invalid(_FIELD, reason, "name the place, such as Europe/Prague, or use UTC")
    return _unknown(name) if name.startswith(_NOT_PLACES) else None


def _unknown(name: str) -> InvalidInput:
    return invalid(_FIELD, f"there is no zone {name!a}", _near_names(name))


def _near_names(name: str) -> str:
    known = _known_names()
    exact = known.get(name.lower())
    if exact is not None:
        return f"did you mean {exact}?"
    wanted = name.lower().replace(" ", "_")
    by_city = [full for low, full in known.items() if low.rpartition("/")[2] == wanted]
    near = by_city or [known[low] for low in get_close_matches(wanted, known, n=3, cutoff=0.8)]
    if near:
        return f"did you mean {' or '.join(near[:3])}?"
    return "a zone is written like Europe/Prague or UTC"


@lru_cache(maxsize=1)
def _known_names() -> dict[str, str]:
    """Names as the zone data spells them, by their lower-case form."""
    places = (name for name in available_timezones() if not name.startswith(_NOT_PLACES))
    return {name.lower(): name for name in sorted(places)}
