"""`callboard runs`, `start` and `stop`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import json

from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard_service.cli.views import run_facts
from callboard_service.wire.runs import run_resource
from callboard_service.wire.text import encode_json
from service.cli.conftest import Callboard, Run
from service.cli.processes import ServiceProcess, wait_until
from support.factories import make_job, make_run

Make = Callable[..., str]


def test_start_gives_the_run_and_get_shows_it(callboard: Callboard, make_job: Make) -> None:
    job = make_job("echo $CALLBOARD_ARG_NAME")
    started = callboard("start", job, "--arg", "name=Ada", "--arg-json", "n=3", "--json").value
    assert (started["job"], started["arguments"]) == (job, {"name": "Ada", "n": 3})
    shown = callboard("runs", "get", str(started["id"]))
    facts = dict(line.split(maxsplit=1) for line in shown.out.splitlines())
    assert (facts["job"], facts["arguments"]) == (job, '{"name": "Ada", "n": 3}')


def test_get_shows_the_attempts_of_the_chain(callboard: Callboard, make_job: Make) -> None:
    job = make_job("exit 3", retry={"max_attempts": 2, "initial_s": 0})
    assert callboard("start", job, "--wait").code == 1
    first, second = ended_runs(callboard, job, 2)
    table = callboard("runs", "get", str(first)).out.split("\n\n")[1].splitlines()
    assert table[0].split() == ["ATTEMPT", "RUN", "STATE", "DUE", "TOOK", "ERROR"]
    rows = [line.split()[:3] for line in table[1:]]
    assert rows == [["1", str(first), "failed"], ["2", str(second), "failed"]]


def ended_runs(callboard: Callboard, job: str, count: int) -> list[int]:
    """Ids of the job's runs, when there are so many and all have ended; ascending."""
    found: list[Any] = []

    def have_ended() -> bool:
        found[:] = callboard("runs", "list", "--job", job, "--json").value["items"]
        return len(found) == count and all(run["ended_at"] for run in found)

    wait_until(have_ended, lambda: str(found))
    return sorted(run["id"] for run in found)


def test_wait_shows_the_log_and_ends_with_the_run(callboard: Callboard, make_job: Make) -> None:
    done = callboard("start", make_job("echo out; echo err >&2"), "--wait")
    assert done.code == 0
    assert done.out == "out\n"
    assert "err\n" in done.err
    assert "succeeded in" in done.err


def test_wait_with_json_gives_the_ended_run_alone(callboard: Callboard, make_job: Make) -> None:
    done = callboard("start", make_job("echo out; exit 3"), "--wait", "--json")
    assert done.code == 1
    assert (done.value["state"], done.value["error"]["exit_code"]) == ("failed", 3)
    assert done.err == ""


def test_wait_ends_when_the_run_is_parked(callboard: Callboard, name: str) -> None:
    job = {"name": name, "kind": "python", "spec": {"handler": "no.such:handler"}}
    callboard("jobs", "create", "-", stdin=json.encode(job).decode())
    done = callboard("start", name, "--wait")
    assert done.code == 1
    assert " parked: " in done.err
    assert "there is no module 'no'" in done.err


def test_a_parked_run_tells_what_can_be_done(callboard: Callboard, name: str) -> None:
    job = {"name": name, "kind": "python", "spec": {"handler": "no.such:handler"}}
    callboard("jobs", "create", "-", stdin=json.encode(job).decode())
    callboard("start", name, "--wait")
    (run,) = callboard("runs", "list", "--job", name, "--json").value["items"]
    shown = callboard("runs", "get", str(run["id"])).out
    assert f"to do     callboard runs retry {run['id']} releases it, runs stop" in shown


def test_g19_a_run_whose_nodes_died_shows_where_its_handler_was() -> None:
    run = run_resource(
        make_run(
            7,
            make_job(id=1),
            state=RunState.PARKED,
            crashes=4,
            error=RunError(
                type="NodeLost", message="the lease ended", traceback="work (w.py:1)\ncut (w.py:2)"
            ),
        )
    )
    facts = list(run_facts(json.decode(encode_json(run)), utc=True))
    assert ("crashes", 4) in facts
    place = facts.index(("traceback", "work (w.py:1)"))
    assert facts[place + 1] == ("", "cut (w.py:2)")


def test_wait_ends_when_the_run_is_stopped(
    callboard: Callboard, make_job: Make, run_process: Run, service: ServiceProcess
) -> None:
    job = make_job("echo begun; exec sleep 60")
    waiting = run_process("start", job, "--wait", env={"CALLBOARD_URL": service.url})
    waiting.wait_for(lambda program: "begun" in program.out)
    (run,) = callboard("runs", "list", "--job", job, "--state", "running", "--json").value["items"]
    stopped = callboard("runs", "stop", str(run["id"]), "--grace-s", "0.1", "--json")
    assert stopped.value["state"] in ("stopping", "stopped")
    assert waiting.wait() == 1
    assert "stopped in" in waiting.err


def test_a_unique_key_gives_the_run_that_lives(callboard: Callboard, make_job: Make) -> None:
    job = make_job("exec sleep 60")
    words = ("start", job, "--unique-key", job, "--json")
    first, second = callboard(*words).value, callboard(*words).value
    assert first["id"] == second["id"]
    assert callboard("stop", str(first["id"]), "--kill").code == 0


