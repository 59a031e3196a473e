"""Python handlers in worker processes: beyond the contract of all runners."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from callboard import BoardConfig, Callboard, EnvSecrets
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import StopMode
from callboard.domain.states import RunState
from runners import process_work
from runners.process_rig import call, failure, groups, is_there, job, parked, result, rig_with
from runners.rig import TRACE_ID, Rig, eventually, make_run, open_rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

MB = 1_048_576


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    """One for all tests: what one of them does to its worker must not harm the next."""
    async with open_rig() as rig:
        yield rig


# what a handler has there


async def test_a_worker_is_another_process_and_serves_many_runs(rig: Rig) -> None:
    pids = {await result(rig, "pid") for _ in range(3)}
    pids.add(await result(rig, "pid_later"))
    assert len(pids) == 1
    assert os.getpid() not in pids


async def test_runs_beside_each_other_have_workers_of_their_own(rig: Rig) -> None:
    attempts = [rig.begin(job("wait_for_stop"), make_run(id=number)) for number in (1, 2)]
    for attempt in attempts:
        await attempt.printed("begun")
    pids = {group for group in groups(rig) if is_there(group)}
    for attempt in attempts:
        attempt.control.request_stop(StopMode.COOPERATIVE, 30)
        assert (await attempt.outcome()).result == "asked"
    assert len(pids) >= 2


async def test_it_knows_its_run(rig: Rig) -> None:
    run = make_run({"name": "x"}, id=77, attempt=3, group="shop")
    outcome = await rig.begin(job("facts"), run).outcome()
    assert outcome.result == [77, "a-job", "shop", 3, "None", TRACE_ID, "x"]


@pytest.mark.parametrize(
    "value",
    [None, 2**63 - 1, -(2**63), 0.1, 1e300, "č \u2028 \U0001f600", {"": [[], {"a": None}]}],
)
async def test_values_pass_unchanged_there_and_back(rig: Rig, value: Json) -> None:
    assert await result(rig, "echo", value=value) == value


@pytest.mark.parametrize("where", ["value", "key", "error"])
async def test_text_that_is_none_fails_the_run_alone(rig: Rig, where: str) -> None:
    before = await result(rig, "pid")
    error = failure(await call(rig, "half_of_a_pair", where=where))
    assert error.type == ("ValueError" if where == "error" else "ResultNotJson")
    assert await result(rig, "pid") == before


async def test_arguments_of_a_megabyte_pass(rig: Rig) -> None:
    text = "x" * 1_000_000
    assert await result(rig, "echo", value=text) == text


async def test_arguments_that_do_not_fit_park_the_run(rig: Rig) -> None:
    assert "no parameter 'size'" in parked(await call(rig, "typed", size=1))


async def test_levels_fields_and_progress_arrive(rig: Rig) -> None:
    attempt = rig.begin(job("log_with_levels"))
    await attempt.outcome()
    lines = [(line.level, line.text, line.fields) for line in attempt.lines]
    assert lines == [("ERROR", "an error", None), ("DEBUG", "a detail", {"rows": 3})]


async def test_output_past_python_is_logged(rig: Rig) -> None:
    attempt = rig.begin(job("output_of_all_kinds"))
    await attempt.outcome()
    assert attempt.texts("stdout")[0] == "print"
    assert sorted(attempt.texts("stdout")[1:]) == ["child", "descriptor", "libc 7"]
    assert attempt.texts("stderr") == ["stderr"]


async def test_invalid_text_is_replaced(rig: Rig) -> None:
    """A11."""
    attempt = rig.begin(job("invalid_utf8"))
    await attempt.outcome()
    assert sorted(attempt.texts()) == ["a\ufffdb", "half of a pair: \ufffd"]


async def test_a_flood_past_python_is_cut(rig: Rig) -> None:
    """R05."""
    attempt = rig.begin(job("flood_descriptor"))
    assert (await attempt.outcome()).state is RunState.SUCCEEDED
    *kept, last = attempt.texts()
    kept_bytes = sum(len(text) + 1 for text in kept)
    assert kept_bytes <= MB
    assert f"{22_000_000 - kept_bytes} bytes" in last


async def test_output_of_its_threads_is_logged(rig: Rig) -> None:
    attempt = rig.begin(job("start_thread_that_prints"))
    await attempt.outcome()
    assert attempt.texts() == ["from a thread"]


async def test_it_gets_the_nodes_variables_but_callboards_own() -> None:
    """The node's DSN and its secrets are no business of a handler and its children."""
    environ = {**os.environ, "SHOP": "open", "CALLBOARD_DSN": "postgresql://u:p@h/d"}
    async with rig_with(environ=environ) as rig:
        seen = await result(rig, "environment")
    assert seen["SHOP"] == "open"
    assert [name for name in seen if name.startswith("CALLBOARD_")] == ["CALLBOARD_EXECUTION"]
    assert seen.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


