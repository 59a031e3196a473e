"""Fixtures that every part of the suite may ask for."""

from hypothesis import settings

from support.postgres import postgres_dsn, postgres_servers

__all__ = ["postgres_dsn", "postgres_servers"]

# Machines are shared: how long an example takes says nothing about the code.
settings.register_profile("callboard", deadline=None, print_blob=True)
settings.load_profile("callboard")
