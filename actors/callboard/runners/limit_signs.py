"""By what signs a program that ended badly shows which of its limits it met."""

from __future__ import annotations

import re
import signal
from typing import Final

from callboard.domain.spec_limits import ResourceLimits

_NO_MEMORY: Final = re.compile(
    r"MemoryError|bad_alloc|[Oo]ut of memory|OutOfMemory|[Cc]annot allocate memory|ENOMEM"
    r"|Not enough space"
)
_NO_FILES: Final = re.compile(r"Too many open files|EMFILE")
_NO_FORK: Final = re.compile(
    r"Resource temporarily unavailable|EAGAIN|can't start new thread|[Cc]annot fork"
)
_NO_SPACE: Final = re.compile(r"File too large|EFBIG|[Ff]ile size limit")
_CRASHES: Final = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)


def limit_error(limits: ResourceLimits | None, code: int) -> tuple[str, str] | None:
    """The error's type and words, where the end shows for certain that it was a limit.

    Args:
        code: as a process's return code: negative for a signal; 128 + signal is a shell's word
            for a child of it that a signal killed.
    """
    if limits is None:
        return None
    number = _signal_of(code)
    if number == signal.SIGXCPU and limits.cpu_s is not None:
        return "CpuLimit", f"a process used up the {limits.cpu_s} s of processor time of its limit"
    if number == signal.SIGXFSZ and limits.file_mb is not None:
        return "FileLimit", f"it wrote a file beyond its limit of {limits.file_mb} MB"
    return None


def limit_hint(limits: ResourceLimits | None, code: int, said: str) -> str:
    """Words on what may have been the reason; empty when nothing points to a limit.

    Args:
        said: the end of its stderr.
    """
    if limits is None:
        return ""
    number = _signal_of(code)
    memory = limits.memory_mb is not None and (_NO_MEMORY.search(said) or number in _CRASHES)
    if memory:
        return f"its limit of {limits.memory_mb} MB of memory may be the reason"
    if limits.open_files is not None and _NO_FILES.search(said):
        return f"its limit of {limits.open_files} open files may be the reason"
    if limits.file_mb is not None and _NO_SPACE.search(said):
        return f"its limit of {limits.file_mb} MB a file may be the reason"
    if limits.processes is not None and _NO_FORK.search(said):
        return f"its limit of {limits.processes} processes may be the reason"
    if limits.cpu_s is not None and number == signal.SIGKILL:
        return f"its limit of {limits.cpu_s} s of processor time may be the reason"
    return ""


def process_limit_words(count: int, limit: int) -> str:
    """What is said of a run that had too many processes."""
    return f"it had {count} processes, its limit is {limit}: all of them were killed"


def _signal_of(code: int) -> int:
    return -code if code < 0 else code - 128
