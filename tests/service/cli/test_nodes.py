"""`callboard nodes`."""

from __future__ import annotations

from service.cli.conftest import Callboard


def test_nodes_are_listed_with_their_role(callboard: Callboard) -> None:
    head, row = callboard("nodes").out.splitlines()
    assert head.split() == [
        *("NAME", "HOST", "PID", "ROLE", "SHARDS", "EXECUTES", "STUCK", "STARTED", "LEASE")
    ]
    assert row.split()[3:5] == ["active", "64"]
    assert row.split()[-1] == "live"


def test_as_json_they_are_the_resources_of_the_api(callboard: Callboard) -> None:
    (node,) = callboard("nodes", "--json").value["items"]
    assert (node["role"], node["shards"], node["is_live"]) == ("active", 64, True)
