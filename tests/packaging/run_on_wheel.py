"""Runs the suite's core on the installed wheel, with the sources out of the way.

    python tests/packaging/run_on_wheel.py [pytest's arguments]

The source distribution is built, the wheel out of it, and the wheel is installed with all extras in
a virtual environment of its own, which is kept: `.venv-wheel-311` for Python 3.11. The rest of the
repository is copied to a temporary directory, where the tests find no sources but the installed
ones. A module or an SQL file that the wheel or the source distribution lacks fails here.

It has to be started by a Python that has the groups `test` and `package`: `make test` does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("actors", "service", "sql")
VENV: Final = ROOT / f".venv-wheel-{sys.version_info.major}{sys.version_info.minor}"
KEY: Final = VENV / ".key"
PYTHON: Final = VENV / "bin" / "python"
PIP: Final = (str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check")

LEFT_OUT: Final[Mapping[str, str]] = {
    "tests/acceptance": "kills services for minutes: the code is the same",
    "tests/packaging": "looks at the repository",
    "tests/domain": "pure: nothing of it depends on the installation",
    "tests/actors": "likewise, on virtual time; the service's tests have real boards",
    "tests/runtime": "likewise",
    "tests/batch/test_every_fault.py": "in memory, on virtual time: the code is the same",
    "tests/batch/test_engine_commits.py": "likewise",
    "tests/batch/test_engine_stops.py": "likewise",
    "tests/batch/test_engine_virtual.py": "likewise",
    "tests/batch/test_flow.py": "likewise",
    "tests/batch/test_job_step_places.py": "likewise",
    "tests/batch/test_job_steps.py": "likewise",
    "tests/batch/test_listeners.py": "likewise",
    "tests/batch/test_misuse.py": "likewise",
    "tests/batch/test_params.py": "likewise",
    "tests/batch/test_partitions.py": "likewise",
    "tests/batch/test_reading.py": "likewise",
    "tests/batch/test_skip_retry_scan.py": "likewise",
    "tests/batch/test_two_boards.py": "waits for leases",
    "tests/doors/batch/test_fuzz.py": "long: the code is the same",
    "tests/doors/glue/test_aws_cli.py": "long: other tests come by boto3",
    "tests/doors/glue/test_chains.py": "on virtual time",
    "tests/doors/glue/test_differential.py": "compares two services: the code is the same",
    "tests/doors/glue/test_fuzz.py": "likewise",
    "tests/doors/glue/test_seed_story.py": "on virtual time",
    "tests/doors/glue/test_two_processes.py": "kills services: the code is the same",
    "tests/runners/test_contract.py": "long; test_process_jobs finds the worker's module",
    "tests/runners/test_process_runner.py": "likewise",
    "tests/runners/test_process_pool.py": "likewise",
    "tests/runners/test_limits.py": "likewise",
    "tests/runners/test_command.py": "long; the service's tests have commands",
    "tests/service/test_fuzz.py": "long: the code is the same",
    "tests/service/cli/test_triggers.py": "long: each command is loaded by every other, too",
    "tests/service/cli/test_runs.py": "likewise",
    "tests/service/cli/test_import_crontab.py": "likewise",
    "tests/service/cli/test_simulate.py": "likewise",
    "tests/service/cli/test_tail.py": "stops and starts servers: other tests do, too",
    "tests/store/embedded/test_election.py": "likewise",
    "tests/store/embedded/test_kills.py": "likewise",
    "tests/store/embedded/test_place.py": "likewise",
    "tests/store/embedded/test_server.py": "likewise",
    "tests/store/test_postgres_embedded.py": "likewise",
    "tests/store/embedded/test_root.py": "changes users, who cannot read this directory",
    "tests/simulation": "as tests/domain",
    "tests/store/test_migrations.py": "every other test of the store migrates, too",
    "tests/store/test_plans.py": "fills tables: the statements are the same",
    "tests/store/test_postgres_limits.py": "likewise",
    "tests/store/test_postgres_partitions.py": "likewise",
    "tests/store/test_pinned_horizon.py": "likewise",
    "tests/store/test_backfill_races.py": "two nodes at once: the statements are the same",
    "tests/store/test_batch_races.py": "likewise",
    "tests/store/test_bookmark_races.py": "likewise",
    "tests/store/test_condition_races.py": "likewise",
    "tests/store/test_cycle_races.py": "likewise",
    "tests/store/test_end_races.py": "likewise",
    "tests/store/test_event_races.py": "likewise",
    "tests/store/test_firing_races.py": "likewise",
    "tests/store/test_full_job_races.py": "likewise",
    "tests/store/test_trigger_races.py": "likewise",
    "tests/store/test_workflow_races.py": "likewise",
    "tests/store/test_chunk_lines.py": "likewise",
    "tests/store/test_postgres_claims.py": "likewise",
    "tests/store/test_postgres_lease.py": "likewise",
    "tests/store/test_postgres_faults.py": "waits for deadlines",
    "tests/store/test_postgres_guards.py": "likewise",
}
"""What does not run on the wheel, and why."""
ONE_SERVER: Final = ("-k", "not postgres-15 and not pg15")
"""Whether all is there shows on one of the servers."""

WHERE: Final = """
import callboard, callboard_service, callboard_sql, sys
for package in (callboard, callboard_service, callboard_sql):
    print(package.__file__)
    assert package.__file__.startswith(sys.prefix), "this is not the installed package"
