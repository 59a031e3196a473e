"""What the examples beside this folder run: an AWS Glue script in plain Python.

It is called as Glue calls one, `hello.py --JOB_NAME greet --name world`, prints a greeting and
leaves a result, which Callboard keeps with the run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--JOB_NAME", required=True)
    parser.add_argument("--name", default="world")
    # As Glue's getResolvedOptions, it leaves alone what others are to read.
    arguments, others = parser.parse_known_args(argv)
    print(f"{arguments.JOB_NAME}: hello, {arguments.name}")
    if path := os.environ.get("CALLBOARD_RESULT_FILE"):
        Path(path).write_text(json.dumps({"greeted": arguments.name, "others": others}))


if __name__ == "__main__":
    main(sys.argv[1:])
