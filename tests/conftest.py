"""Fixtures that every part of the suite may ask for."""

import signal

from hypothesis import settings

from support.postgres import empty_dsn, postgres_dsn, postgres_servers

__all__ = ["empty_dsn", "postgres_dsn", "postgres_servers"]

# A shell that starts the suite in the background has it ignore these two, and so would every
# process that a test starts and wants to end by one of them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# Machines are shared: how long an example takes says nothing about the code. The same test has
# the same examples, so that `make test` fails only for a change; `make test-all` explores.
settings.register_profile("callboard", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("exploring", settings.get_profile("callboard"), derandomize=False)
settings.load_profile("callboard")
