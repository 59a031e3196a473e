"""The harness runs: tiny sizes of every workload that needs no peer, and its table says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("W1", "W1b", "W2", "W3", "W5")
"""Those that do not wait for an instant; W4 takes ten seconds and more at any size."""


def _benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the sources are not here")
class TestBenchmarks:
    def test_a_tiny_run_gives_figures_for_every_quick_workload(self, tmp_path: Path) -> None:
        out = tmp_path / "bench.json"
        done = _benchmarks(
            *("--systems", "callboard", "--only", ",".join(QUICK)),
            *("--scale", "0.001", "--samples", "1", "--json", str(out)),
        )
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(out.read_text())["outcomes"]
        assert [outcome["workload"] for outcome in outcomes] == list(QUICK)
        assert all(outcome["median"] > 0 for outcome in outcomes)
        assert all(f"\n{name}  " in done.stdout for name in QUICK)

    def test_a_peer_that_is_not_installed_is_said_so(self) -> None:
        done = _benchmarks("--systems", "pgqueuer", "--only", "W5", "--scale", "0.001")
        assert "not installed: pip install 'pgqueuer[asyncpg]'" in done.stdout or (
            "runs/s" in done.stdout
        )

    def test_an_unknown_workload_is_refused_with_the_known_ones(self) -> None:
        done = _benchmarks("--only", "W9")
        assert done.returncode == 2
        assert "W9 is not of W1, W1b, W2" in done.stderr
