"""Ids as Glue writes them: `jr_`, `wr_`, `wnode_` and 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from callboard.domain.run import MAX_RUN_ID

_ID: Final = re.compile(r"(jr|wr)_([0-9a-f]{64})")


def glue_run_id(run_id: int) -> str:
    """The id of a job run: `jr_` and the run's number."""
    return f"jr_{run_id:064x}"


def run_id_of(text: str) -> int | None:
    """The run's number; None when no run can have the id."""
    return _number_of("jr", text)


def glue_workflow_run_id(workflow_run_id: int) -> str:
    """The id of a workflow run: `wr_` and its number."""
    return f"wr_{workflow_run_id:064x}"


def workflow_run_id_of(text: str) -> int | None:
    """The workflow run's number; None when none can have the id."""
    return _number_of("wr", text)


def glue_node_id(workflow_id: int, kind: str, name: str) -> str:
    """The id of a node of a workflow's graph, the same in all of its runs.

    Args:
        kind: `JOB`, `TRIGGER` or `CRAWLER`.
    """
    node = f"{workflow_id}\n{kind}\n{name}".encode("utf-8", "surrogatepass")
    return f"wnode_{hashlib.blake2b(node, digest_size=32).hexdigest()}"


def _number_of(prefix: str, text: str) -> int | None:
    found = _ID.fullmatch(text)
    if found is None or found[1] != prefix:
        return None
    number = int(found[2], 16)
    return number if 1 <= number <= MAX_RUN_ID else None
