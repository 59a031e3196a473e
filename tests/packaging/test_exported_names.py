"""The public names: those in `__all__`, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import callboard

IMPORTED = re.compile(r"^\s*from callboard import (?:\(([^)]*)\)|([^\n(]+))", re.MULTILINE)
READERS = ("*.md", "examples/*.py")
"""Where a reader learns what there is to import."""


def test_every_exported_name_is_there() -> None:
    assert [name for name in callboard.__all__ if not hasattr(callboard, name)] == []


def test_every_name_is_exported_once_in_order() -> None:
    assert list(callboard.__all__) == sorted(set(callboard.__all__))


def test_no_public_name_is_left_out() -> None:
    public = {
        name
        for name in dir(callboard)
        if not name.startswith("_") and not isinstance(getattr(callboard, name), ModuleType)
    }
    assert public == set(callboard.__all__)


def test_what_the_documents_import_is_exported(root: Path) -> None:
    imported = {
        name.strip()
        for pattern in READERS
        for path in root.glob(pattern)
        for one, other in IMPORTED.findall(path.read_text("utf-8"))
        for name in (one or other).partition("#")[0].split(",")
        if name.strip()
    }
    assert imported >= {"Callboard", "cron", "every", "job"}
    assert imported - set(callboard.__all__) == set()


def test_exported_objects_say_what_they_are() -> None:
    silent = [name for name in callboard.__all__ if not getattr(callboard, name).__doc__]
    assert silent == []
