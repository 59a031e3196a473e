"""What programs may do to their streams: nothing of it harms the node or the run's end (R05)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from callboard.domain.states import RunState
from callboard.runners.log import LIMIT_BYTES, MAX_LINE_CHARACTERS
from runners.rig import Rig, command_job, open_rig


async def test_escapes_and_markup_are_kept_as_they_are(rig: Rig) -> None:
    """Whoever shows a log makes it harmless there; the log itself is what was said."""
    shell = r"printf '\033[31mred\033[0m \007 <script>alert(1)</script> \r\n'"
    _, attempt = await rig.execute(command_job(shell=shell))
    assert attempt.texts() == ["\x1b[31mred\x1b[0m \x07 <script>alert(1)</script> "]


async def test_a_line_of_10_mb_is_cut_and_its_rest_counted(rig: Rig) -> None:
    job = command_job(shell="head -c 10000000 /dev/zero | tr '\\0' x")
    outcome, attempt = await rig.execute(job)
    assert outcome.state is RunState.SUCCEEDED
    texts = attempt.texts("stdout")
    assert {len(text) for text in texts} == {MAX_LINE_CHARACTERS}
    dropped = int(attempt.texts("log")[-1].split()[1])
    assert dropped == pytest.approx(10_000_000 - sum(map(len, texts)), abs=10)


async def test_binary_garbage_is_text_that_can_be_stored(rig: Rig) -> None:
    _, attempt = await rig.execute(command_job(shell="head -c 300000 /dev/urandom"))
    text = "\n".join(attempt.texts())
    assert "\x00" not in text
    text.encode()


async def test_garbage_on_stderr_makes_a_message_that_can_be_stored(rig: Rig) -> None:
    code = "import os; os.write(2, bytes(range(256)) * 20); os._exit(1)"
    outcome, _ = await rig.execute(command_job(sys.executable, "-c", code))
    assert outcome.error is not None
    assert "\x00" not in outcome.error.message
    outcome.error.message.encode()


async def test_a_program_may_close_its_streams_and_go_on(rig: Rig) -> None:
    outcome, attempt = await rig.execute(command_job(shell="echo out; exec >&- 2>&-; sleep 0.1"))
    assert (outcome.state, attempt.texts()) == (RunState.SUCCEEDED, ["out"])


async def test_stdin_that_is_never_read_holds_nothing_up(rig: Rig) -> None:
    outcome, _ = await rig.execute(command_job("sleep", "0.1", stdin="x" * 5_000_000))
    assert outcome.state is RunState.SUCCEEDED


@pytest.mark.slow
async def test_a_gigabyte_of_output_leaves_memory_flat() -> None:
    async with open_rig() as rig:
        await rig.execute(command_job(shell="yes | head -c 10000000"))
        before = resident_bytes()
        job = command_job(shell="yes 0123456789 | head -c 1000000000; head -c 50000000 /dev/zero")
        outcome, attempt = await rig.execute(job)
        assert outcome.state is RunState.SUCCEEDED
        assert sum(map(len, attempt.texts())) <= LIMIT_BYTES + 1000
        assert resident_bytes() - before < 50_000_000


def resident_bytes() -> int:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
