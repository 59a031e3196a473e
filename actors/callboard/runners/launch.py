"""Sets resource limits on itself and becomes another program: `launch.py cpu=5:10 ... -- argv`.

For systems without util-linux's `prlimit`. Started as a file by an isolated Python, so it imports
nothing but the standard library and needs no search path.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping, Sequence

RESOURCES = {
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "nofile": resource.RLIMIT_NOFILE,
    "fsize": resource.RLIMIT_FSIZE,
    "nproc": resource.RLIMIT_NPROC,
}
"""By the names that `prlimit` has for them."""
NOT_STARTED = 126


def set_bounds(bounds: Mapping[str, tuple[int, int]]) -> None:
    """Set them (soft, hard) for this process and what it will start."""
    for name, bound in bounds.items():
        resource.setrlimit(RESOURCES[name], bound)


def main(words: Sequence[str]) -> None:
    """Does not return when the program could be started."""
    end = words.index("--")
    bounds = {}
    for word in words[:end]:
        name, _, bound = word.partition("=")
        soft, _, hard = bound.partition(":")
        bounds[name] = (int(soft), int(hard))
    argv = list(words[end + 1 :])
    try:
        set_bounds(bounds)
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv[1:])
