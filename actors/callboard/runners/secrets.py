"""Secrets: values that a node puts in place of references, just before a run's runner starts.

    class Vault:                                   # a provider is anything with `get`
        async def get(self, key: str) -> str: ...  # or a plain `def`, called in a thread

    Callboard(..., secrets={"env": EnvSecrets(os.environ), "vault": Vault()})

What a value is asked to be: a text of MIN_SECRET to MAX_SECRET characters without NUL. Shorter ones
could not be masked: they would be found everywhere.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, cast

from callboard.clock import Clock, SystemClock
from callboard.domain.job import Job
from callboard.domain.json import Json, JsonObject
from callboard.domain.run import Run, RunError
from callboard.domain.secret_reference import (
    MARK,
    SecretReference,
    is_provider_name,
    is_reference,
    may_refer,
    reference_of,
)
from callboard.domain.states import RunState
from callboard.errors import CallboardError, InvalidInput, invalid
from callboard.runners.contract import Outcome
from callboard.runners.masking import MIN_SECRET, Mask

ENV_PREFIX: Final = "CALLBOARD_SECRET_"
MAX_SECRET: Final = 65_536
DEADLINE_S: Final = 10.0
"""Seconds for all secrets of one run."""


class SecretError(CallboardError):
    """A secret cannot be had; says which, and never its value."""


class SecretMissing(SecretError):
    """There is no such secret; a provider's own LookupError or None says the same."""


class SecretRefused(SecretError):
    """What its provider gave cannot be used."""


class SecretUnavailable(SecretError):
    """Its provider failed, or took too long: another try may do better."""


class SecretProvider(Protocol):
    """Where values come from. An error that is no LookupError fails the run, which may be retried;
    its text is not shown, for it may hold a value."""

    def get(self, key: str) -> str | Awaitable[str]:
        """Raises SecretMissing, LookupError."""
        ...


class EnvSecrets:
    """`env:NAME`: the variable CALLBOARD_SECRET_NAME of the node, and no other variable."""

    def __init__(self, environ: Mapping[str, str], prefix: str = ENV_PREFIX) -> None:
        self._environ = environ
        self._prefix = prefix

    def get(self, key: str) -> str:
        return self._environ[self._prefix + key]


