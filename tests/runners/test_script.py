"""Scripts: fetched from wherever they are, run by an interpreter, with arguments as words."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from callboard.clock import SystemClock
from callboard.domain.egress import Egress
from callboard.domain.json import Json
from callboard.domain.run import RunError, StopMode
from callboard.domain.states import RunState
from callboard.runners import script_source
from callboard.runners.contract import Outcome, Runners
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.program_host import ProgramHost
from callboard.runners.script import ScriptRunner, argument_words
from runners.rig import Rig, eventually, make_run, script_job

SHOW = "import json, sys; print(json.dumps(sys.argv[1:]))"


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "the script.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


Write = Callable[..., str]


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A server with `/script.py`, `/moved` (to it), `/huge` and `/slow`."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1000)
        return web.Response()

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/script.py")

    async def good(_: web.Request) -> web.Response:
        return web.Response(text=SHOW)

    async def huge(_: web.Request) -> web.Response:
        return web.Response(body=b"#" * (script_source.MAX_BYTES + 1))

    app = web.Application()
    app.router.add_get("/script.py", good)
    app.router.add_get("/moved", moved)
    app.router.add_get("/huge", huge)
    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_it_is_run_by_this_python_with_the_arguments_as_words(rig: Rig, write: Write) -> None:
    arguments: dict[str, Json] = {"day": "2026-01-01", "count": 3, "dry": True, "no": None}
    job = script_job(write(SHOW), arguments=["load", "--verbose"])
    outcome, attempt = await rig.execute(job, arguments)
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, {"exit_code": 0})
    assert json.loads(attempt.texts()[0]) == [
        "load", "--verbose", "--count", "3", "--day", "2026-01-01", "--dry", "true", "--no", "null",
    ]  # fmt: skip


def test_values_are_words_as_they_are_and_json_otherwise() -> None:
    arguments: dict[str, Json] = {"b": [1, {"x": "č"}], "a": 'it\'s "so"; rm', "--c": 1.5}
    assert argument_words(arguments) == (
        "--c", "1.5", "--a", 'it\'s "so"; rm', "--b", '[1,{"x":"č"}]',
    )  # fmt: skip


async def test_the_interpreter_may_be_another_one(rig: Rig, write: Write) -> None:
    path = write('echo "$0" "$@"', "hello.sh")
    for interpreter in ("sh", ["sh", "-e"]):
        job = script_job(path, interpreter=interpreter)
        _, attempt = await rig.execute(job, {"name": "a b"})
        assert attempt.texts() == [f"{path} --name a b"]


async def test_a_path_can_import_what_lies_beside_it(rig: Rig, write: Write) -> None:
    write("WORD = 'from beside'", "beside.py")
    _, attempt = await rig.execute(script_job(write("import beside; print(beside.WORD)")))
    assert attempt.texts() == ["from beside"]


async def test_a_relative_path_begins_at_the_working_directory(
    rig: Rig, write: Write, tmp_path: Path
) -> None:
    write("import os; print(os.getcwd())", "here.py")
    _, attempt = await rig.execute(script_job("here.py", cwd=str(tmp_path)))
    assert attempt.texts() == [str(tmp_path)]


async def test_a_file_url_is_run_as_a_copy_that_is_removed(rig: Rig, write: Write) -> None:
    path = write("print(__file__)", "copied.py")
    _, attempt = await rig.execute(script_job(f"file://{path}"))
    copy = Path(attempt.texts()[0])
    assert copy.name == "copied.py"
    assert str(copy) != path
    assert not copy.parent.exists()


async def test_the_copy_and_its_directory_are_for_nobody_else(rig: Rig, write: Write) -> None:
    code = (
        "import os, pathlib; here = pathlib.Path(__file__).parent\n"
        "print(*[oct(p.stat().st_mode & 0o777) for p in (here, here.parent)])"
    )
    _, attempt = await rig.execute(script_job(f"file://{write(code, 'a.py')}"))
    assert attempt.texts() == ["0o700 0o700"]


async def test_a_script_of_a_storage_is_fetched_by_fsspec(rig: Rig) -> None:
    import fsspec

    with fsspec.open("memory://etl/load.py", "w") as file:
        file.write(SHOW)
    _, attempt = await rig.execute(script_job("memory://etl/load.py"), {"a": 1})
    assert attempt.texts() == ['["--a", "1"]']


async def test_a_script_of_the_web_is_fetched_where_the_guard_lets_it(rig: Rig, site: str) -> None:
    for path in ("script.py", "moved"):
        _, attempt = await rig.execute(script_job(f"{site}/{path}"), {"a": 1})
        assert attempt.texts() == ['["--a", "1"]']


async def test_the_egress_guard_holds_for_scripts_too(site: str) -> None:
    """A08."""
    host = ProgramHost(clock=SystemClock(), environ=os.environ)
    runners = Runners([ScriptRunner(host, egress=Egress())])
    guarded = Rig(runners, HandlerRegistry(), SystemClock())
    error = failure((await guarded.execute(script_job(f"{site}/script.py")))[0])
    runners.close()
    assert error.type == "ScriptNotFetched"
    assert "127.0.0.1" in error.message


@pytest.mark.parametrize(
    ("path", "words"), [("missing", "the answer is 404"), ("huge", "the limit of a script")]
)
async def test_what_the_web_does_not_have_is_told(
    rig: Rig, site: str, path: str, words: str
) -> None:
    error = failure((await rig.execute(script_job(f"{site}/{path}")))[0])
    assert error.type == "ScriptNotFetched"
    assert words in error.message


async def test_a_stop_ends_the_fetching(rig: Rig, site: str) -> None:
    attempt = rig.begin(script_job(f"{site}/slow"))
    await asyncio.sleep(0)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_a_timeout_ends_the_fetching(rig: Rig, site: str) -> None:
    outcome, _ = await rig.execute(script_job(f"{site}/slow", timeout_s=0.1))
    assert outcome.state is RunState.TIMED_OUT


async def test_fetching_has_a_time_of_its_own(
    rig: Rig, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callboard.runners.script.FETCH_S", 0.05)
    error = failure((await rig.execute(script_job(f"{site}/slow")))[0])
    assert error.message == "fetching the script took longer than 0.05 s"


async def test_the_digest_is_checked(rig: Rig, write: Write) -> None:
    path = write(SHOW)
    right = hashlib.sha256(SHOW.encode()).hexdigest()
    good, _ = await rig.execute(script_job(path, sha256=right.upper()))
    assert good.state is RunState.SUCCEEDED
    error = failure((await rig.execute(script_job(path, sha256="0" * 64)))[0])
    assert (error.type, error.exit_code) == ("ScriptNotFetched", None)
    assert f"its SHA-256 is {right}, not the one of the job" in error.message


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/no/such/script.py", "there is no such file"),
        ("file:/no/such/script.py", "No such file"),
        ("file://localhost/dev/zero", "not a regular file"),
        ("memory://no/such/script.py", "memory://no/such/script.py"),
    ],
)
async def test_a_script_that_is_not_there_fails_with_the_reason(
    rig: Rig, location: str, words: str
) -> None:
    error = failure((await rig.execute(script_job(location)))[0])
    assert error.type == "ScriptNotFetched"
    assert words in error.message


async def test_an_interpreter_that_is_not_there_is_told(rig: Rig, write: Write) -> None:
    error = failure((await rig.execute(script_job(write(SHOW), interpreter="no-such")))[0])
    assert error.type == "CommandNotStarted"
    assert "no program 'no-such'" in error.message


async def test_without_the_extra_the_run_is_parked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    outcome, _ = await rig.execute(script_job("s3://bucket/load.py"))
    assert outcome.state is RunState.PARKED
    assert outcome.error is not None
    assert outcome.error.type == "MissingExtra"
    assert "install callboard[scripts]" in outcome.error.message


async def test_without_the_package_of_its_storage_the_run_says_which(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    outcome, _ = await rig.execute(script_job("s3://bucket/load.py"))
    error = outcome.error
    assert error is not None
    assert error.type == "MissingExtra"
    assert error.message.endswith("what fetches it: Install s3fs to access S3")


async def test_arguments_beyond_what_the_system_takes_are_told(rig: Rig, write: Write) -> None:
    error = failure((await rig.execute(script_job(write(SHOW)), {"text": "x" * 200_000}))[0])
    assert error.type == "CommandNotStarted"
    assert "hand it over by stdin or by a file" in error.message


async def test_it_has_limits_environment_and_an_end_as_commands_have(
    rig: Rig, write: Write
) -> None:
    code = "import os; print(os.environ['OWN']); x = bytearray(300_000_000)"
    job = script_job(write(code), env={"OWN": "yes"}, limits={"memory_mb": 100})
    outcome, attempt = await rig.execute(job)
    assert "its limit of 100 MB of memory may be the reason" in failure(outcome).message
    assert attempt.texts("stdout") == ["yes"]


async def test_a_stop_ends_it_and_its_children(rig: Rig, write: Write) -> None:
    path = write("sleep 1000 & echo $!; wait", "wait.sh")
    attempt = rig.begin(script_job(path, interpreter="sh"), make_run())
    await attempt.printed("")
    attempt.control.request_stop(StopMode.KILL, 0)
    assert (await attempt.outcome()).state is RunState.STOPPED
    child = attempt.texts()[0]
    await eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
