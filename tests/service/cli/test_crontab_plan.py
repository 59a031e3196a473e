"""What an import would make of a crontab."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callboard_service.cli.crontab_plan import Plan, Terms, plan_import
from callboard_service.crontab import parse_crontab
from callboard_service.wire.jobs import read_job
from callboard_service.wire.triggers import read_trigger

TERMS = Terms(
    source="/home/ada/crontab",
    group="default",
    prefix="",
    user="ada",
    any_user=False,
    directory="/home/ada",
)


def plan_of(text: str, *, system: bool = False, terms: Terms = TERMS) -> Plan:
    user = None if system else terms.user
    return plan_import(parse_crontab(text, system=system, zone="UTC", user=user), terms)


def test_a_line_becomes_a_job_and_a_trigger_of_one_name() -> None:
    (line,) = plan_of("# Nightly backup\nA=1\n# Backup\n0 2 * * * tar %in\n").lines
    assert line.name == "backup"
    assert line.job == {
        "kind": "command",
        "spec": {"shell": "tar ", "env": {"A": "1"}, "stdin": "in\n", "cwd": "/home/ada"},
        "description": "Backup",
        "labels": {"crontab": "/home/ada/crontab", "crontab_user": "ada"},
    }
    assert line.trigger["actions"] == [{"job": "backup", "arguments": {}}]
    assert line.trigger["schedule"]["expression"] == "0 2 * * *"


def test_another_shell_is_called_as_cron_calls_it() -> None:
    (line,) = plan_of("SHELL=/bin/bash\n* * * * * echo {1..3}").lines
    assert line.job["spec"]["argv"] == ["/bin/bash", "-c", "echo {1..3}"]


def test_commands_start_at_home_as_the_crontab_says() -> None:
    (line,) = plan_of("HOME=/srv/shop\n* * * * * ./run").lines
    assert line.job["spec"]["cwd"] == "/srv/shop"


def test_what_it_makes_is_what_the_api_takes() -> None:
    text = "SHELL=/bin/bash\nX=1\nCRON_TZ=Europe/Prague\n@daily echo %a%b\n*/5 * * * * date\n"
    for line in plan_of(text).lines:
        read_job({"name": line.name, **line.job})
        read_trigger({"name": line.name, **line.trigger})


def test_lines_of_other_users_are_problems_unless_wanted() -> None:
    text = "0 1 * * * ada mine\n0 2 * * * www-data theirs\n"
    plan = plan_of(text, system=True)
    assert [line.entry.command for line in plan.lines] == ["mine"]
    (problem,) = plan.problems
    assert str(problem).startswith("line 2, column 1: belongs to the user www-data")
    both = plan_of(text, system=True, terms=replace(TERMS, any_user=True))
    assert [line.job["labels"]["crontab_user"] for line in both.lines] == ["ada", "www-data"]


def test_problems_of_the_text_and_of_the_plan_are_in_order() -> None:
    text = "0 1 * * * root x\nnonsense\n0 2 * * * root y\n"
    assert [problem.line for problem in plan_of(text, system=True).problems] == [1, 2, 3]


def test_a_prefix_comes_before_each_name_and_a_bad_one_is_a_problem() -> None:
    (line,) = plan_of("# T\n0 1 * * * x", terms=replace(TERMS, prefix="shop:")).lines
    assert (line.name, line.trigger["actions"][0]["job"]) == ("shop:t", "shop:t")
    plan = plan_of("# T\n0 1 * * * x", terms=replace(TERMS, prefix="-"))
    assert "'-t' is not a name" in plan.problems[0].reason


@pytest.mark.parametrize(("text", "count"), [("MAILTO=a@b\n0 1 * * * x\n0 2 * * * y", 1)])
def test_mail_is_a_note(text: str, count: int) -> None:
    assert [note.reason[:6] for note in plan_of(text).notes] == ["MAILTO"] * count
