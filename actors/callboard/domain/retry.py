"""From a failed attempt to the next one: whether, and after how long."""

from __future__ import annotations

import math
from collections.abc import Iterable
from random import Random  # noqa: TID251 - the type only; the caller brings the generator

from callboard.domain.job import MAX_SECONDS, Jitter, RetryPolicy
from callboard.domain.run import RunError


def kinds_of(error: BaseException) -> tuple[str, ...]:
    """Names by which policies may know the exception: its class and its bases, up to Exception.

    Each in full and in short, the nearest first: `("shop.errors.NoStock", "NoStock", "Exception")`.
    """
    names: dict[str, None] = {}
    for kind in type(error).__mro__:
        if kind in (object, BaseException) and names:
            break
        if kind.__module__ != "builtins":
            names[f"{kind.__module__}.{kind.__qualname__}"] = None
        names[kind.__name__] = None
    return tuple(names)


def is_worth_another(
    policy: RetryPolicy, error: RunError | None, kinds: Iterable[str], wanted: bool | None
) -> bool:
    """Whether the policy, and whoever saw the failure, think that another attempt may help.

    Args:
        wanted: the word of the handler or the runner; None: it said nothing. A kind of failure
            that the policy calls fatal is final whatever it is.
    """
    if not (policy.fatal or policy.retry_on):
        return wanted is not False
    names = _names_of(error, kinds)
    if not names.isdisjoint(policy.fatal):
        return False
    if wanted is not None:
        return wanted
    return not policy.retry_on or not names.isdisjoint(policy.retry_on)


def _names_of(error: RunError | None, kinds: Iterable[str]) -> set[str]:
    names = set(kinds)
    if error is not None:
        names.add(error.type)
        if error.exit_code is not None:
            names.add(f"exit_code:{error.exit_code}")
    return names


def retry_delay_s(
    policy: RetryPolicy, attempt: int, rng: Random, *, after_s: float | None = None
) -> float | None:
    """Seconds until the attempt after `attempt`; None when there is none.

    Exponential, capped before it can overflow (R08), spread by full jitter: anywhere between
    nothing and the delay, which is what parts a thousand runs that failed together (R01).

    Args:
        after_s: what a server or the handler asked for: no attempt comes earlier. Without jitter
            it takes the place of the backoff; with it the spread begins there, or all who got the
            same answer would come back in the same moment.
    """
    if attempt >= policy.max_attempts:
        return None
    delay = _backoff_s(policy, attempt)
    is_spread = policy.jitter is Jitter.FULL
    if after_s is None or math.isnan(after_s):
        return rng.uniform(0.0, delay) if is_spread else delay
    asked = min(max(0.0, after_s), MAX_SECONDS)
    return asked + rng.uniform(0.0, delay) if is_spread else asked


def _backoff_s(policy: RetryPolicy, attempt: int) -> float:
    delay, step = policy.initial_s, 1
    while step < attempt and delay < policy.max_s:
        delay, step = delay * policy.factor, step + 1
        if policy.factor == 1:
            break
    return min(delay, policy.max_s)
