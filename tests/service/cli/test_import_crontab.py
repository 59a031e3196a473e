"""`callboard import crontab`: what it would make, what it makes, and that its commands run."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.cli.conftest import Callboard, Run
from service.cli.processes import ServiceProcess

EXAMPLE = Path(__file__).parents[3] / "examples" / "crontab"
NAMES = [
    "opening-sign",
    "receipts.total",
    "supplier-prices",
    "stock-count",
    "newsletter",
    "cash-desk",
    "reorder-deadline",
    "catalogue",
    "backup",
    "log-rotation",
    "stocktaking",
]


@pytest.fixture
def crontab(tmp_path: Path) -> Callable[[str], str]:
    """Write a crontab; its path."""

    def write(text: str) -> str:
        file = tmp_path / "crontab"
        file.write_text(text)
        return str(file)

    return write


@pytest.fixture(scope="module", params=["memory", "embedded"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A service of its own for the example, on each kind of store."""
    directory = tmp_path_factory.mktemp("shop")
    dsn = "memory:" if request.param == "memory" else f"embedded:{directory / 'data'}"
    service = ServiceProcess(directory, dsn)
    try:
        yield service
    finally:
        service.close()


def test_the_example_is_shown_without_a_server(local: Callboard) -> None:
    done = local("import", "crontab", str(EXAMPLE), "--dry-run", "--zone", "Europe/Prague")
    assert done.code == 0
    heading, *rows = done.out.splitlines()
    assert heading.split() == ["LINE", "NAME", "TIMES", "ZONE", "NEXT", "COMMAND"]
    assert [row.split()[1] for row in rows] == NAMES
    assert "note: line 15, column 1: MAILTO: no mail is sent" in done.err
    assert "would import 11 lines; 0 cannot be imported" in done.err


def test_a_dry_run_for_programs_has_the_resources(local: Callboard) -> None:
    plan = local("import", "crontab", str(EXAMPLE), "--dry-run", "--json").value
    assert [job["name"] for job in plan["jobs"]] == NAMES
    assert [trigger["name"] for trigger in plan["triggers"]] == NAMES
    by_name = {job["name"]: job for job in plan["jobs"]}
    assert by_name["receipts.total"]["spec"]["stdin"].startswith("novel 12.50\natlas 40.00\n")
    assert by_name["opening-sign"]["spec"]["env"]["SHOP"] == "Quill & Sons"
    zones = {trigger["name"]: trigger["schedule"]["zone"] for trigger in plan["triggers"]}
    assert zones["reorder-deadline"] == "Europe/Prague"
    assert plan["problems"] == []


def test_the_example_is_imported_once_however_often(local: Callboard, shop: ServiceProcess) -> None:
    env = {"CALLBOARD_URL": shop.url}
    words = ("import", "crontab", str(EXAMPLE), "--json")
    first = local(*words, env=env)
    assert first.code == 0
    assert [line["name"] for line in first.value["imported"]] == NAMES
    assert {(line["job"], line["trigger"]) for line in first.value["imported"]} == {
        ("created", "created")
    }
    before = local("triggers", "list", "--json", env=env).value
    again = local(*words, env=env)
    assert {(line["job"], line["trigger"]) for line in again.value["imported"]} == {
        ("unchanged", "unchanged")
    }
    after = local("triggers", "list", "--json", env=env).value
    assert [(t["name"], t["version"]) for t in after["items"]] == [
        (t["name"], t["version"]) for t in before["items"]
    ]
    assert {job["version"] for job in local("jobs", "list", "--json", env=env).value["items"]} == {
        1
    }


@pytest.mark.parametrize(
    ("job", "code", "said"),
    [
        ("opening-sign", 0, "Quill & Sons: it is "),
        ("receipts.total", 0, "total 53.7"),
        ("stock-count", 0, '{"shelves": 12, "books": 960}'),
        ("newsletter", 0, "newsletter of 2"),
        ("backup", 0, " done"),
        ("supplier-prices", 1, "asking the supplier"),
    ],
)
def test_imported_commands_really_run(
    local: Callboard, shop: ServiceProcess, job: str, code: int, said: str
) -> None:
    env = {"CALLBOARD_URL": shop.url}
    local("import", "crontab", str(EXAMPLE), env=env)
    done = local("start", job, "--wait", env=env)
    assert (done.code, done.err) == (code, done.err)
    assert said in done.out


