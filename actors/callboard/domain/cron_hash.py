"""`H`: a value that is picked by a hash, so that many triggers do not all fire at once.

The same key gives the same values on every machine and in every release (a test holds them).
`H` is any value, `H(0-29)` one of a range, `H/15` every 15 from a hashed start, `H(0-29)/10` both.
Days of the month are hashed into 1-28, which every month has.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callboard.domain.cron_field import FieldReader

HASH: Final = re.compile(r"H(?:$|[^A-Za-z])", re.IGNORECASE | re.ASCII)
"""How an item of that kind begins."""
_FORM: Final = re.compile(r"H(?:\((\d{1,9})-(\d{1,9})\))?(?:/(\d{1,9}))?", re.IGNORECASE | re.ASCII)
_LAST_HASHED_DAY: Final = 28


def hashed_values(item: FieldReader) -> range:
    """The values that an item with `H` stands for.

    Raises:
        CronTextError: with one fault.
    """
    form = _FORM.fullmatch(item.text)
    if form is None:
        raise item.fault(f"{item.shown} is not H, H/15, H(0-29) or H(0-29)/10")
    low, high = _range(item, form)
    picked = _hash(item.hash_key, item.spec.name)
    if form[3] is None:
        value = low + picked % (high - low + 1)
        return range(value, value + 1)
    step = int(form[3])
    if step == 0:
        raise item.part(form.start(3)).fault("a step of 0 never advances")
    return range(low + picked % min(step, high - low + 1), high + 1, step)


def _range(item: FieldReader, form: re.Match[str]) -> tuple[int, int]:
    spec = item.spec
    if form[1] is None:
        return spec.low, _LAST_HASHED_DAY if spec.name == "day of month" else spec.high
    low, high = item.part(*form.span(1)).value(), item.part(*form.span(2)).value()
    if low > high:
        raise item.part(form.start(1), form.end(2)).fault("goes backwards")
    return low, high


def _hash(key: str, field: str) -> int:
    # A separator that neither part can contain.
    data = f"{key}\x00{field}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
