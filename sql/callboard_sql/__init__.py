"""The SQL of Callboard as files: one statement each, and the migrations that make the schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Migration", "foreign_names", "load", "load_foreign", "migrations", "names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema; its first statement inserts `version` and `name`."""

    version: int
    name: str
    """`expand_...`: safe for the version before; `contract_...`: a release later."""
    sql: str


@cache
def load(name: str) -> str:
    """The text of `queries/<name>.sql`."""
    return files(__name__).joinpath("queries", f"{name}.sql").read_text("utf-8")


@cache
def load_foreign(name: str) -> str:
    """The text of `foreign/<name>.sql`, for an application's database: its tables are in a schema
    that is called `application` in it."""
    return files(__name__).joinpath("foreign", f"{name}.sql").read_text("utf-8")


def names() -> list[str]:
    """Names of all statements, ascending."""
    return _names_in("queries")


def foreign_names() -> list[str]:
    """Names of all statements for an application's database, ascending."""
    return _names_in("foreign")


def _names_in(folder: str) -> list[str]:
    return sorted(
        file.name.removesuffix(".sql")
        for file in files(__name__).joinpath(folder).iterdir()
        if file.name.endswith(".sql")
    )


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations, in the order in which they are applied."""
    folder = files(__name__).joinpath("migrations")
    found = []
    for file in folder.iterdir():
        version, _, name = file.name.removesuffix(".sql").partition("_")
        if version.isdecimal() and file.name.endswith(".sql"):
            found.append(Migration(version=int(version), name=name, sql=file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.version))