class FileSecrets:
    """`file:name`: a file below a directory, without the newline at its end."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)

    def get(self, key: str) -> str:
        root = self._directory.resolve()
        path = (root / key).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise SecretMissing(key)
        with path.open("rb") as file:
            data = file.read(4 * MAX_SECRET + 2)
        text = data.decode()
        return text.removesuffix("\n").removesuffix("\r")


class Clear:
    """A job and a run with their secrets in them."""

    __slots__ = ("job", "mask", "run", "values")

    def __init__(self, job: Job, run: Run, values: tuple[str, ...]) -> None:
        self.job = job
        self.run = run
        self.values = values
        self.mask = Mask(values)


class Secrets:
    """The providers of one node, by name."""

    def __init__(
        self,
        providers: Mapping[str, SecretProvider] | None = None,
        *,
        clock: Clock | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._providers = dict(providers or {})
        self._clock = clock or SystemClock()
        self._deadline_s = deadline_s
        for name in self._providers:
            if not is_provider_name(name):
                reason = f"{name!r} cannot be the name of a provider"
                raise invalid("secrets", reason, "a letter, then letters, digits, - and _")

    async def clear(self, job: Job, run: Run) -> Clear | Outcome:
        """The values in their places, or what becomes of the run without them."""
        wanted = {*_references(job.spec), *_references(run.arguments)}
        try:
            return _clear(job, run, await self.values(sorted(wanted)))
        except SecretUnavailable as error:
            return _without(RunState.FAILED, error)
        except SecretError as error:
            return _without(RunState.PARKED, error)
        except InvalidInput:
            # Not with its own words: it may name a value.
            reason = "the job cannot be executed with the values of its secrets"
            return _without(RunState.PARKED, SecretRefused(reason))

    async def value(self, reference: JsonObject) -> str:
        """Of one reference, `{"$secret": "provider:key"}`. Raises SecretError."""
        text = str(reference_of(reference))
        return (await self.values([text]))[text]

    async def values(self, references: Iterable[str]) -> dict[str, str]:
        """Values by their references, `provider:key`. Raises SecretError."""
        found: dict[str, str] = {}
        async with asyncio.timeout(None) as limit:
            loop = asyncio.get_running_loop()
            at = self._clock.monotonic() + self._deadline_s
            alarm = self._clock.call_at(at, lambda: limit.reschedule(loop.time()))
            try:
                for reference in references:
                    found[reference] = await self._found(reference, limit)
            finally:
                alarm.cancel()
        return found

    async def _found(self, text: str, limit: asyncio.Timeout) -> str:
        try:
            value = await self._value(reference_of({MARK: text}))
        except (SecretMissing, LookupError):
            known = ", ".join(sorted(self._providers)) or "none"
            raise SecretMissing(f"the secret {text!r} (providers here: {known})") from None
        except Exception as error:  # noqa: BLE001 - a provider is a plug-in
            reason = f"the secret {text!r}: its provider raised {type(error).__name__}"
            raise SecretUnavailable(reason) from None
        except asyncio.CancelledError:
            if limit.when() is None:
                raise
            reason = f"the secret {text!r} did not come within {self._deadline_s:g} s"
            raise SecretUnavailable(reason) from None
        if (problem := _problem_of(value)) is not None:
            raise SecretRefused(f"the secret {text!r} {problem}")
        return str(value)

    async def _value(self, reference: SecretReference) -> Any:
        provider = self._providers.get(reference.provider)
        if provider is None:
            raise SecretMissing(reference.provider)
        get = provider.get
        if isinstance(provider, EnvSecrets) or inspect.iscoroutinefunction(get):
            value = get(reference.key)
        else:
            value = await asyncio.to_thread(get, reference.key)
        if inspect.isawaitable(value):
            value = await value
        if value is None:
            raise SecretMissing
        return value


def refers(job: Job, run: Run) -> bool:
    """Whether there may be secrets to put in; asked of every run."""
    arguments = run.arguments
    if arguments and may_refer(arguments):
        return True
    return job.kind != "python" and may_refer(job.spec)  # a handler's name is no secret


def _problem_of(value: object) -> str | None:
    """What is wrong with a value, without it."""
    if not isinstance(value, str):
        return f"is a {type(value).__name__}, not a text"
    if len(value.strip()) < MIN_SECRET:
        return f"has fewer than {MIN_SECRET} characters, and could not be masked"
    if len(value) > MAX_SECRET:
        return f"is longer than {MAX_SECRET} characters"
    if "\x00" in value or not _is_whole(value):
        return "is no text: it has a NUL, or bytes that are not UTF-8"
    return None


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if is_reference(value):
            yield str(reference_of(value))
        else:
            for item in value.values():
                yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)


def _without(state: RunState, error: SecretError) -> Outcome:
    kind = type(error).__name__
    return Outcome(state=state, error=RunError(type=kind, message=str(error)), kinds=(kind,))


def _clear(job: Job, run: Run, values: Mapping[str, str]) -> Clear:
    return Clear(
        replace(job, spec=cast(JsonObject, _filled(job.spec, values))),
        replace(run, arguments=cast(JsonObject, _filled(run.arguments, values))),
        tuple(values.values()),
    )


def _filled(value: Json, values: Mapping[str, str]) -> Json:
    match value:
        case Mapping():
            if is_reference(value):
                return values[str(reference_of(value))]
            return {name: _filled(item, values) for name, item in value.items()}
        case list() | tuple():
            return [_filled(item, values) for item in value]
    return value