async def test_a_secret_reaches_a_worker_and_nobody_else() -> None:
    """G41, A10."""
    secrets = {"env": EnvSecrets({"CALLBOARD_SECRET_KEY": "hunter2-hunter2"})}
    async with Callboard("memory:", config=BoardConfig(drain_s=0), secrets=secrets) as board:
        await board.define(process_work.tell_everywhere, name="tell", isolation="process")
        handle = await board.start("tell", {"secret": {"$secret": "env:KEY"}})
        run = await handle.wait(20)
        log = await board.read_log(handle.id)
    assert run.result == {"secret": "***", "length": 15}
    assert "hunter2" not in f"{run} {log}"
    assert str(log).count("***") == 3


# which handler


@pytest.mark.parametrize("name", ["Shop.open", "Shop.name"])
async def test_a_method_may_be_a_handler(rig: Rig, name: str) -> None:
    assert await result(rig, f"runners.process_work:{name}") in ("open", "Shop")


async def test_a_registered_function_of_a_module_is_found(rig: Rig) -> None:
    rig.registry.register("process-id", process_work.pid)
    outcome, _ = await rig.execute(
        Job(
            name="a-job",
            kind="python",
            spec={"handler": "process-id", "isolation": "process"},
        )
    )
    assert outcome.result != os.getpid()


def _in_main() -> None: ...


_in_main.__module__ = "__main__"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: None, "within a function"),
        (_in_main, "main module"),
        (process_work.Shop(), "it is a Shop"),
    ],
)
async def test_what_a_worker_cannot_import_is_parked_with_the_reason(
    rig: Rig, function: Any, words: str
) -> None:
    name = f"local-{len(rig.registry.names)}"
    rig.registry.register(name, function)
    outcome, _ = await rig.execute(
        Job(name="a-job", kind="python", spec={"handler": name, "isolation": "process"})
    )
    assert words in parked(outcome)
    assert "module:function" in parked(outcome)


async def test_only_allowed_modules_are_imported() -> None:
    async with rig_with(modules=("runners.process_work",)) as rig:
        refusal = parked(await call(rig, "os:getpid"))
        assert "not among those that this node may import" in refusal
        assert await result(rig, "pid") > 0


async def test_what_a_worker_imports_the_node_does_not(rig: Rig) -> None:
    sys.modules.pop("this", None)
    outcome = await call(rig, "this:nope")
    assert "there is no 'nope' in 'this'" in parked(outcome)
    assert "this" not in sys.modules


# ends


@pytest.mark.parametrize(
    ("how", "words", "code"),
    [
        ("exit", "exit code 0", 0),
        ("segv", "SIGSEGV (11)", 139),
    ],
)
async def test_a_handler_that_ends_its_worker_fails(
    rig: Rig, how: str, words: str, code: int
) -> None:
    """R02: the attempt counts, the error says how, the service goes on."""
    attempt = rig.begin(job("die"), make_run({"how": how}))
    error = failure(await attempt.outcome())
    assert (error.type, error.exit_code) == ("WorkerDied", code)
    assert words in error.message
    assert attempt.texts("stdout") == ["last words"]
    assert await result(rig, "pid") > 0


