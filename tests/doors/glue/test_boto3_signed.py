"""A service that knows its access keys lets in who signs with their secrets, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.processes import ServiceProcess
from support.glue import SECRET, glue_client, post, refused


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """With the keys ALICE and BOB."""
    directory: Path = tmp_path_factory.mktemp("signed")
    lines = [
        f"[{name.lower()}]\naws_access_key_id = {name}\naws_secret_access_key = {secret}\n"
        for name, secret in (("ALICE", SECRET), ("BOB", "bobs/own+secret=="))
    ]
    keys = directory / "keys"
    keys.write_text("\n".join(lines))
    keys.chmod(0o600)
    running = ServiceProcess(directory, "memory:", env={"CALLBOARD_GLUE_CREDENTIALS": str(keys)})
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def clients(service: ServiceProcess) -> Iterator[tuple[Any, Any, Any]]:
    """Alice; somebody who only knows Bob's name; somebody unknown."""
    found = tuple(glue_client(f"{service.url}/glue", key) for key in ("ALICE", "BOB", "EVE"))
    yield found[0], found[1], found[2]
    for client in found:
        client.close()


def test_only_the_right_secret_opens_the_door(
    service: ServiceProcess, clients: tuple[Any, Any, Any]
) -> None:
    alice, bob, eve = clients
    names = {"Name": "žluťoučký / kůň?", "Description": "ž" * 2000}
    alice.create_workflow(**names)
    assert alice.get_workflow(Name=names["Name"])["Workflow"]["Description"] == "ž" * 2000
    refused("InvalidSignatureException", bob.list_workflows)
    refused("UnrecognizedClientException", eve.list_workflows)
    made_up = post(service.url, "ListWorkflows", group="ALICE")
    assert (made_up.status, made_up.code) == (400, "IncompleteSignatureException")
    assert alice.list_workflows()["Workflows"] == [names["Name"]]
