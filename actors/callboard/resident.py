"""How much memory this process has."""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Final

STATM: Final = Path("/proc/self/statm")
MB: Final = 1_000_000


def resident_mb() -> float:
    """Resident memory in MB; where the system does not tell the present one, the most so far."""
    try:
        pages = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / MB
    return pages * resource.getpagesize() / MB
