"""What `callboard doctor` looks at, from the settings to the service."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from callboard.domain.node import Node
from callboard.errors import CallboardError, InvalidInput, SchemaMismatch, StoreUnavailable
from callboard.store.embedded import EmbeddedError, VersionMismatch, find_binaries
from callboard_service.cli.client import ApiClient
from callboard_service.cli.database import Database, open_database
from callboard_service.cli.failures import CliFailure, Refused, Unreachable
from callboard_service.cli.text import counted
from callboard_service.settings import GOOD_TOKEN, Settings, load_settings

OLDEST: Final = 15
GOOD_SKEW_S: Final = 1.0
WORST_SKEW_S: Final = 5.0
"""A third of a node's lease."""


class Verdict(StrEnum):
    """How something is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    check: str
    detail: str
    fix: str = ""
    is_unreachable: bool = False
    """Whether the database did not answer."""


async def examine(
    environ: Mapping[str, str], dsn: str | None, url: str, token: str | None
) -> AsyncIterator[Finding]:
    """One finding after another; what depends on a failed one is left out."""
    try:
        settings = load_settings(environ, {"dsn": dsn, "token": token})
    except InvalidInput as error:
        for problem in error.problems:
            name = f"CALLBOARD_{problem.field.upper()}"
            yield _fail("settings", f"{name}: {problem.reason}", problem.fix)
        return
    yield _settings_finding(settings)
    for finding in _handler_findings(settings):
        yield finding
    async for finding in _store_findings(settings):
        yield finding
    yield await _service_finding(url, token)


def _settings_finding(settings: Settings) -> Finding:
    if settings.token is not None and len(settings.token) < GOOD_TOKEN:
        fix = "openssl rand -hex 32 makes a good one"
        return _warn("settings", "the token is short enough to be guessed", fix)
    return _ok("settings", f"store {settings.shown_dsn}")


def _handler_findings(settings: Settings) -> Iterator[Finding]:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in settings.handlers:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - whatever the user's module raises
            reason = f"{module} cannot be imported: {type(error).__name__}: {error}"
            yield _fail("handlers", reason, "start where it lies, or set PYTHONPATH")
        else:
            yield _ok("handlers", module)


async def _store_findings(settings: Settings) -> AsyncIterator[Finding]:
    form, _, rest = settings.dsn.partition(":")
    if form == "memory":
        fix = "nothing survives the process; embedded:DIRECTORY keeps it"
        yield _warn("database", "in memory", fix)
        return
    if form == "embedded":
        findings, has_data = _look_at_directory(rest)
        for finding in findings:
            yield finding
        if not has_data or any(finding.verdict is Verdict.FAIL for finding in findings):
            return
    async for finding in _database_findings(settings.dsn):
        yield finding


def _look_at_directory(text: str) -> tuple[list[Finding], bool]:
    directory = Path(text).expanduser()
    return list(_embedded_findings(directory)), (directory / "pgdata").is_dir()


def _embedded_findings(directory: Path) -> Iterator[Finding]:
    try:
        yield _ok("binaries", f"PostgreSQL {find_binaries(None, directory / 'pgdata')}")
    except (EmbeddedError, VersionMismatch) as error:
        yield _fail("binaries", str(error))
    if directory.exists():
        yield _directory_finding(directory)
        return
    parent = next(each for each in directory.absolute().parents if each.exists())
    if os.access(parent, os.W_OK | os.X_OK):
        yield _ok("directory", f"{directory} is not there yet; callboard serve makes it")
    else:
        fix = f"make {parent} writable for uid {os.geteuid()}, or choose another directory"
        yield _fail("directory", f"{directory} cannot be made", fix)


def _directory_finding(directory: Path) -> Finding:
    if not directory.is_dir():
        return _fail("directory", f"{directory} is not a directory", "choose another")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        fix = f"give it to uid {os.geteuid()}"
        return _fail("directory", f"{directory} is not writable", fix)
    return _ok("directory", str(directory))


async def _database_findings(dsn: str) -> AsyncIterator[Finding]:
    try:
        async with open_database(dsn) as database:
            yield _ok("database", "it answers")
            async for finding in _inner_findings(database):
                yield finding
    except StoreUnavailable as error:
        has_advice = "the DSN" in str(error)
        fix = "" if has_advice else "is the server running, and does the DSN name it?"
        yield _fail("database", str(error), fix, is_unreachable=True)
    except CallboardError as error:
        yield _fail("database", str(error))


async def _inner_findings(database: Database) -> AsyncIterator[Finding]:
    major, version = database.version
    if major < OLDEST:
        yield _fail("version", f"PostgreSQL {version}", f"{OLDEST} or newer is needed")
        return
    yield _ok("version", f"PostgreSQL {version}")
    schema = await _schema_finding(database)
    yield schema
    yield await _clock_finding(database)
    if schema.verdict is Verdict.OK:
        yield await _permission_finding(database)
        yield await _nodes_finding(database)


async def _schema_finding(database: Database) -> Finding:
    try:
        missing = await database.missing()
    except SchemaMismatch as error:
        return _fail("schema", str(error), "use the release that made it, or another database")
    if missing:
        fix = "callboard migrate, or the next start of callboard serve, applies it"
        return _warn("schema", f"lacks {', '.join(missing)}", fix)
    return _ok("schema", "up to date")


async def _clock_finding(database: Database) -> Finding:
    skew, accuracy = await database.skew()
    seconds = abs(skew.total_seconds())
    ahead = "ahead of" if skew.total_seconds() > 0 else "behind"
    exact = f"+/- {accuracy.total_seconds():.3f} s"
    detail = f"this machine's is {seconds:.3f} s {ahead} the database's ({exact})"
    fix = "let both machines keep time by NTP"
    if seconds <= GOOD_SKEW_S + accuracy.total_seconds():
        return _ok("clock", detail)
    return _warn("clock", detail, fix) if seconds <= WORST_SKEW_S else _fail("clock", detail, fix)


async def _permission_finding(database: Database) -> Finding:
    try:
        await database.check_writing()
    except StoreUnavailable as error:
        return _fail("permissions", str(error), "is it a read-only replica?")
    except CallboardError as error:
        fix = "grant usage on schema callboard, and all on its tables and sequences, to the user"
        return _fail("permissions", str(error), fix)
    return _ok("permissions", "it can be written to")


async def _nodes_finding(database: Database) -> Finding:
    now, live, dead = await database.nodes()
    told = [f"{node.name} ({_role(node, now)})" for node in live]
    if dead:
        told.append("gone without a farewell: " + ", ".join(node.name for node in dead))
    if not live:
        return _ok("nodes", "; ".join(["none is live", *told]))
    missing = "; ".join(_missing_roles(live, now))
    return _warn("nodes", "; ".join(told), missing) if missing else _ok("nodes", "; ".join(told))


def _missing_roles(live: Sequence[Node], now: datetime) -> Iterator[str]:
    """What nobody does, and what to do about it."""
    if not any(node.fires for node in live):
        yield "no node decides slots: start one without --fires false"
    elif not any(node.shards_at(now) for node in live):
        yield "nobody decides slots: if that lasts some seconds, see what the nodes log"
    if not any(node.executes for node in live):
        yield "no node executes runs: start one without --executes false"


def _role(node: Node, now: datetime) -> str:
    shards = node.shards_at(now)
    role = f"active, {counted(shards, 'shard')}" if shards else "passive"
    return role if node.executes else f"{role}, executes nothing"


async def _service_finding(url: str, token: str | None) -> Finding:
    try:
        async with ApiClient(url, token) as api:
            ready = (await api.get("/readyz")).value
            await api.get("/v1/nodes")
    except Unreachable as error:
        return _warn("service", str(error), "callboard serve starts it")
    except Refused as refused:
        fix = "set CALLBOARD_TOKEN to the service's" if refused.status == 401 else ""
        return _fail("service", f"{url}: {next(refused.lines())}", fix)
    except CliFailure as failure:
        return _fail("service", str(failure), failure.fix)
    return _ok("service", f"{url} is ready (node {ready['node']})")


def _ok(check: str, detail: str) -> Finding:
    return Finding(verdict=Verdict.OK, check=check, detail=detail)


def _warn(check: str, detail: str, fix: str = "") -> Finding:
    return Finding(verdict=Verdict.WARN, check=check, detail=detail, fix=fix)


def _fail(check: str, detail: str, fix: str = "", *, is_unreachable: bool = False) -> Finding:
    return Finding(
        verdict=Verdict.FAIL, check=check, detail=detail, fix=fix, is_unreachable=is_unreachable
    )
