"""The store backends that the suite knows, for the fixture `backend` of tests/store/conftest.py."""

from typing import Final

import pytest

DATABASES: Final = ("postgres-18", "postgres-15")
BACKENDS: Final = ("memory", *DATABASES)

on_databases = pytest.mark.parametrize("backend", DATABASES, indirect=True)
"""For what takes two transactions open at once: in memory they run one after the other."""
