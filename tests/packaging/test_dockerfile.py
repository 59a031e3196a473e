"""The Dockerfile, as far as it can be checked without an engine that builds it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from callboard.errors import InvalidInput
from callboard_service.settings import Settings, load_settings

Instructions = list[tuple[str, str]]

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="session")
def instructions(root: Path) -> Instructions:
    """Each instruction and its arguments, comments left out and continued lines joined."""
    lines = (root / "Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word, rest) for word, _, rest in (each.partition(" ") for each in joined) if word]


@pytest.fixture(scope="session")
def last_stage(instructions: Instructions) -> Instructions:
    """The instructions of the image that is shipped."""
    start = max(index for index, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[start:]


@pytest.fixture(scope="session")
def environ(last_stage: Instructions) -> dict[str, str]:
    """What the image sets in the environment."""
    texts = (text for word, text in last_stage if word == "ENV")
    return dict(pair.split("=", 1) for text in texts for pair in shlex.split(text))


def copied(instructions: Instructions) -> list[str]:
    """What is copied from the repository."""
    texts = (text for word, text in instructions if word == "COPY" and "--from" not in text)
    return [source for text in texts for source in text.split()[:-1]]


def only(instructions: Instructions, wanted: str) -> str:
    [text] = [text for word, text in instructions if word == wanted]
    return text


def test_whatever_is_copied_is_there(instructions: Instructions, root: Path) -> None:
    sources = copied(instructions)
    assert sources
    assert [source for source in sources if not (root / source).exists()] == []


def test_whatever_is_copied_is_in_the_build_context(instructions: Instructions, root: Path) -> None:
    ignored, *rest = (
        line
        for line in (root / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert ignored == "*"
    kept = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert kept == set(copied(instructions))


def test_whatever_the_wheel_is_built_of_is_copied(instructions: Instructions, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    wanted = {"pyproject.toml", project["project"]["readme"], "LICENSE"}
    wanted |= {package.split("/")[0] for package in packages}
    assert set(copied(instructions)) == wanted


def test_the_extras_exist(last_stage: Instructions, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    [extras] = re.findall(r"\$1\[([\w,-]+)\]", " ".join(text for _, text in last_stage))
    assert {"service", "embedded", "glue", "uvloop"} == set(extras.split(","))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_python_is_one_of_ours(instructions: Instructions, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    for image in (text.split()[0] for word, text in instructions if word == "FROM"):
        version = image.removeprefix("python:").removesuffix("-slim")
        assert f"Programming Language :: Python :: {version}" in project["classifiers"]


def test_it_runs_as_a_plain_user(last_stage: Instructions) -> None:
    user = only(last_stage, "USER")
    assert int(user) > 0
    [created] = [text for word, text in last_stage if word == "RUN" and "useradd" in text]
    assert f"--uid {user}" in created


def test_it_starts_the_service(last_stage: Instructions) -> None:
    assert json.loads(only(last_stage, "CMD")) == ["callboard", "serve"]


def test_the_database_is_in_the_volume(last_stage: Instructions, environ: dict[str, str]) -> None:
    assert environ["CALLBOARD_DSN"] == f"embedded:{only(last_stage, 'VOLUME')}"


def test_it_sets_what_the_service_knows(environ: dict[str, str]) -> None:
    known = {f"CALLBOARD_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert set(environ) <= known


def test_without_a_token_it_refuses_to_start(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="CALLBOARD_TOKEN"):
        load_settings(environ)


def test_with_a_token_it_listens_for_everybody(
    last_stage: Instructions, environ: dict[str, str]
) -> None:
    settings = load_settings({**environ, "CALLBOARD_TOKEN": TOKEN})
    assert settings.host == "0.0.0.0"
    assert str(settings.port) == only(last_stage, "EXPOSE")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_tells_the_state(last_stage: Instructions, status: int, code: int) -> None:
    with answering(status) as port:
        assert health_check(last_stage, port) == code


def test_the_health_check_fails_when_nothing_listens(last_stage: Instructions) -> None:
    with answering(200) as port:
        pass
    assert health_check(last_stage, port) != 0


def test_nothing_is_fetched_but_packages(instructions: Instructions) -> None:
    commands = " ".join(text for word, text in instructions if word in ("RUN", "ADD"))
    assert not any(fnmatch(word, "*://*") for word in commands.split())
    assert not {"curl", "wget", "git", "apt-get"} & set(commands.split())


def health_check(instructions: Instructions, port: int) -> int:
    """The exit code of the image's health check for a service on that port."""
    text = only(instructions, "HEALTHCHECK")
    command = json.loads(text[text.index("CMD ") + len("CMD ") :])
    assert command[0] == "python"
    environ = {**os.environ, "CALLBOARD_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, *command[1:]], env=environ, capture_output=True, check=False
    )
    return done.returncode


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server whose `/healthz` answers with that status: its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
