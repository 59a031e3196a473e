"""The server's settings and initdb's options."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from callboard.errors import InvalidInput
from callboard.store.embedded.settings import (
    check_settings,
    locale_arguments,
    settings_arguments,
    sync_arguments,
)

SOCKET = Path('/run/it\'s "here"')


def settings(
    major: int, overrides: dict[str, str] | None = None, kernel: str = "Linux 6.1.0-18-amd64"
) -> dict[str, str]:
    words = settings_arguments(major, SOCKET, overrides or {}, kernel)
    return dict(word.split("=", 1) for word in words[1::2])


def test_only_a_server_that_knows_io_method_is_told() -> None:
    assert settings(18)["io_method"] == "sync"
    assert "io_method" not in settings(17)


def test_nothing_turns_durability_off() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & set(settings(18))


def test_recovery_syncs_the_file_system_where_that_reports_errors() -> None:
    assert settings(18, kernel="Linux 5.8.0")["recovery_init_sync_method"] == "syncfs"
    for kernel in ("Linux 5.4.0-150-generic", "Darwin 23.1.0"):
        assert "recovery_init_sync_method" not in settings(18, kernel=kernel)


def test_no_network_is_listened_on() -> None:
    assert settings(18)["listen_addresses"] == ""


def test_the_socket_directory_is_quoted_for_a_list() -> None:
    assert settings(18)["unix_socket_directories"] == '"/run/it\'s ""here"""'


def test_the_callers_settings_win_over_the_defaults() -> None:
    assert settings(18, {"shared_buffers": "1GB"})["shared_buffers"] == "1GB"


@pytest.mark.parametrize("name", ["listen_addresses", "port", "hba_file", "data_directory"])
def test_what_access_rests_on_cannot_be_set(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"settings.{name}: is fixed"):
        check_settings({name: "x"})


@pytest.mark.parametrize("name", ["", "-c", "work_mem=1", "Work_Mem", "a b", "a.b.c"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a setting"):
        check_settings({name: "x"})


def test_a_value_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"settings\.work_mem: is not text"):
        check_settings({"work_mem": cast(str, 9)})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_settings({"port": "1", "work_mem": "\0"})
    assert [problem.field for problem in caught.value.problems] == [
        "settings.port",
        "settings.work_mem",
    ]


def test_a_setting_of_an_extension_is_taken() -> None:
    assert check_settings({"auto_explain.log_analyze": "on"})


@pytest.mark.parametrize("major", [15, 16])
def test_old_servers_take_the_c_librarys_locale(major: int) -> None:
    assert locale_arguments(major, "linux") == ["--locale=C.UTF-8"]
    assert locale_arguments(major, "darwin") == ["--locale=C"]


@pytest.mark.parametrize("major", [17, 18])
def test_newer_servers_bring_their_own_locale(major: int) -> None:
    assert "--locale-provider=builtin" in locale_arguments(major, "linux")
    assert "--builtin-locale=C.UTF-8" in locale_arguments(major, "darwin")


def test_initdb_syncs_the_file_system_where_it_can() -> None:
    assert sync_arguments(18, "Linux 6.1.0") == ["--sync-method=syncfs"]
    assert sync_arguments(16, "Linux 6.1.0") == []
    assert sync_arguments(18, "Darwin 23.1.0") == []
