"""Scripts of Glue jobs, as they are run: where they may be, and what they are given."""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callboard.domain.run import NewRun
from service.cli.processes import ServiceProcess
from support.glue import ROLE, glue_client, wait_for

Fresh = Callable[[str], str]
Script = Callable[..., str]
MakeJob = Callable[..., str]
Ran = Callable[..., tuple[dict[str, Any], list[str]]]

SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"
OVER = ("succeeded", "failed", "timed_out", "stopped", "parked")
RESOLVE = """
    import argparse, json, sys

    def resolved(argv, names):
        \"\"\"What awsglue.utils.getResolvedOptions does of it.\"\"\"
        parser = argparse.ArgumentParser()
        for reserved in ("--job-bookmark-option", "--JOB_ID", "--JOB_RUN_ID", "--TempDir"):
            parser.add_argument(reserved, required=False)
        for name in names:
            parser.add_argument("--" + name, required=True)
        known, _ = parser.parse_known_args(argv[1:])
        return vars(known)

    print(json.dumps(resolved(sys.argv, ["JOB_NAME", "source", "day"])))
"""


def ask(url: str, group: str, path: str, body: Any = None, **query: Any) -> Any:
    """The answer of the native API."""
    asked = urllib.parse.urlencode({"group": group, **query} if path.startswith("jobs") else query)
    request = urllib.request.Request(
        f"{url}/v1/{path}?{asked}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def run_of(url: str, group: str, job: str, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    """A run that is over, and the lines that it wrote."""
    path = f"jobs/{urllib.parse.quote(job, safe='')}/runs"
    run_id = ask(url, group, path, {"arguments": arguments})["id"]

    def probe() -> dict[str, Any] | None:
        run: dict[str, Any] = ask(url, group, f"runs/{run_id}")
        return run if run["state"] in OVER else None

    run = wait_for(probe, f"run {run_id}")
    assert run is not None
    lines = ask(url, group, f"runs/{run_id}/log")["items"]
    return run, [line["text"] for line in lines if line["stream"] == "stdout"]


@pytest.fixture
def ran(glue_service: ServiceProcess, group: str) -> Ran:
    """Run one of the group's jobs by the native API: ran("job", **arguments)."""
    return lambda job, **arguments: run_of(glue_service.url, group, job, **arguments)


def test_a_script_is_given_the_jobs_name_first_and_then_its_arguments(
    make_job: MakeJob, ran: Ran
) -> None:
    name = make_job(
        SHOW,
        name="nightly load / č",
        DefaultArguments={"--source": "orders", "--empty": "", "plain": "no dashes"},
        NonOverridableArguments={"--stage": "production"},
    )
    run, lines = ran(name, **{"--day": 'friday\'s "best"; rm'})
    assert run["state"] == "succeeded"
    words = json.loads(lines[0])
    assert words[:2] == ["--JOB_NAME", "nightly load / č"]
    assert dict(zip(words[2::2], words[3::2], strict=True)) == {
        "--source": "orders",
        "--empty": "",
        "--plain": "no dashes",
        "--stage": "production",
        "--day": 'friday\'s "best"; rm',
    }


def test_options_are_resolved_as_by_awsglue(make_job: MakeJob, ran: Ran) -> None:
    name = make_job(
        RESOLVE,
        DefaultArguments={
            "--source": "orders",
            "--job-language": "python",
            "--TempDir": "s3://bucket/tmp",
            "--enable-metrics": "true",
            "--job-bookmark-option": "job-bookmark-enable",
        },
    )
    _, lines = ran(name, **{"--day": "friday"})
    options = json.loads(lines[0])
    assert options["JOB_NAME"] == name
    assert (options["source"], options["day"]) == ("orders", "friday")
    assert options["job_bookmark_option"] == "job-bookmark-enable"


def test_glues_own_arguments_are_passed_on_as_they_are(make_job: MakeJob, ran: Ran) -> None:
    special = {
        "--extra-py-files": "s3://bucket/a.zip",
        "--additional-python-modules": "pandas==2.2",
        "--enable-continuous-cloudwatch-log": "true",
        "--conf": "spark.a=b --conf spark.c=d",
    }
    _, lines = ran(make_job(SHOW, DefaultArguments=special))
    words = json.loads(lines[0])[2:]
    assert dict(zip(words[::2], words[1::2], strict=True)) == special


@pytest.mark.parametrize("command", ["pythonshell", "glueetl"])
def test_both_commands_run_a_plain_script_by_this_python(
    glue: Any, fresh: Fresh, script: Script, ran: Ran, command: str
) -> None:
    name = fresh("job")
    location = script("import sys; print(sys.executable)")
    glue.create_job(Name=name, Role=ROLE, Command={"Name": command, "ScriptLocation": location})
    run, lines = ran(name)
    assert (run["state"], lines) == ("succeeded", [sys.executable])


def test_a_path_may_be_relative_to_the_service(
    glue: Any, fresh: Fresh, ran: Ran, glue_service: ServiceProcess
) -> None:
    name = fresh("job")
    (glue_service.directory / f"{name}.py").write_text("print('from here')")
    command = {"Name": "pythonshell", "ScriptLocation": f"{name}.py"}
    glue.create_job(Name=name, Role=ROLE, Command=command)
    assert ran(name)[1] == ["from here"]


def test_a_file_url_is_run(glue: Any, fresh: Fresh, script: Script, ran: Ran) -> None:
    name = fresh("job")
    location = f"file://{script('print(1 + 1)')}"
    command = {"Name": "pythonshell", "ScriptLocation": location}
    glue.create_job(Name=name, Role=ROLE, Command=command)
    assert ran(name)[1] == ["2"]


def test_a_script_that_is_not_there_fails_its_run(make_job: MakeJob, ran: Ran) -> None:
    command = {"Name": "pythonshell", "ScriptLocation": "/nowhere/at/all.py"}
    run, _ = ran(make_job(Command=command))
    assert (run["state"], run["error"]["type"]) == ("failed", "ScriptNotFetched")
    assert "/nowhere/at/all.py" in run["error"]["message"]


def test_an_update_gives_the_next_run_another_script(
    glue: Any, make_job: MakeJob, script: Script, ran: Ran
) -> None:
    name = make_job("print('old')", DefaultArguments={"--a": "1"})
    assert ran(name)[1] == ["old"]
    command = {"Name": "pythonshell", "ScriptLocation": script(SHOW, "new.py")}
    glue.update_job(JobName=name, JobUpdate={"Role": ROLE, "Command": command})
    assert json.loads(ran(name)[1][0]) == ["--JOB_NAME", name]


async def test_a_script_of_s3_without_s3fs_is_parked_and_says_what_to_install(
    virtual_glue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    command = {"Name": "glueetl", "ScriptLocation": "s3://bucket/load.py"}
    await virtual_glue("create_job", Name="load", Role=ROLE, Command=command)
    (run,) = await virtual_glue.board.start_runs([NewRun(job="load", group=virtual_glue.group)])
    while run.state not in OVER:
        await virtual_glue.do(time.sleep, 0.01)  # a thread of the board's looks for it
        run = await virtual_glue.board.get_run(run.id)
    assert (run.state, run.error.type) == ("parked", "MissingExtra")
    assert "s3://bucket/load.py" in run.error.message
    assert "Install s3fs" in run.error.message


@pytest.fixture
def bucket() -> Any:
    """A bucket `scripts` of a server that speaks S3; its URL."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.slow
def test_a_script_of_s3_is_run(tmp_path: Path, bucket: str, group: str) -> None:
    import botocore.session

    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    s3 = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=bucket,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    s3.create_bucket(Bucket="scripts")
    s3.put_object(Bucket="scripts", Key="etl/load.py", Body=SHOW.encode())
    s3.close()
    env = {**keys, "AWS_ENDPOINT_URL": bucket, "AWS_DEFAULT_REGION": "us-east-1"}
    service = ServiceProcess(tmp_path, "memory:", env=env)
    client = glue_client(service.url, group)
    try:
        command = {"Name": "glueetl", "ScriptLocation": "s3://scripts/etl/load.py"}
        client.create_job(Name="load", Role=ROLE, Command=command)
        run, lines = run_of(service.url, group, "load", **{"--day": "friday"})
        assert run["state"] == "succeeded", run
        assert json.loads(lines[0]) == ["--JOB_NAME", "load", "--day", "friday"]
    finally:
        client.close()
        service.close()
