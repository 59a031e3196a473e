"""What the command says of itself, and what that costs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest
import typer
from typer.main import get_command

from callboard_service.cli import serve as serve_command
from callboard_service.cli.app import build_app
from callboard_service.settings import Settings
from service.cli.conftest import Callboard

COMMANDS = (
    "serve",
    "migrate",
    "jobs",
    "triggers",
    "runs",
    "workflows",
    "queues",
    "start",
    "stop",
    "tail",
    "next",
    "import",
    "doctor",
)


def test_help_names_every_command_and_every_exit_code(local: Callboard) -> None:
    done = local("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert f" {command} " in done.out
    for code in ("0 done", "1 the run", "2 usage", "3 not found", "4 the server", "130"):
        assert code in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(local: Callboard, command: str) -> None:
    done = local(command, "--help")
    assert done.code == 0
    assert "Usage: " in done.out


def test_help_loads_neither_the_library_nor_a_web_client() -> None:
    script = (
        "import sys\n"
        "from callboard_service.cli.app import build_app\n"
        "try:\n"
        "    build_app()(['--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'aiohttp', 'asyncpg', 'callboard', 'croniter', 'msgspec', 'pykka'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_distribution(local: Callboard) -> None:
    done = local("--version")
    assert done.code == 0
    assert done.out.startswith("callboard ")


def test_serve_has_an_option_and_a_variable_for_every_setting() -> None:
    options = {
        parameter.name: parameter
        for parameter in get_command(_alone()).params
        if parameter.name not in ("more_handlers", "help")
    }
    assert set(options) >= {field.name for field in fields(Settings)}
    for field in fields(Settings):
        option = options[field.name]
        assert option.envvar == f"CALLBOARD_{field.name.upper()}"
        assert f"--{field.name.replace('_', '-')}" in option.opts


def test_the_defaults_that_serve_shows_are_those_of_the_settings() -> None:
    defaults = Settings()
    for parameter in get_command(_alone()).params:
        shown = getattr(parameter, "show_default", None)
        value = getattr(defaults, parameter.name or "", None)
        if isinstance(shown, str) and value not in (None, ()):
            assert shown == _as_given(value)


def test_the_whole_tree_has_help_for_every_option() -> None:
    def visit(command: object, path: str) -> list[str]:
        missing = [
            f"{path} {parameter.name}"
            for parameter in getattr(command, "params", [])
            if not getattr(parameter, "help", None) and not getattr(parameter, "hidden", False)
        ]
        for name, child in getattr(command, "commands", {}).items():
            missing += visit(child, f"{path} {name}")
        return missing

    assert visit(get_command(build_app()), "callboard") == []


def _alone() -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(serve_command.serve)
    return app


def _as_given(value: object) -> str:
    """The setting in the words of whoever gives it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)
