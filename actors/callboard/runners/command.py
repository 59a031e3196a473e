"""CommandRunner: jobs of kind command. `argv` as it is, or `shell` by /bin/sh -c."""

from __future__ import annotations

from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.runners.contract import Outcome
from callboard.runners.control import RunControl
from callboard.runners.environment import environment_of, own_variables
from callboard.runners.log import RunLog
from callboard.runners.program import CannotStart, command_program
from callboard.runners.program_end import failed
from callboard.runners.program_host import ProgramHost


class CommandRunner:
    """Executes commands on a host that it may share."""

    kind = "command"

    def __init__(self, host: ProgramHost) -> None:
        self._host = host

    @property
    def stuck(self) -> int:
        """The host's, for all kinds that share it."""
        return self._host.stuck

    def close(self) -> None:
        """Close the host; the last of those that share it does so again, which does nothing."""
        self._host.close()

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute."""
        host = self._host
        env = environment_of(run, own_variables(job.spec), host.environ)
        try:
            program = command_program(job.spec, env)
        except CannotStart as reason:
            return failed("CommandNotStarted", str(reason))
        return await host.execute(program, run, name=host.new_name(), log=log, control=control)
