"""GivenTerms: what a start, or an action of a trigger, says beside its job's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from callboard.domain.annotations import check_annotations
from callboard.domain.job import OnFull, seconds_problem
from callboard.domain.json import JsonObject
from callboard.errors import FieldProblem, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTerms:
    """Most starts have none. Of an action, `timeout_s` and `annotations` count.

    Raises:
        InvalidInput: on timeout_s, annotations.
    """

    timeout_s: float | None = None
    """Seconds that the run may take; None: the job's."""
    on_full: OnFull | None = None
    """What becomes of the start when the job is full; None: the job's."""
    annotations: JsonObject = field(default_factory=dict)
    workflow_run_id: int | None = None
    """The workflow run that it is a part of."""
    instance_id: int | None = None
    """The batch instance that it is a run of."""

    def __post_init__(self) -> None:
        if problems := tuple(self._problems()):
            raise InvalidInput(*problems)
        check_annotations(self.annotations)

    def _problems(self) -> Iterator[FieldProblem]:
        if self.timeout_s is not None:
            yield from seconds_problem(self.timeout_s, "timeout_s")


NO_TERMS = GivenTerms()


def given_terms_to_json(terms: GivenTerms | None) -> dict[str, Any] | None:
    """What an action says, as it is stored."""
    if terms is None:
        return None
    given = {"timeout_s": terms.timeout_s, "annotations": terms.annotations or None}
    return {name: value for name, value in given.items() if value is not None}


def given_terms_from_json(stored: Mapping[str, Any] | None) -> GivenTerms | None:
    """From what `given_terms_to_json` made of it."""
    return None if stored is None else GivenTerms(**stored)
