"""The statements of callboard_sql: their headers against a real server, and their manners."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

import callboard.store
from callboard.store.rows import RUN_COLUMNS
from callboard_sql import foreign_names, load, load_foreign, names
from support.postgres_store import connected, opened

RETURNING_RUNS = {
    "claim_runs",
    "claim_limited_runs",
    "end_runs",
    "get_runs",
    "find_live_runs",
    "list_runs",
    "list_runs_of_chain",
    "list_runs_of_group",
    "list_runs_of_job",
    "list_runs_of_trigger",
    "list_stopping_runs",
    "report_progress",
    "lock_ended_runs",
    "lock_held_runs",
    "lock_live_runs",
    "lock_lost_runs",
    "lock_node_runs",
    "lock_overdue_runs",
    "read_snapshot",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The comment above a statement."""

    name: str
    takes: tuple[str, ...]
    """Types in the order of $n."""
    returns: tuple[tuple[str, str], ...]
    """Name and type of each column."""
    relies_on: tuple[str, ...]


def read_header(text: str) -> Header:
    """The header of a query file; deeper lines go on with the one before."""
    comment = [line for line in text.splitlines() if line.startswith("--")]
    lines: list[str] = []
    for line in comment:
        if line.startswith("--     "):
            lines[-1] += " " + line.removeprefix("--").strip()
        else:
            lines.append(line.removeprefix("-- "))
    purpose, takes, returns, *rest = lines
    assert takes.startswith("takes ")
    assert returns.startswith("returns ")
    return Header(
        name=purpose.partition(":")[0],
        takes=tuple(kind for _, kind in _fields(takes.removeprefix("takes "))),
        returns=_fields(returns.removeprefix("returns ")),
        relies_on=tuple(rest),
    )


def _fields(text: str) -> tuple[tuple[str, str], ...]:
    """`a int8 (why), b text[]; notes` as (("a", "int8"), ("b", "text[]"))."""
    plain = re.sub(r"\([^()]*\)", "", text).partition(";")[0].strip()
    if plain == "nothing":
        return ()
    words = [field.split() for field in plain.split(",")]
    assert all(len(field) == 2 for field in words), words
    return tuple((name, kind) for name, kind in words)


def _type_name(kind: asyncpg.Type) -> str:
    return kind.name.removesuffix("[]") + "[]" if kind.kind == "array" else kind.name


async def test_every_header_says_what_the_server_says(postgres_dsn: str) -> None:
    problems = []
    async with opened(postgres_dsn), connected(postgres_dsn) as connection:
        for name in names():
            header, statement = read_header(load(name)), await connection.prepare(load(name))
            takes = tuple(_type_name(kind) for kind in statement.get_parameters())
            returns = tuple(
                (attribute.name, _type_name(attribute.type))
                for attribute in statement.get_attributes()
            )
            for said, is_so in ((header.takes, takes), (header.returns, returns)):
                if said != is_so:
                    problems.append(f"{name}: the header says {said}, the server {is_so}")
    assert problems == []


SCRIPT = "make_checkpoint_tables"


async def test_every_header_of_an_applications_database_says_what_the_server_says(
    postgres_dsn: str,
) -> None:
    async with connected(postgres_dsn) as connection:
        await connection.execute("create schema application")
        await connection.execute(load_foreign(SCRIPT))
        await connection.execute(load_foreign(SCRIPT))  # nothing, the second time
        for name in foreign_names():
            if name == SCRIPT:
                continue
            header = read_header(load_foreign(name))
            statement = await connection.prepare(load_foreign(name))
            assert header.name == name
            assert header.takes == tuple(map(_type_name, statement.get_parameters()))
            assert header.returns == tuple(
                (each.name, _type_name(each.type)) for each in statement.get_attributes()
            )


@pytest.mark.parametrize("name", foreign_names())
def test_a_statement_for_an_applications_database_names_no_other_schema(name: str) -> None:
    text = load_foreign(name)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    assert "callboard." not in code
    plain = re.sub(r"application\.callboard_\w+|'callboard_chunk\.is_begun'", "", code)
    assert "callboard_" not in plain, "a table without its schema"
    assert "\t" not in text
    assert text.endswith(";\n")


@pytest.mark.parametrize("name", names())
def test_a_statement_names_itself_its_purpose_and_what_it_relies_on(name: str) -> None:
    header = read_header(load(name))
    assert header.name == name
    if header.returns or header.takes:
        assert header.relies_on, "says neither index nor lock"
    assert all(line.startswith(("index ", "lock ")) for line in header.relies_on)


@pytest.mark.parametrize("name", names())
def test_a_statement_keeps_to_the_house_style(name: str) -> None:
    text = load(name)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    assert code.endswith(";")
    assert code.count(";") == 1
    assert "\t" not in text
    assert text.endswith(";\n")
    assert not re.search(r"\*\s*\n?\s*from|select \*|returning \*", code), "names no columns"
    assert max(map(len, text.splitlines())) <= 100
    without_strings = re.sub(r"'[^']*'", "", code)
    assert without_strings == without_strings.lower()
    for table in re.findall(
        r"(?:(?<!distinct )from|join|into|update|using) ([a-z_.]+)\b(?![.(])", code
    ):
        is_named = table in _local_names(code) or table in {"set", "of", "skip", "unnest"}
        assert table.startswith("callboard.") or is_named, f"{table} has no schema"


def _local_names(code: str) -> set[str]:
    """Names of CTEs, and what `for update of` and `on conflict do update` may say."""
    ctes = re.findall(r"(?:with|with recursive|,)?\s*([a-z_]+) as (?:materialized )?\(", code)
    return {*ctes, "run", "job", "lateral", "generate_series", "distinct"}


@pytest.mark.parametrize("name", sorted(RETURNING_RUNS))
def test_runs_are_returned_in_the_order_in_which_they_are_read(name: str) -> None:
    columns = tuple(column for column, _ in read_header(load(name)).returns)
    assert columns[: len(RUN_COLUMNS)] == RUN_COLUMNS


def test_only_the_listed_statements_return_runs() -> None:
    returned = {name: {column for column, _ in read_header(load(name)).returns} for name in names()}
    assert {name for name in names() if returned[name].issuperset(RUN_COLUMNS)} == RETURNING_RUNS


def test_every_statement_is_used_and_every_used_one_exists() -> None:
    sources = Path(callboard.store.__path__[0]).glob("*.py")
    written = set(re.findall(r'"([a-z]+_[a-z_]+)"', "\n".join(map(Path.read_text, sources))))
    known = {*names(), *foreign_names()}
    used = {word for word in written if word in known or _looks_like_a_statement(word)}
    assert used == known


def _looks_like_a_statement(word: str) -> bool:
    verbs = "insert update delete lock claim list get read prune find create advance take end"
    nouns = "job jobs trigger triggers run runs node nodes log ledger events idempotency schema"
    first, last = word.split("_")[0], word.split("_")[-1]
    return first in verbs.split() and last in nouns.split()
