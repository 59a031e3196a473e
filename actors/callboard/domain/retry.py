"""From a failed attempt to the next one: whether, and after how long."""

from __future__ import annotations

from random import Random  # noqa: TID251 - the type only; the caller brings the generator

from callboard.domain.job import Jitter, RetryPolicy


def retry_delay_s(policy: RetryPolicy, attempt: int, rng: Random) -> float | None:
    """Seconds until the attempt after `attempt`; None when there is none.

    Exponential, capped before it can overflow (R08), spread by full jitter: anywhere between
    nothing and the delay, which is what parts a thousand runs that failed together (R01).
    """
    if attempt >= policy.max_attempts:
        return None
    delay, step = policy.initial_s, 1
    while step < attempt and delay < policy.max_s:
        delay, step = delay * policy.factor, step + 1
        if policy.factor == 1:
            break
    delay = min(delay, policy.max_s)
    return rng.uniform(0.0, delay) if policy.jitter is Jitter.FULL else delay
