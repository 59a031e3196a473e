"""As whom the server runs: the choice, and the commands it leads to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from callboard.store.embedded.faults import DirectoryUnusable, RootRefused
from callboard.store.embedded.identity import (
    Account,
    Disguise,
    Identity,
    Situation,
    choose_identity,
    clean_environment,
)

DATA = Path("/srv/pgdata")
ROOT = Account(uid=0, gid=0)
ANN = Account(uid=1234, gid=1234)
NOBODY = Account(uid=65534, gid=65534)
AS_ROOT = Situation(
    us=ROOT, data_owner=None, has_namespaces=True, has_setpriv=True, stand_in=NOBODY
)
AS_ANN = replace(AS_ROOT, us=ANN, has_namespaces=False, stand_in=None)
IN_DOCKER = replace(AS_ROOT, has_namespaces=False)


def choice(situation: Situation) -> tuple[Disguise, Account]:
    identity = choose_identity(situation, DATA)
    return identity.disguise, identity.owner


def test_an_ordinary_user_needs_no_disguise() -> None:
    assert choice(AS_ANN) == (Disguise.NONE, ANN)
    assert choice(replace(AS_ANN, data_owner=ANN)) == (Disguise.NONE, ANN)


def test_an_ordinary_user_cannot_serve_anothers_data() -> None:
    with pytest.raises(DirectoryUnusable, match="belongs to uid 65534, and we are uid 1234"):
        choice(replace(AS_ANN, data_owner=NOBODY))


def test_root_takes_a_namespace_where_it_can() -> None:
    assert choice(AS_ROOT) == (Disguise.NAMESPACE, ROOT)
    assert choice(replace(AS_ROOT, data_owner=ROOT)) == (Disguise.NAMESPACE, ROOT)


def test_root_serves_an_ordinary_users_data_as_that_user() -> None:
    assert choice(replace(AS_ROOT, data_owner=ANN)) == (Disguise.USER, ANN)


def test_root_without_namespaces_takes_an_existing_user() -> None:
    assert choice(IN_DOCKER) == (Disguise.USER, NOBODY)


def test_root_without_namespaces_and_users_is_told_the_way_out() -> None:
    with pytest.raises(RootRefused, match="ordinary user, or give it the DSN"):
        choice(replace(IN_DOCKER, stand_in=None))


def test_root_without_namespaces_and_setpriv_is_told_the_way_out() -> None:
    with pytest.raises(RootRefused, match="there is no setpriv"):
        choice(replace(IN_DOCKER, has_setpriv=False))


def test_root_without_setpriv_still_has_namespaces() -> None:
    assert choice(replace(AS_ROOT, has_setpriv=False)) == (Disguise.NAMESPACE, ROOT)


def test_the_death_signal_is_asked_for_inside_the_namespace() -> None:
    identity = choose_identity(AS_ROOT, DATA)
    command = identity.command(["postgres"], death_signal="INT")
    assert command[:2] == ["unshare", "--user"]
    assert command.index("unshare") < command.index("--pdeathsig") < command.index("postgres")


def test_the_death_signal_and_the_user_are_set_by_one_setpriv() -> None:
    command = choose_identity(IN_DOCKER, DATA).command(["postgres"], death_signal="INT")
    assert command.count("setpriv") == 1
    assert command[:3] == ["setpriv", "--reuid", "65534"]
    assert "--clear-groups" in command


def test_without_setpriv_an_ordinary_user_just_runs_the_program() -> None:
    identity = choose_identity(replace(AS_ANN, has_setpriv=False), DATA)
    assert identity.command(["postgres"], death_signal="INT") == ["postgres"]


def test_the_program_does_not_start_when_its_parent_is_gone() -> None:
    identity = Identity(disguise=Disguise.NONE, owner=ANN, has_setpriv=True)
    command = identity.command(["postgres", "-D", "a b"], death_signal="INT")
    assert str(os.getpid()) in command
    assert command[-3:] == ["postgres", "-D", "a b"]


def test_the_clients_variables_are_kept_from_the_server() -> None:
    assert clean_environment({"PGPORT": "1", "PG_X": "2", "PATH": "/bin"}) == {"PATH": "/bin"}