def test_an_idempotency_key_starts_it_once(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    words = ("start", job, "--idempotency-key", job, "--json")
    first, second = callboard(*words).value, callboard(*words).value
    assert first["id"] == second["id"]


def test_due_at_is_kept(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    run = callboard("start", job, "--due-at", "2099-01-01T00:00:00Z", "--json").value
    assert (run["state"], run["due_at"]) == ("queued", "2099-01-01T00:00:00Z")
    assert callboard("stop", str(run["id"]), "--json").value["state"] == "stopped"


def test_priority_is_the_runs(callboard: Callboard, make_job: Make) -> None:
    assert callboard("start", make_job(), "--priority", "7", "--json").value["priority"] == 7


def test_an_argument_given_as_a_text_says_how_to_give_another(
    callboard: Callboard, name: str
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    job = {"name": name, "kind": "command", "spec": {"argv": ["true"]}, "parameters": schema}
    callboard("jobs", "create", "-", stdin=json.encode(job).decode())
    refused = callboard("start", name, "--arg", "n=3")
    assert refused.code == 2
    assert "arguments.n: is not an integer (--arg gives a text: --arg-json n=JSON)" in refused.err


def test_the_log_is_divided_as_the_run_wrote_it(callboard: Callboard, make_job: Make) -> None:
    job = make_job("echo one; echo two >&2")
    run_id = str(callboard("start", job, "--wait", "--json").value["id"])
    log = callboard("runs", "log", run_id)
    assert (log.out, log.err) == ("one\n", "two\n")
    page = callboard("runs", "log", run_id, "--json").value
    assert {line["stream"]: line["text"] for line in page["items"]} == {
        "stdout": "one",
        "stderr": "two",
    }
    followed = callboard("runs", "log", run_id, "-f", "--json")
    assert followed.out.count("\n") == 2
    tailed = callboard("tail", run_id)
    assert tailed.out == "one\n"
    assert f"run {run_id} succeeded" in tailed.err


def test_filters_of_the_list(callboard: Callboard, make_job: Make) -> None:
    job = make_job("exit 1")
    run = callboard("start", job, "--wait", "--json").value
    words = ("runs", "list", "--job", job, "--json")
    assert len(callboard(*words, "--state", "failed").value["items"]) == 1
    assert callboard(*words, "--state", "succeeded").value["items"] == []
    assert callboard(*words, "--from", "2099-01-01T00:00:00Z").value["items"] == []
    assert len(callboard(*words, "--chain", str(run["id"])).value["items"]) == 1
    assert callboard("runs", "list", "--state", "asleep").code == 2
    (_, row) = callboard("runs", "list", "--job", job).out.splitlines()
    assert row.split()[:4] == [str(run["id"]), job, "-", "failed"]
    assert row.endswith("exit code 1")


def test_older_runs_are_reached_by_the_cursor(callboard: Callboard, make_job: Make) -> None:
    job = make_job()
    ids = [callboard("start", job, "--json").value["id"] for _ in range(3)]
    words = ("runs", "list", "--job", job, "--limit", "2")
    first = callboard(*words, "--json").value
    rest = callboard(*words, "--json", "--cursor", first["next_cursor"]).value
    shown = [run["id"] for run in (*first["items"], *rest["items"])]
    assert shown == sorted(ids, reverse=True)
    assert "--cursor " in callboard(*words).err


def test_retry_and_abandon(callboard: Callboard, make_job: Make) -> None:
    job = make_job("exit 1")
    run = callboard("start", job, "--wait", "--json").value
    again = callboard("runs", "retry", str(run["id"]), "--json").value
    assert (again["previous_run_id"], again["attempt"]) == (run["id"], 2)
    given_up = callboard("runs", "abandon", str(run["id"]), "--json")
    assert given_up.value["state"] == "abandoned"
    assert callboard("runs", "abandon", str(run["id"])).code == 3


def test_an_id_that_is_none_is_usage(local: Callboard) -> None:
    assert local("runs", "get", "abc").code == 2
    assert local("stop", "0").code == 2


EVIL = r"printf 'tick \033[31mred\033[0m \033[2J\n'; echo tock 100%"


def test_what_a_run_wrote_is_harmless_unless_it_is_wanted_raw(
    callboard: Callboard, make_job: Make
) -> None:
    """A11."""
    job = make_job(EVIL)
    started = callboard("start", job, "--wait")
    assert started.out == "tick red \\x1b[2J\ntock 100%\n"
    (run,) = callboard("runs", "list", "--job", job, "--json").value["items"]
    assert callboard("log", str(run["id"])).out == started.out
    raw = callboard("log", str(run["id"]), "--raw")
    assert raw.out == "tick \x1b[31mred\x1b[0m \x1b[2J\ntock 100%\n"


def test_a_log_is_searched(callboard: Callboard, make_job: Make) -> None:
    job = make_job("echo Tick 1; echo tock 10% >&2; echo tick 2")
    run = callboard("start", job, "--json", "--wait").value
    words = ("log", str(run["id"]), "--search")
    assert callboard(*words, "TICK").out == "Tick 1\ntick 2\n"
    assert callboard(*words, "tick", "--follow").out == "Tick 1\ntick 2\n"
    percent = callboard(*words, "%", "--stream", "stderr")
    assert (percent.out, percent.err) == ("", "tock 10%\n")
    assert callboard("log", str(run["id"]), "--level", "warning").out == ""
