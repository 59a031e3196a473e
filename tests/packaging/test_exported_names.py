"""The public names: those in `__all__`, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import callboard
import callboard.batch

IMPORTED = re.compile(r"^\s*from ([\w.]+) import (?:\(([^)]*)\)|([^\n(]+))", re.MULTILINE)
READERS = ("*.md", "examples/*.py", "examples/batch/*.py")
"""Where a reader learns what there is to import."""
PACKAGES = {callboard: {"Callboard", "cron", "every", "job"}, callboard.batch: {"BatchJob"}}
"""With names that readers surely meet."""
of_each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda each: each.__name__)


@of_each_package
def test_every_exported_name_is_there(package: ModuleType) -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


@of_each_package
def test_every_name_is_exported_once_in_order(package: ModuleType) -> None:
    assert list(package.__all__) == sorted(set(package.__all__))


@of_each_package
def test_no_public_name_is_left_out(package: ModuleType) -> None:
    public = {
        name
        for name in dir(package)
        if not name.startswith("_") and not isinstance(getattr(package, name), ModuleType)
    }
    assert public == set(package.__all__)


@of_each_package
def test_what_the_documents_import_is_exported(root: Path, package: ModuleType) -> None:
    imported = {
        name.strip()
        for pattern in READERS
        for path in root.glob(pattern)
        for module, one, other in IMPORTED.findall(path.read_text("utf-8"))
        for name in (one or other).partition("#")[0].split(",")
        if module == package.__name__ and name.strip()
    }
    assert imported >= PACKAGES[package]
    assert imported - set(package.__all__) == set()


@of_each_package
def test_exported_objects_say_what_they_are(package: ModuleType) -> None:
    silent = [name for name in package.__all__ if not getattr(package, name).__doc__]
    assert silent == []
