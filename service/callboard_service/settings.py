"""What the service is told: defaults, then the environment, then the command line.

Every setting is `CALLBOARD_<NAME>` in the environment. The library itself reads none of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from callboard.config import DAY_S, BoardConfig, Scheduling
from callboard.domain.names import name_problem
from callboard.errors import FieldProblem, InvalidInput

PREFIX: Final = "CALLBOARD_"
GOOD_TOKEN: Final = 16
"""Characters below which a token is called short."""
LOG_FORMATS: Final = ("auto", "json", "text")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
DATABASE_SCHEMES: Final = ("postgresql://", "postgres://")
LOOPS: Final = ("auto", "asyncio", "uvloop")
FOR_EVER: Final = "none"
"""How a limit is given that is not to be."""
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_HOST: Final = re.compile(r"[A-Za-z0-9.\-_:\[\]]+|\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked as a whole; all faults are in one InvalidInput."""

    dsn: str = "embedded:.callboard"
    """`postgresql://...`, `embedded:PATH` (a PostgreSQL of its own there), or `memory:`."""
    host: str = "127.0.0.1"
    """Address to listen on; other than loopback only with a token."""
    port: int = 8321
    """0: any free one."""
    token: str | None = None
    """Bearer token that every request has to bring."""
    handlers: tuple[str, ...] = ()
    """Modules to import on start; only they may then hold handlers. Without any, a handler is
    imported from wherever its name says."""
    node_id: str | None = None
    """Name of this node, unique on its database; None: host name and process id."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may use the API, besides the service's own: https://ops.example."""
    allowed_hosts: tuple[str, ...] = ()
    """Names that a service on loopback is also called by; `*`: any."""
    secrets_dir: str | None = None
    """Directory below which `{"$secret": "file:name"}` finds values; None: nowhere. Values of
    `env:NAME` are the variables CALLBOARD_SECRET_NAME."""
    databases: tuple[str, ...] = ()
    """NAME=DSN of the applications' databases that batch jobs write to."""
    egress_allow: tuple[str, ...] = ()
    """Where http jobs may connect to besides the public internet: networks, hosts, host:port."""
    capacity: int = 100
    """Runs on this node at once."""
    drain_s: float = 30.0
    """Seconds that runs and requests have to end when the service stops."""
    scheduling: str = "shared"
    """shared: the nodes share the triggers; leader: one node decides all slots, the others wait."""
    fires: bool = True
    """Whether this node takes part in deciding slots."""
    executes: bool = True
    """Whether this node executes runs."""
    notifies: bool = True
    """Whether this node calls webhooks, and looks for missed deadlines."""
    lease_s: float = 15.0
    """Seconds without a sign of life after which others take a node's runs away."""
    firing_lease_s: float = 6.0
    """The same for the slots that it has to decide."""
    crash_budget: int = 3
    """Nodes that may die under a run before it is parked."""
    claim_ahead_s: float = 0.1
    """Runs are claimed as far ahead as this node begins them within so many seconds."""
    loop_block_warn_s: float = 1.0
    """Seconds that a handler may block the event loop before it is named."""
    clock_skew_limit_s: float = 5.0
    """The node is degraded when its clock is further away from the database's."""
    keep_runs_s: float | None = 30 * DAY_S
    """Seconds for which ended runs and their logs are kept; None: for ever."""
    keep_runs_per_job: int | None = None
    """How many ended runs of a job are kept at the most; None: any number."""
    keep_ledger_s: float | None = 90 * DAY_S
    """Seconds for which the ledger is kept; None: for ever."""
    keep_events_s: float | None = DAY_S
    """Seconds by which a stream can be resumed; None: from the first event on."""
    heartbeat_s: float = 15.0
    """Seconds between heartbeats of a stream."""
    stream_buffer: int = 1000
    """Events that wait for one slow client at the most."""
    send_timeout_s: float = 10.0
    """Seconds after which a client that takes nothing is given up."""
    max_streams: int = 1000
    """Streams open at once."""
    glue: bool = True
    """Whether the API of AWS Glue is answered, at `/` and `/glue`."""
    glue_credentials: str | None = None
    """File with the access keys of those who may use that API, as ~/.aws/credentials; None: on
    loopback and without a token everybody may, unverified."""
    glue_account: str = "123456789012"
    """The AWS account that its ARNs name."""
    batch_door: bool = True
    """Whether the calls of Spring Batch's JobOperator are answered, at `/api/jobs` and so on."""
    log_format: str = "auto"
    """json, text, or auto: text on a terminal."""
    log_level: str = "info"
    loop: str = "auto"
    """uvloop, asyncio, or auto: uvloop where it is installed."""

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)

    def __repr__(self) -> str:
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        shown["token"] = self.token and "***"
        shown["dsn"] = self.shown_dsn
        shown["databases"] = tuple(map(_masked, self.databases))
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def shown_dsn(self) -> str:
        """The DSN without its password."""
        return _masked(self.dsn)

    @property
    def dsn_of_database(self) -> dict[str, str]:
        """DSNs of the applications' databases by name."""
        return {name: dsn for name, _, dsn in (each.partition("=") for each in self.databases)}

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    def board_config(self) -> BoardConfig:
        """What the board is told of it. Raises InvalidInput, its fields named as here."""
        return BoardConfig(
            node_name=self.node_id,
            modules=self.handlers or None,
            scheduling=Scheduling(self.scheduling),
            **{name: getattr(self, name) for name in _OF_BOARD},
        )

    def _problems(self) -> Iterator[FieldProblem]:
        yield from self._binding_problems()
        if self.node_id is not None and (problem := name_problem(self.node_id, "node_id")):
            yield problem
        yield from self._board_problems()
        for module in self.handlers:
            if _MODULE.fullmatch(module) is None:
                yield FieldProblem("handlers", f"{module!r} is not a module", "e.g. shop.jobs")
        for origin in self.allowed_origins:
            if not _is_origin(origin):
                yield FieldProblem(
                    "allowed_origins", f"{origin!r} is not an origin", "e.g. https://ops.example"
                )
        for host in self.allowed_hosts:
            if _HOST.fullmatch(host) is None:
                yield FieldProblem("allowed_hosts", f"{host!r} is not a host", "e.g. ops.example")
        if self.secrets_dir is not None and not Path(self.secrets_dir).is_dir():
            yield FieldProblem("secrets_dir", f"{self.secrets_dir!r} is not a directory")
        yield from self._database_problems()
        yield from self._glue_problems()
        yield from self._number_problems()
        for name, allowed in (
            ("log_format", LOG_FORMATS),
            ("log_level", LOG_LEVELS),
            ("loop", LOOPS),
            ("scheduling", tuple(Scheduling)),
        ):
            if getattr(self, name) not in allowed:
                reason = f"{getattr(self, name)!r} is unknown"
                yield FieldProblem(name, reason, f"use {', '.join(allowed)}")

    def _binding_problems(self) -> Iterator[FieldProblem]:
        if not self.dsn:
            yield FieldProblem("dsn", "is empty", "e.g. embedded:.callboard or postgresql://...")
        if not self.host or _HOST.fullmatch(self.host) is None or self.host == "*":
            yield FieldProblem("host", f"{self.host!r} is not an address", "e.g. 127.0.0.1")
        elif self.token is None and not self.is_on_loopback:
            yield FieldProblem(
                "host",
                f"{self.host} can be reached from other machines, and there is no token: "
                "whoever reaches the service can run commands",
                "set CALLBOARD_TOKEN, or listen on 127.0.0.1",
            )
        if not 0 <= self.port <= 65535:
            yield FieldProblem("port", f"{self.port} is outside 0 to 65535")
        if self.token is not None and not _is_token(self.token):
            yield FieldProblem(
                "token",
                "is not a text of visible ASCII characters without spaces",
                "e.g. the output of: openssl rand -hex 32",
            )

    def _board_problems(self) -> Iterator[FieldProblem]:
        try:
            BoardConfig(**{name: getattr(self, name) for name in _OF_BOARD})
        except InvalidInput as error:
            yield from error.problems

    def _database_problems(self) -> Iterator[FieldProblem]:
        for each in self.databases:
            name, _, dsn = each.partition("=")
            if name_problem(name, "databases") or not dsn.startswith(DATABASE_SCHEMES):
                fix = "e.g. shop=postgresql://host/shop"
                yield FieldProblem("databases", f"{_masked(each)!r} is not NAME=DSN", fix)
        names = [each.partition("=")[0] for each in self.databases]
        if len(set(names)) < len(names):
            yield FieldProblem("databases", "has a name twice", "give each one a name of its own")

    def _glue_problems(self) -> Iterator[FieldProblem]:
        path = self.glue_credentials
        if path is not None and not Path(path).is_file():
            fix = "give a file as ~/.aws/credentials"
            yield FieldProblem("glue_credentials", f"{path!r} is not a file", fix)
        if _ACCOUNT.fullmatch(self.glue_account) is None:
            reason = f"{self.glue_account[:80]!r} is not the number of an AWS account"
            yield FieldProblem("glue_account", reason, "12 digits, e.g. 123456789012")

    def _number_problems(self) -> Iterator[FieldProblem]:
        for name, low, high in (
            ("stream_buffer", 1, 1_000_000),
            ("max_streams", 1, 1_000_000),
            ("heartbeat_s", 0.01, 3600),
            ("send_timeout_s", 0.01, 3600),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                yield FieldProblem(name, f"{value:g} is outside {low:g} to {high:g}")


def load_settings(
    environ: Mapping[str, str], arguments: Mapping[str, Any] | None = None
) -> Settings:
    """The settings from the environment, with the arguments laid over them.

    Args:
        arguments: by field name, values or texts; None is no argument.
    Raises:
        InvalidInput: with everything that is wrong.
    """
    arguments = arguments or {}
    given: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for each in fields(Settings):
        value = arguments.get(each.name)
        if value is None:
            value = environ.get(PREFIX + each.name.upper()) or None
        if value is None:
            continue
        try:
            given[each.name] = _READ.get(each.name, str)(value)
        except ValueError as error:
            reason = str(error) if _READ[each.name] is _switch else f"{value!r} is not a number"
            problems.append(FieldProblem(each.name, reason))
    try:
        settings = Settings(**given)
    except InvalidInput as error:
        raise InvalidInput(*problems, *error.problems) from None
    if problems:
        raise InvalidInput(*problems)
    return settings


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own and nobody else's."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _masked(dsn: str) -> str:
    """Without its password."""
    masked = re.sub(r"(?<=://)([^:/@?#]*):[^/?#]*@", r"\1:***@", dsn)
    return re.sub(r"(password=)[^&\s]*", r"\1***", masked, flags=re.IGNORECASE)


def _spaced(value: object) -> tuple[str, ...]:
    """Words between which there is room: a DSN may have commas."""
    texts = [value] if isinstance(value, str) else [str(each) for each in _many(value)]
    return tuple(word for text in texts for word in text.split())


def _words(value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else [str(each) for each in _many(value)]
    return tuple(word for text in texts for word in re.split(r"[\s,]+", text) if word)


def _many(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    raise ValueError


def _number_or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if str(value).lower() == FOR_EVER else read(value)


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if str(value).lower() not in known:
        raise ValueError(f"{value!r} is neither true nor false")
    return known[str(value).lower()]


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    rest = parts.path or parts.query or parts.fragment or parts.username
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not rest


def _is_token(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


_SWITCHES: Final = ("fires", "executes", "notifies")
_OF_BOARD: Final = (
    "egress_allow",
    "capacity",
    "drain_s",
    *_SWITCHES,
    "lease_s",
    "firing_lease_s",
    "crash_budget",
    "claim_ahead_s",
    "loop_block_warn_s",
    "clock_skew_limit_s",
    "keep_runs_s",
    "keep_runs_per_job",
    "keep_ledger_s",
    "keep_events_s",
)
"""Settings that a board has under the same name, and checks."""

_READ: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "port": int,
        "capacity": int,
        "stream_buffer": int,
        "max_streams": int,
        "drain_s": float,
        "fires": _switch,
        "executes": _switch,
        "notifies": _switch,
        "glue": _switch,
        "batch_door": _switch,
        "lease_s": float,
        "firing_lease_s": float,
        "crash_budget": int,
        "claim_ahead_s": float,
        "loop_block_warn_s": float,
        "clock_skew_limit_s": float,
        "keep_runs_s": _number_or_none(float),
        "keep_runs_per_job": _number_or_none(int),
        "keep_ledger_s": _number_or_none(float),
        "keep_events_s": _number_or_none(float),
        "heartbeat_s": float,
        "send_timeout_s": float,
        "handlers": _words,
        "databases": _spaced,
        "allowed_origins": _words,
        "allowed_hosts": _words,
        "egress_allow": _words,
    }
)