async def test_memory_beyond_its_limit_fails_the_run(rig: Rig) -> None:
    """G15: the worker itself does not count, and is not used again."""
    before = await result(rig, "pid")
    limited = job("use_memory", limits={"memory_mb": 100})
    outcome, _ = await rig.execute(limited, {"mb": 300})
    assert failure(outcome).type == "MemoryError"
    assert await result(rig, "pid") != before


async def test_memory_within_its_limit_may_be_used(rig: Rig) -> None:
    outcome, _ = await rig.execute(job("use_memory", limits={"memory_mb": 100}), {"mb": 50})
    assert outcome.result == 50_000_000


@pytest.mark.slow
async def test_processor_time_beyond_its_limit_kills_it(rig: Rig) -> None:
    error = failure((await rig.execute(job("spin", limits={"cpu_s": 1})))[0])
    assert error.type == "CpuLimit"


async def test_files_beyond_its_limit_cannot_be_opened(rig: Rig) -> None:
    """The limit ends with its run."""
    error = failure((await rig.execute(job("open_files", limits={"open_files": 50})))[0])
    assert "Too many open files" in error.message
    assert await result(rig, "bounds") == list(resource.getrlimit(resource.RLIMIT_NOFILE))


async def test_more_processes_than_its_limit_are_killed(rig: Rig) -> None:
    """A fork bomb under limits."""
    attempt = rig.begin(job("start_children", limits={"processes": 5}), make_run({"count": 20}))
    error = failure(await attempt.outcome())
    assert error.type == "ProcessLimit"
    pids = [int(text) for text in attempt.texts()]
    assert not any(map(is_there, pids))
    assert await result(rig, "pid") > 0


async def test_a_kill_reaches_what_left_its_group(rig: Rig) -> None:
    attempt = rig.begin(job("start_daemon"))
    await attempt.printed("daemon")
    daemon = int(attempt.texts()[0].split()[1])
    assert is_there(daemon)
    attempt.control.request_stop(StopMode.KILL, 0)
    await attempt.outcome()
    assert not is_there(daemon)


async def test_children_that_are_left_are_killed_with_the_worker(rig: Rig) -> None:
    """A09."""
    before = await result(rig, "pid")
    child = await result(rig, "leave_child")
    await eventually(lambda: not is_there(child) and not is_there(before))
    assert await result(rig, "pid") != before


async def test_a_fork_that_returns_is_not_the_run(rig: Rig) -> None:
    attempt = rig.begin(job("fork"))
    assert (await attempt.outcome()).result == "from the parent"
    assert attempt.texts() == ["in the child"]
    assert await result(rig, "pid") > 0


async def test_a_stop_while_its_module_is_imported_ends_it(rig: Rig) -> None:
    attempt = rig.begin(job("runners.slow_import:load"))
    await asyncio.sleep(0)
    attempt.control.request_stop(StopMode.COOPERATIVE, 0.1)
    assert (await attempt.outcome()).state is RunState.STOPPED
    assert rig.runners.stuck == 0


async def test_a_line_of_a_gigabyte_to_the_node_kills_the_worker(rig: Rig) -> None:
    """R05: memory stays bounded; nothing else is harmed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    arguments: dict[str, Json] = {"data": "x" * MB, "times": 1024}
    attempt = rig.begin(job("write_line"), make_run(arguments))
    error = failure(await attempt.outcome())
    assert error.type == "WorkerMisbehaved"
    assert "longer than" in error.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
    assert await result(rig, "pid") > 0


async def test_nonsense_to_the_node_kills_the_worker(rig: Rig) -> None:
    line = '{"type": "ended", "state": "running"}\n'
    error = failure(await call(rig, "write_line", data=line))
    assert error.type == "WorkerMisbehaved"
    assert "an end that cannot be" in error.message
