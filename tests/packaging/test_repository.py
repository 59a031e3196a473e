"""The repository's files that are not sources: what they say, and what they must not."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

NOT_OURS = re.compile(r"\.venv.*|\.git|\.\w+_cache|\.hypothesis|__pycache__|data|dist|build")

MACHINES = re.compile(r"(?<![\w.~])/(?:work|root|Users)/|file:///")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.|docker\.io|ghcr\.io|index-url|trusted-host|find-links"
)


def files(directory: Path) -> Iterator[Path]:
    """What a clone of the repository has, in no order."""
    for path in directory.iterdir():
        if NOT_OURS.fullmatch(path.name):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


@pytest.fixture(scope="session")
def texts(root: Path) -> dict[str, str]:
    """The text of every file, by its path; but for this one, which names what it looks for."""
    found = (path for path in files(root) if path != Path(__file__))
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in found}


def lines_with(texts: dict[str, str], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_place_on_somebodys_machine(texts: dict[str, str]) -> None:
    assert lines_with(texts, MACHINES) == []


def test_no_file_names_a_package_registry(texts: dict[str, str]) -> None:
    """Where packages come from is the user's configuration."""
    assert lines_with(texts, REGISTRIES) == []


def test_every_file_ends_with_a_newline(texts: dict[str, str]) -> None:
    assert [path for path, text in texts.items() if text and not text.endswith("\n")] == []


def test_no_line_ends_with_a_space(texts: dict[str, str]) -> None:
    assert lines_with(texts, re.compile(r"[ \t]+$")) == []


def test_the_changelog_has_a_place_for_what_comes(texts: dict[str, str]) -> None:
    sections = re.findall(r"^## (.*)$", texts["CHANGELOG.md"], re.MULTILINE)
    assert sections[0].strip("[]") == "Unreleased"


@pytest.mark.parametrize(
    "name", ["README.md", "ARCHITECTURE.md", "DECISIONS.md", "CONTRIBUTING.md"]
)
def test_a_document_leads_to_files_that_exist(texts: dict[str, str], root: Path, name: str) -> None:
    linked = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", texts[name])
    assert [path for path in linked if not (root / path).exists()] == []


def test_what_the_documents_make_is_a_target(texts: dict[str, str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", texts["Makefile"], re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md"):
        asked = re.findall(r"^(?:\$ )?make ([a-z-]+)|`make ([a-z-]+)", texts[name], re.MULTILINE)
        assert {one or other for one, other in asked} <= targets


def test_make_help_lists_the_targets(root: Path) -> None:
    listed = {line.split()[0] for line in make(root, "help").stdout.splitlines()}
    assert listed >= {"help", "run", "check", "test", "test-all", "bench", "clean"}


@pytest.mark.parametrize(("says", "reason"), [("Python 3.9.1", "is Python 3.9.1"), (None, "there")])
def test_make_says_that_the_python_will_not_do(
    root: Path, tmp_path: Path, says: str | None, reason: str
) -> None:
    python = tmp_path / "python"
    if says:
        python.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {says}\n')
        python.chmod(0o755)
    done = make(root, "run", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert "Callboard needs Python 3.11 or newer" in done.stderr
    assert reason in done.stderr
    assert not (tmp_path / "venv").exists()


def test_ci_runs_what_a_contributor_runs(texts: dict[str, str], root: Path) -> None:
    commands = [line for line in texts[".ci/run"].splitlines() if not line.startswith(("#", "set"))]
    assert commands == ['cd "$(dirname "$0")/.."', "make test"]
    assert os.access(root / ".ci" / "run", os.X_OK)


def make(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `make` says, called as if no other `make` had called us."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environ.pop("MFLAGS", None)
    return subprocess.run(
        ["make", *words], cwd=root, env=environ, capture_output=True, text=True, check=False
    )
