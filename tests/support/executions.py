"""What handlers leave word of in a file, whatever the database says: one line a beginning or end.

    + RUN PID NANOSECONDS
    - RUN PID NANOSECONDS

Nanoseconds since 1970, by the machine's clock. An execution is named by its token, that is
`PID-NANOSECONDS` of its beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BEGUN: Final = "+"
ENDED: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A handler at work for a run."""

    run_id: int
    pid: int
    begun_ns: int
    ended_ns: int | None = None
    """None: it left no word, because its process died, or because it never does."""

    @property
    def token(self) -> str:
        return token_of(self.pid, self.begun_ns)


def token_of(pid: int, begun_ns: int) -> str:
    """The name of an execution, for its result or error."""
    return f"{pid}-{begun_ns}"


def read_executions(trace: Path) -> list[Execution]:
    """All of them, by their beginning."""
    lines = trace.read_text().splitlines() if trace.exists() else []
    return sorted(executions_of(lines), key=lambda each: (each.begun_ns, each.run_id))


def executions_of(lines: list[str]) -> Iterator[Execution]:
    begun: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    ended: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for line in lines:
        mark, *numbers = line.split()
        run_id, pid, at_ns = map(int, numbers)
        (begun if mark == BEGUN else ended)[run_id, pid].append(at_ns)
    for (run_id, pid), beginnings in begun.items():
        ends = sorted(ended[run_id, pid])
        # The last beginning has the last end, if any: what left no end was left behind.
        for begun_ns in sorted(beginnings, reverse=True):
            ended_ns = ends.pop() if ends and ends[-1] >= begun_ns else None
            yield Execution(run_id=run_id, pid=pid, begun_ns=begun_ns, ended_ns=ended_ns)
