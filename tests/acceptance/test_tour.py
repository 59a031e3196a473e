"""The tour in examples/tour: each file runs by itself, and prints what it says."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

TOUR = Path(__file__).parents[2] / "examples" / "tour"
FILES = sorted(TOUR.glob("*.py")) if TOUR.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason="the examples are not here")


def promised(file: Path) -> str:
    """What the file says that it prints."""
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return dedent(text.partition("Prints:\n")[2]).rstrip() + "\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_stop_of_the_tour_prints_what_it_says(file: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env=environ,
    )
    assert done.stdout == promised(file), done.stderr
    assert done.returncode == 0, done.stderr
