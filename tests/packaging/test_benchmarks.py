"""The benchmarks run, at a tiny size: a table, a chart, each sample as JSON, the truth on what
lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

QUICK = ("W1", "W1b", "W2", "W3", "W4d", "W5")
"""The workloads that do not wait for an instant; the others take ten seconds at any size."""


def benchmarks(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--samples", "1", "--scale", "0.001"]
    return subprocess.run(
        [*command, *arguments], cwd=root, capture_output=True, text=True, timeout=100, check=False
    )


def test_every_quick_workload_gets_a_figure(root: Path, tmp_path: Path) -> None:
    samples, picture = tmp_path / "samples.json", tmp_path / "chart.svg"
    chosen = ("--systems", "callboard,graphile", "--only", ",".join(QUICK))
    done = benchmarks(root, *chosen, "--json", str(samples), "--chart", str(picture))
    assert done.returncode == 0, done.stderr
    every = json.loads(samples.read_text())["outcomes"]
    outcomes = [outcome for outcome in every if outcome["system"] == "callboard"]
    assert [outcome["workload"] for outcome in outcomes] == list(QUICK)
    assert all(outcome["median"] > 0 for outcome in outcomes)
    assert all(f"\n{name}  " in done.stdout for name in QUICK)
    assert done.stdout.count("not installed: npm install graphile-worker") == len(QUICK)
    drawn = ET.fromstring(picture.read_text())
    bars = [each for each in drawn.iter() if each.get("class") == "us"]
    assert len(bars) == len(QUICK)


def test_an_unknown_workload_is_refused_by_the_known_names(root: Path) -> None:
    done = benchmarks(root, "--only", "W9")
    assert done.returncode == 2
    assert "W9 is not of W1, W1b, W2" in done.stderr
