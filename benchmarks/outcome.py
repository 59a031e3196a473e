"""From samples to what is said of a system at a workload."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one child process came back with."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    """Empty when there is a reason."""
    keeps: str = ""
    failure: str | None = None
    """Why there are no figures: it went wrong, or took too long."""
    lack: str | None = None
    """The system does not offer what the workload needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All samples of one system at one workload."""

    workload: str
    system: str
    version: str | None
    """None: it is not installed."""
    install: str
    samples: tuple[Sample, ...]

    @property
    def good(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.metrics]

    @property
    def value(self) -> float | None:
        """The median of the main figure; None when no sample has one."""
        return self.median("value")

    def median(self, key: str) -> float | None:
        """The median of a figure over the samples that have it."""
        found = [sample.metrics[key] for sample in self.good if key in sample.metrics]
        return statistics.median(found) if found else None

    @property
    def spread(self) -> float | None:
        """Half the distance of the extremes as a part of the median; None below two samples."""
        values = [sample.metrics["value"] for sample in self.good]
        if len(values) < 2 or not (middle := statistics.median(values)):
            return None
        return (max(values) - min(values)) / 2 / middle

    @property
    def keeps(self) -> str:
        return next((sample.keeps for sample in self.samples if sample.keeps), "")

    @property
    def trouble(self) -> str | None:
        """What to say in place of, or beside, the figures."""
        if self.version is None:
            return f"not installed: {self.install}"
        for sample in self.samples:
            if sample.lack is not None:
                return f"not offered: {sample.lack}"
        failures = [sample.failure for sample in self.samples if sample.failure is not None]
        if not failures:
            return None
        return f"{len(failures)} of {len(self.samples)} samples failed: {failures[0]}"


def times_as_good(outcome: Outcome, other: Outcome, *, is_more_better: bool) -> float | None:
    """How many times as good `outcome` is as `other`; None where one has no figure."""
    if not outcome.value or not other.value:
        return None
    return outcome.value / other.value if is_more_better else other.value / outcome.value


def of(outcomes: Sequence[Outcome], workload: str) -> list[Outcome]:
    """The outcomes of one workload, in the order of the systems."""
    return [outcome for outcome in outcomes if outcome.workload == workload]