def test_its_table_says_what_became_of_each_line(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    file = crontab(f"# name: {name}\n0 1 * * * true\n61 * * * * x\n@never y\n")
    done = callboard("import", "crontab", file, "--zone", "UTC")
    assert done.code == 3
    _, row = done.out.splitlines()
    assert row.split() == ["2", name, "0", "1", "*", "*", "*", "UTC", "created", "created", "true"]
    assert "not imported: line 3, column 1: minute: 61 is not in 0-59" in done.err
    assert "not imported: line 4, column 1: '@never'" in done.err
    assert "imported 1 lines; 2 could not be imported" in done.err


def test_what_was_set_by_hand_stays(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    callboard("import", "crontab", crontab(f"# name: {name}\n0 1 * * * true\n"))
    callboard("jobs", "disable", name)
    callboard("triggers", "deactivate", name)
    file = crontab(f"# name: {name}\n0 1 * * * false\n")
    changed = callboard("import", "crontab", file, "--json").value["imported"]
    assert [(line["job"], line["trigger"]) for line in changed] == [("changed", "unchanged")]
    job = callboard("jobs", "get", name, "--json").value
    assert (job["spec"]["shell"], job["disabled"]) == ("false", True)
    assert callboard("triggers", "get", name, "--json").value["state"] == "inactive"


def test_lines_that_are_gone_are_named_and_deleted_on_demand(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    both = f"# name: {name}\n0 1 * * * a\n# name: {name}-old\n0 2 * * * b\n"
    callboard("import", "crontab", crontab(both))
    file = crontab(f"# name: {name}\n0 1 * * * a\n")
    done = callboard("import", "crontab", file)
    assert done.code == 0
    assert "1 no longer in the file, and still scheduled: --prune" in done.err
    assert callboard("triggers", "get", f"{name}-old").code == 0
    pruned = callboard("import", "crontab", file, "--prune", "--json").value["imported"]
    assert {"line": None, "name": f"{name}-old", "group": "default", "job": "deleted",
            "trigger": "deleted"} in pruned  # fmt: skip
    assert callboard("triggers", "get", f"{name}-old").code == 3
    assert callboard("jobs", "get", f"{name}-old").code == 3


def test_a_job_of_other_origin_is_not_touched_unless_wanted(
    callboard: Callboard, crontab: Callable[[str], str], make_job: Callable[..., str]
) -> None:
    name = make_job("echo by hand")
    file = crontab(f"# name: {name}\n0 1 * * * echo by cron\n")
    refused = callboard("import", "crontab", file)
    assert refused.code == 3
    assert f"there is a job '{name}' that was not made by an import" in refused.err
    assert callboard("jobs", "get", name, "--json").value["spec"] == {"shell": "echo by hand"}
    assert callboard("import", "crontab", file, "--take-over").code == 0
    spec = callboard("jobs", "get", name, "--json").value["spec"]
    assert spec["shell"] == "echo by cron"


def test_another_crontab_does_not_take_the_name(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    text = f"# name: {name}\n0 1 * * * true\n"
    file = crontab(text)
    callboard("import", "crontab", file)
    done = callboard("import", "crontab", "-", "--user", stdin=text)
    assert done.code == 3
    assert f"was imported from {file}" in done.err
    assert callboard("import", "crontab", "-", "--user", "--prefix", "b-", stdin=text).code == 0


def test_a_system_crontab_keeps_to_ones_own_lines(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    me = getpass.getuser()
    file = crontab(f"# name: {name}\n0 1 * * * {me} echo $0\n# X\n0 2 * * * nobody-{name} y\n")
    done = callboard("import", "crontab", file, "--system", "--group", name)
    assert done.code == 3
    assert f"belongs to the user nobody-{name}" in done.err
    job = callboard("jobs", "get", name, "-g", name, "--json").value
    assert job["labels"]["crontab_user"] == me
    assert job["spec"]["cwd"] == os.path.expanduser("~")
    assert callboard("import", "crontab", file, "--system", "-g", name, "--any-user").code == 0


def test_a_form_that_is_not_certain_is_said(
    local: Callboard, crontab: Callable[[str], str]
) -> None:
    me = getpass.getuser()
    file = crontab(f"0 1 * * * {me} x\n0 2 * * * echo hi\n")
    done = local("import", "crontab", file, "--dry-run")
    assert "is read as a user's crontab" in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"0 1 * * * echo \xff", "is not UTF-8 at byte 15")],
)
def test_a_file_that_cannot_be_read_is_usage(
    local: Callboard, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "crontab"
    if content is not None:
        file.write_bytes(content)
    done = local("import", "crontab", str(file), "--dry-run")
    assert done.code == 2
    assert said in done.err


def test_an_unknown_zone_is_usage(local: Callboard, crontab: Callable[[str], str]) -> None:
    done = local("import", "crontab", crontab("0 1 * * * x"), "--zone", "Mars/Base", "--dry-run")
    assert done.code == 2
    assert "zone: there is no zone 'Mars/Base'" in done.err


def test_a_big_crontab_is_imported_whole(
    callboard: Callboard, crontab: Callable[[str], str], name: str
) -> None:
    lines = "".join(f"# name: {name}-{i}\n{i % 60} 3 * * * true\n" for i in range(150))
    done = callboard("import", "crontab", crontab(lines), "-g", name, "--json")
    assert done.code == 0
    assert len(done.value["imported"]) == 150
    assert len(callboard("triggers", "list", "-g", name, "--json").value["items"]) == 150


def test_the_server_away_is_4(run_process: Run, crontab: Callable[[str], str]) -> None:
    away = run_process("import", "crontab", crontab("0 1 * * * x"), "--url", "http://127.0.0.1:9")
    assert away.wait() == 4
