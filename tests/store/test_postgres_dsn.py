"""DSNs: which store they name, and that a password never shows."""

from __future__ import annotations

import traceback

import pytest

from callboard.errors import InvalidInput, StoreUnavailable
from callboard.store.dsn import open_store
from callboard.store.memory import MemoryStore
from callboard.store.postgres import PostgresStore
from callboard.testing import VirtualClock

SECRET = "hunter2"


def test_memory_names_the_memory_store() -> None:
    assert isinstance(open_store("memory:", clock=VirtualClock()), MemoryStore)


@pytest.mark.parametrize("dsn", ["postgresql://u@h/d", "postgres://h:5433,i/d", "embedded:/tmp/x"])
def test_the_other_forms_name_a_postgresql_store(dsn: str) -> None:
    assert isinstance(open_store(dsn, clock=VirtualClock()), PostgresStore)


@pytest.mark.parametrize(
    "dsn",
    ["", "memory", "memory:x", "embedded:", "mysql://h/d", "postgresql:h", "/var/lib", "h:5432/d"],
)
def test_another_form_is_refused_with_the_three_that_there_are(dsn: str) -> None:
    with pytest.raises(InvalidInput, match=r"dsn: .*postgresql://.*embedded:PATH or memory:"):
        open_store(dsn, clock=VirtualClock())


@pytest.mark.parametrize(
    "dsn",
    [
        f"postgresql://u:a/{SECRET}@h/d",
        f"postgresql://u:a#{SECRET}@h/d",
        f"postgresql://u:[{SECRET}@h/d",
        f"postgresql://u:{SECRET},x/@h/d",
        f"postgresql://u:{SECRET}@h:port/d",
        f"{SECRET}",
        f"postgresql://u:{SECRET}@h/d?statement_cache_size=x",
    ],
)
def test_a_refusal_does_not_show_the_password(dsn: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(dsn, clock=VirtualClock())
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_neither_a_failure_to_connect_nor_a_repr_shows_the_password() -> None:
    dsn = f"postgresql://u:{SECRET}@127.0.0.1:1/d"
    store = open_store(dsn, clock=VirtualClock())
    with pytest.raises(StoreUnavailable) as caught:
        await store.open()
    await store.close()
    text = f"{store!r} {vars(store)!r} {''.join(traceback.format_exception(caught.value))}"
    assert SECRET not in text


def test_the_statement_cache_is_a_number() -> None:
    with pytest.raises(InvalidInput, match=r"dsn.statement_cache_size: 'many' is not a number"):
        open_store("postgresql://h/d?statement_cache_size=many", clock=VirtualClock())
