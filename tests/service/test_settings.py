"""Settings from environment and arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callboard.config import BoardConfig, Scheduling
from callboard.errors import InvalidInput
from callboard_service.serve import board_of
from callboard_service.settings import Settings, load_settings


def test_defaults_are_a_service_on_loopback_with_its_own_database() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8321)
    assert settings.dsn.startswith("embedded:")


def test_arguments_win_over_the_environment() -> None:
    environ = {"CALLBOARD_PORT": "1111", "CALLBOARD_DSN": "memory:", "PORT": "2222"}
    settings = load_settings(environ, {"port": "3333", "dsn": None})
    assert (settings.port, settings.dsn) == (3333, "memory:")


def test_lists_are_words_by_comma_or_space() -> None:
    environ = {"CALLBOARD_HANDLERS": "shop.jobs, shop.mail ops"}
    assert load_settings(environ).handlers == ("shop.jobs", "shop.mail", "ops")
    assert load_settings({}, {"handlers": ["a.b", "c"]}).handlers == ("a.b", "c")


def test_databases_of_applications_have_names_and_hidden_passwords() -> None:
    given = "shop=postgresql://me:pa$$@w@a,b/shop?x=1 crm=postgres://c/crm"
    settings = load_settings({"CALLBOARD_DATABASES": given})
    assert settings.dsn_of_database == {
        "shop": "postgresql://me:pa$$@w@a,b/shop?x=1",
        "crm": "postgres://c/crm",
    }
    assert "me:***@a,b/shop" in repr(settings)


def test_empty_variable_is_not_set() -> None:
    assert load_settings({"CALLBOARD_TOKEN": "", "CALLBOARD_PORT": ""}).token is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", "http"),
        ("port", "65536"),
        ("port", "-1"),
        ("capacity", "0"),
        ("drain_s", "nan"),
        ("drain_s", "-1"),
        ("heartbeat_s", "0"),
        ("stream_buffer", "1.5"),
        ("host", "0.0.0.0"),
        ("host", "not a host"),
        ("token", "two words"),
        ("token", "t\u00f6ken"),
        ("handlers", "shop-jobs"),
        ("node_id", "a b"),
        ("allowed_origins", "ops.example"),
        ("allowed_origins", "https://ops.example/path"),
        ("allowed_hosts", "https://x"),
        ("egress_allow", "http://x/"),
        ("secrets_dir", "/nowhere/at/all"),
        ("databases", "shop"),
        ("databases", "shop=mysql://host"),
        ("databases", "a=postgresql://x a=postgresql://y"),
        ("glue", "perhaps"),
        ("batch_door", "perhaps"),
        ("glue_credentials", "/nowhere/at/all"),
        ("glue_account", "12345678901"),
        ("glue_account", "1234567890123"),
        ("glue_account", "\u0661" * 12),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("loop", "trio"),
        ("scheduling", "both"),
        ("fires", "maybe"),
        ("executes", "2"),
        ("notifies", "perhaps"),
        ("lease_s", "0"),
        ("firing_lease_s", "soon"),
        ("crash_budget", "-1"),
        ("claim_ahead_s", "61"),
        ("keep_runs_s", "-1"),
        ("keep_runs_per_job", "many"),
    ],
)
def test_wrong_value_is_named(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        load_settings({f"CALLBOARD_{field.upper()}": value})
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_all_faults_are_in_one_error() -> None:
    environ = {"CALLBOARD_PORT": "x", "CALLBOARD_LOOP": "y", "CALLBOARD_CAPACITY": "-1"}
    with pytest.raises(InvalidInput) as refusal:
        load_settings(environ)
    assert {problem.field for problem in refusal.value.problems} == {"port", "loop", "capacity"}


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://me:pa$$@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://me@db/x?password=hidden&a=1", "postgresql://me@db/x?password=***&a=1"),
        ("postgresql://db/x", "postgresql://db/x"),
        ("embedded:/var/lib/callboard", "embedded:/var/lib/callboard"),
    ],
)
def test_secrets_are_masked(dsn: str, shown: str) -> None:
    settings = Settings(dsn=dsn, token="s3cret-token")
    assert settings.shown_dsn == shown
    for secret in ("s3cret", "pa$$", "hidden"):
        assert secret not in repr(settings)


def test_settings_are_frozen() -> None:
    settings: Any = Settings()
    with pytest.raises(AttributeError):
        settings.port = 1


def test_the_board_is_told_of_its_part_in_the_cluster_and_of_what_is_kept() -> None:
    environ = {
        "CALLBOARD_SCHEDULING": "leader",
        "CALLBOARD_FIRES": "no",
        "CALLBOARD_LEASE_S": "20",
        "CALLBOARD_KEEP_RUNS_S": "none",
        "CALLBOARD_KEEP_RUNS_PER_JOB": "1000",
    }
    config = load_settings(environ).board_config()
    assert config.scheduling is Scheduling.LEADER
    assert (config.fires, config.executes, config.lease_s) == (False, True, 20.0)
    assert (config.keep_runs_s, config.keep_runs_per_job) == (None, 1000)


def test_the_defaults_are_those_of_the_library() -> None:
    assert load_settings({}).board_config() == BoardConfig()


def test_the_glue_door_is_told_whose_keys_it_takes(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("")
    settings = load_settings(
        {"CALLBOARD_GLUE_CREDENTIALS": str(keys), "CALLBOARD_GLUE_ACCOUNT": "000000000001"}
    )
    assert (settings.glue, settings.glue_account) == (True, "000000000001")
    assert settings.glue_credentials == str(keys)
    assert load_settings({"CALLBOARD_GLUE": "no"}).glue is False


def test_the_batch_door_can_be_closed() -> None:
    assert load_settings({}).batch_door is True
    assert load_settings({"CALLBOARD_BATCH_DOOR": "no"}).batch_door is False


async def test_a_board_has_the_secrets_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "door").write_text("sesame-open\n")
    monkeypatch.setenv("CALLBOARD_SECRET_TOKEN", "hunter22")
    board = board_of(
        load_settings({"CALLBOARD_DSN": "memory:", "CALLBOARD_SECRETS_DIR": str(tmp_path)})
    )

    async def lengths(door: str, token: str) -> list[int]:
        return [len(door), len(token)]

    async with board:
        await board.define(lengths)
        given = {"door": {"$secret": "file:door"}, "token": {"$secret": "env:TOKEN"}}
        assert await (await board.start("lengths", given)).result(10) == [11, 8]
