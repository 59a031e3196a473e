"""Virtual time for a whole board: what triggers will do in the months to come, and at what load.

scenario = Scenario(triggers=triggers, since=now, until=now + timedelta(days=365))
findings = await simulate(scenario)
"""

from callboard.simulation.findings import (
    Findings,
    JobFindings,
    LoadProfile,
    Offset,
    Offsets,
    Peak,
    Pile,
    TriggerFindings,
)
from callboard.simulation.run import simulate
from callboard.simulation.scenario import EVERY_JOB, Scenario

__all__ = [
    "EVERY_JOB",
    "Findings",
    "JobFindings",
    "LoadProfile",
    "Offset",
    "Offsets",
    "Peak",
    "Pile",
    "Scenario",
    "TriggerFindings",
    "simulate",
]
