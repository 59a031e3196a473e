"""Every exception of Callboard; the class says who must act.

CallboardError
|- UsageError            the caller's words are wrong
|  |- InvalidInput       one or more fields, each with its problem and the fix
|  |- UnknownHandler     (runners/handlers.py) a name leads to no function on this node
|  |- NoRun              (runners/context.py) current_run() was called outside of a run
|  |- NotSupportedYet    a documented feature that this release does not have
|- RefusedError          the request is right, the present state says no
|  |- NotFound           no such job, trigger, run
|  |- AlreadyExists      the name is taken
|  |- Conflict           the state of the thing does not allow it
|  |- StaleVersion       somebody changed it since the caller read it
|  |- TooManyQueued      the runs that wait behind a key are as many as its job allows
|  |- Overloaded         a mailbox is full; try again shortly
|- StoreError            the database
|  |- StoreUnavailable   it cannot be reached or did not answer in time (try again)
|  |  |- TransactionConflict   it gave up a transaction for another one's sake (try again)
|  |- LedgerConflict     a slot that has an entry was to be decided again
|  |- SchemaMismatch     its schema is newer than, or foreign to, this program (stop)
|- RunFailed             the run that was waited for did not succeed
|- RunStopped            (runners/context.py) the handler was asked to stop
|- BugError              an invariant of Callboard broke; please report
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_SAID: Final = 20
"""Problems that the text of an exception names; `problems` has all of them."""


class CallboardError(Exception):
    """The base of everything that Callboard raises on purpose."""

    retryable = False
    """Whether the same call may succeed later without any change."""


class UsageError(CallboardError):
    """The caller's words are wrong."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of an input."""

    field: str
    """Dotted path from the input's root: `schedule.expression`, `actions[0].job`."""
    reason: str
    """What is wrong with the value."""
    fix: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else "the input "
        return f"{where}{self.reason}" + (f" ({self.fix})" if self.fix else "")

    def under(self, prefix: str) -> FieldProblem:
        """The same problem, seen from one level further out."""
        joint = "" if not self.field or self.field.startswith("[") else "."
        return FieldProblem(f"{prefix}{joint}{self.field}", self.reason, self.fix)

    def within(self, prefix: str) -> FieldProblem:
        """The same problem, seen from one level further in, if it is one of what is below that."""
        if not self.field.startswith(f"{prefix}."):
            return self
        return FieldProblem(self.field.removeprefix(f"{prefix}."), self.reason, self.fix)


class InvalidInput(UsageError):
    """One or more fields are wrong; nothing was done."""

    def __init__(self, *problems: FieldProblem) -> None:
        self.problems = problems
        said = "; ".join(str(problem) for problem in problems[:MOST_SAID])
        more = len(problems) - MOST_SAID
        super().__init__(f"{said}; and {more} more problems" if more > 0 else said)

    def under(self, prefix: str) -> InvalidInput:
        """The same problems, seen from one level further out."""
        return InvalidInput(*(problem.under(prefix) for problem in self.problems))

    def within(self, prefix: str) -> InvalidInput:
        """The same problems, seen from one level further in: those below `prefix` lose it."""
        return InvalidInput(*(problem.within(prefix) for problem in self.problems))


class NotSupportedYet(UsageError):
    """The words are right, but this release does not have the feature."""

    def __init__(self, field: str, what: str) -> None:
        self.field = field
        self.what = what
        super().__init__(f"{field}: {what} is not supported by this release")


def invalid(field: str, reason: str, fix: str = "") -> InvalidInput:
    """The exception for one wrong field."""
    return InvalidInput(FieldProblem(field, reason, fix))


class RefusedError(CallboardError):
    """The request is well formed, but the present state says no."""


class NotFound(RefusedError):
    """There is no such thing (or the caller may not see it)."""

    def __init__(self, kind: str, key: object) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"there is no {kind} {str(key)!r}")


class AlreadyExists(RefusedError):
    """The name is taken."""

    def __init__(self, kind: str, key: object) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"a {kind} {str(key)!r} exists already")


class Conflict(RefusedError):
    """The state of the thing does not allow the request.

    `code` is a stable snake_case word for programs, the message is for people; `facts` are plain
    values for programs, the ids of what stands in the way among them.
    """

    def __init__(self, code: str, message: str, **facts: object) -> None:
        self.code = code
        self.facts = facts
        super().__init__(message)


class TooManyQueued(RefusedError):
    """As many runs as its job allows wait behind the concurrency key of a start."""

    retryable = True

    def __init__(self, job: str, key: str, limit: int, *, retry_after_s: float = 5.0) -> None:
        self.job = job
        self.key = key
        self.limit = limit
        self.retry_after_s = retry_after_s
        super().__init__(
            f"{limit} runs of job {job!r} wait behind the key {key}, and no more may: try again "
            "when some have begun"
        )


class StaleVersion(RefusedError):
    """The caller's version is not the present one."""

    def __init__(self, kind: str, key: object, *, expected: int, present: int) -> None:
        self.kind = kind
        self.key = key
        self.expected = expected
        self.present = present
        super().__init__(f"{kind} {str(key)!r} is at version {present}, not {expected}")


class Overloaded(RefusedError):
    """An actor's mailbox is full."""

    retryable = True

    def __init__(self, who: str, limit: int, *, retry_after_s: float = 1.0) -> None:
        self.who = who
        self.limit = limit
        self.retry_after_s = retry_after_s
        super().__init__(f"{who} has {limit} messages waiting and takes no more for now")


class StoreError(CallboardError):
    """The database."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, is shutting down, or did not answer in time."""

    retryable = True


class TransactionConflict(StoreUnavailable):
    """The database gave up this transaction for another one's sake; the same may succeed now."""


class LedgerConflict(StoreError):
    """A slot that has a ledger entry already was to be decided again; nothing was written."""


class SchemaMismatch(StoreError):
    """The database's schema is newer than, or foreign to, this program."""


class RunFailed(CallboardError):
    """The run that was waited for ended in another state than succeeded.

    `run_id`, `state` (a run state) and `error` (type, message, traceback, exit_code; or None).
    """

    def __init__(self, run_id: int, state: str, error: dict[str, object] | None) -> None:
        self.run_id = run_id
        self.state = state
        self.error = error
        detail = f": {error.get('type')}: {error.get('message')}" if error else ""
        super().__init__(f"run {run_id} {state}{detail}")


class BugError(CallboardError):
    """An invariant of Callboard broke; please report it with the log around it."""
