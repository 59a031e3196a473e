"""`callboard jobs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.conftest import Callboard

Make = Callable[..., str]


def test_a_job_is_created_from_a_file_and_shown(
    callboard: Callboard, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    file.write_text(
        json.dumps(
            {
                "name": name,
                "kind": "command",
                "spec": {"argv": ["echo", "hi"]},
                "retry": {"max_attempts": 3},
                "timeout_s": 90,
                "labels": {"team": "data"},
            }
        )
    )
    created = callboard("jobs", "create", str(file))
    assert created.code == 0
    shown = callboard("jobs", "get", name)
    assert shown.out == created.out
    facts = dict(line.split(maxsplit=1) for line in shown.out.splitlines())
    assert facts["name"] == name
    assert facts["spec"] == '{"argv": ["echo", "hi"]}'
    assert facts["timeout"] == "1m 30s"
    assert facts["labels"] == '{"team": "data"}'


def test_json_is_the_resource_of_the_api(callboard: Callboard, make_job: Make) -> None:
    name = make_job("echo hi")
    job = callboard("jobs", "get", name, "--json").value
    assert job["name"] == name
    assert job["spec"] == {"shell": "echo hi"}
    assert job["version"] == 1
    assert job["created_at"].endswith("Z")


def test_a_taken_name_is_refused_and_replaced_on_demand(
    callboard: Callboard, make_job: Make
) -> None:
    name = make_job("echo one")
    other = json.dumps({"name": name, "kind": "command", "spec": {"shell": "echo two"}})
    assert callboard("jobs", "create", "-", stdin=other).code == 3
    replaced = callboard("jobs", "create", "-", "--replace", "--json", stdin=other)
    assert replaced.code == 0
    assert (replaced.value["spec"], replaced.value["version"]) == ({"shell": "echo two"}, 2)


def test_lists_are_filtered_and_plain_where_nobody_looks(
    callboard: Callboard, make_job: Make, name: str
) -> None:
    make_job("echo " + "x" * 100, labels={"of": name})
    listed = callboard("jobs", "list", "--label", f"of:{name}")
    heading, row = listed.out.splitlines()
    assert heading.split() == ["NAME", "GROUP", "KIND", "WHAT", "STATE", "UPDATED"]
    assert row.startswith(f"{name}  default  command  echo xxx")
    assert "\x1b" not in listed.out
    assert callboard("jobs", "list", "--label", f"of:{name}", "--disabled").out.count("\n") == 1


def test_a_list_has_all_pages(callboard: Callboard, name: str) -> None:
    for number in range(3):
        job = {
            "name": f"{name}-{number}",
            "group": name,
            "kind": "command",
            "spec": {"shell": "true"},
        }
        assert callboard("jobs", "create", "-", stdin=json.dumps(job)).code == 0
    page = callboard("jobs", "list", "-g", name, "--json").value
    assert [job["name"] for job in page["items"]] == [f"{name}-{number}" for number in range(3)]
    assert page["next_cursor"] is None
    part = callboard("jobs", "list", "-g", name, "--json", "--limit", "2").value
    assert len(part["items"]) == 2
    assert part["next_cursor"] is not None


def test_disable_and_enable(callboard: Callboard, make_job: Make) -> None:
    name = make_job()
    assert callboard("jobs", "disable", name, "--json").value["disabled"] is True
    refused = callboard("start", name)
    assert refused.code == 3
    assert "disabled" in refused.err
    assert callboard("jobs", "enable", name, "--json").value["disabled"] is False
    assert callboard("start", name).code == 0


def test_delete(callboard: Callboard, make_job: Make) -> None:
    name = make_job()
    assert callboard("jobs", "delete", name).code == 0
    assert callboard("jobs", "get", name).code == 3
    assert callboard("jobs", "delete", name).code == 3


def test_groups_are_apart(callboard: Callboard, name: str) -> None:
    job = json.dumps({"name": name, "kind": "command", "spec": {"shell": "true"}})
    assert callboard("jobs", "create", "-", "--group", name, stdin=job).code == 0
    assert callboard("jobs", "get", name).code == 3
    assert callboard("jobs", "get", name, "-g", name, "--json").value["group"] == name


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ("[]", "is not a JSON object"), ("", "is not JSON")],
)
def test_what_is_no_object_is_usage(callboard: Callboard, text: str, said: str) -> None:
    done = callboard("jobs", "create", "-", stdin=text)
    assert done.code == 2
    assert said in done.err


def test_a_missing_file_is_usage(callboard: Callboard) -> None:
    done = callboard("jobs", "create", "/nonexistent/job.json")
    assert done.code == 2
    assert done.err == "callboard: /nonexistent/job.json: No such file or directory\n"


@pytest.mark.parametrize("strange", ["a/b", "..", "a b", "naïve", "x?y=z", "%2F", "a#b"])
def test_a_name_stays_a_name_in_the_path(callboard: Callboard, strange: str) -> None:
    done = callboard("jobs", "get", strange)
    assert done.code == 3


def test_a_script_is_defined_listed_and_run(
    callboard: Callboard, name: str, tmp_path: Path
) -> None:
    script = tmp_path / "load.py"
    script.write_text("import sys; print(*sys.argv[1:])")
    spec = {"location": str(script), "arguments": ["load"], "limits": {"memory_mb": 512}}
    job = json.dumps({"name": name, "kind": "script", "spec": spec, "arguments": {"day": "mon"}})
    assert callboard("jobs", "create", "-", stdin=job).code == 0
    assert str(script)[:40] in callboard("jobs", "list", "--kind", "script").out
    done = callboard("start", name, "--arg", "count=3", "--wait")
    assert "load --count 3 --day mon" in done.out


def test_a_wrong_limit_is_named(callboard: Callboard, name: str) -> None:
    spec = {"shell": "true", "limits": {"cpu": 3}}
    job = json.dumps({"name": name, "kind": "command", "spec": spec})
    refused = callboard("jobs", "create", "-", stdin=job)
    assert refused.code != 0
    assert "spec.limits.cpu" in refused.err