"""


def main(arguments: Sequence[str]) -> int:
    """Build, install, run; pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="callboard-wheel-") as name:
        place = Path(name)
        install(build(place / "dist"))
        suite = copy_suite(place / "suite")
        run(PYTHON, "-c", WHERE, cwd=suite)
        left_out = (f"--ignore={path}" for path in LEFT_OUT if (suite / path).exists())
        pytest = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        return subprocess.run(
            [*pytest, *left_out, *ONE_SERVER, *arguments], cwd=suite, env=environment(), check=False
        ).returncode


def build(directory: Path) -> Path:
    """The wheel, built in `directory` out of the source distribution."""
    run(sys.executable, "-m", "build", "-q", "--no-isolation", "--outdir", directory, cwd=ROOT)
    [wheel] = directory.glob("*.whl")
    return wheel


def install(wheel: Path) -> None:
    """Put the wheel into its environment, which is made anew when what it needs has changed."""
    metadata = ROOT / "pyproject.toml"
    key = hashlib.sha256(metadata.read_bytes() + sys.version.encode()).hexdigest()
    if not KEY.exists() or KEY.read_text() != key:
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV, cwd=ROOT)
        run(*PIP, "-U", "pip>=25.1", cwd=wheel.parent)
        run(*PIP, f"{wheel}[all]", "--group", f"{metadata}:test", cwd=wheel.parent)
        KEY.write_text(key)
    else:
        run(*PIP, "--force-reinstall", "--no-deps", wheel, cwd=wheel.parent)


def copy_suite(directory: Path) -> Path:
    """The repository as it is, but for the sources and what is hidden or ignored."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "data", "dist", "build", *SOURCES)

    def ignore(folder: str, names: list[str]) -> set[str]:
        # tests/actors and tests/service have the names of source roots.
        found = ignored(folder, names)
        return found if Path(folder) == ROOT else found - set(SOURCES)

    shutil.copytree(ROOT, directory, ignore=ignore)
    return directory


def run(*command: str | Path, cwd: Path) -> None:
    """Run it; when it fails, leave with its exit code: it has said why."""
    done = subprocess.run(command, cwd=cwd, env=environment(), check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def environment() -> dict[str, str]:
    """Ours, with nothing in it that leads to the sources or to another environment."""
    left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return kept | {"PATH": os.pathsep.join((str(PYTHON.parent), os.environ["PATH"]))}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
