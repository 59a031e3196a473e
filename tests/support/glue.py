"""Talking to the Glue door as its users do: real boto3 clients, and waiting for what runs do.

Functions:
    glue_client(url, group)                 a client whose access key id, and so group, is `group`
    refused(code, call, **members)          the text of an answer that is that error, status 400
    wait_run(glue, job, run_id)             the JobRun once it has ended
    wait_workflow_run(glue, name, run_id)   the workflow's Run once it has ended
    wait_for(probe)                         the first true value of `probe()`
    pages(glue, operation, member)          all items of a paginated operation
    post(url, target, body)                 the answer to a request that no SDK would send
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

T = TypeVar("T")

PATIENCE_S = 60.0
REGION = "us-east-1"
SECRET = "not-a-secret"
ROLE = "arn:aws:iam::123456789012:role/glue"
ENDED = ("SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED")
WORKFLOW_ENDED = ("COMPLETED", "STOPPED", "ERROR")


@lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    # The service's model takes longer to read than all else of a test: read once.
    return botocore.session.Session()


def glue_client(url: str, group: str = "test", *, attempts: int = 1, **options: Any) -> Any:
    """A client of the service at `url`; close it at the end.

    Args:
        group: its access key id.
        attempts: how often it tries one call, the first time included.
        options: of botocore's Config.
    """
    return _session().create_client(
        "glue",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=group,
        aws_secret_access_key=SECRET,
        config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=10,
            read_timeout=PATIENCE_S,
            max_pool_connections=20,
            **options,
        ),
    )


def refused(code: str, call: Callable[..., Any], /, **members: Any) -> str:
    """The message of a call that is answered with that error code and its status, 400."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer: dict[str, Any] = caught.value.response
    assert answer["Error"]["Code"] == code, answer["Error"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["ResponseMetadata"]["RequestId"]
    return str(answer["Error"]["Message"])


def wait_for(probe: Callable[[], T], what: str = "something") -> T:
    """The first true value of `probe()`; fails when that takes very long."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := probe()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def wait_run(glue: Any, job: str, run_id: str, states: Sequence[str] = ENDED) -> dict[str, Any]:
    """The JobRun once its state is one of `states`."""

    def probe() -> dict[str, Any] | None:
        run: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        over = run["JobRunState"] in ENDED and run["JobRunState"] not in states
        assert not over, f"ended otherwise: {run}"
        return run if run["JobRunState"] in states else None

    found = wait_for(probe, f"run {run_id} of {job} to be {'/'.join(states)}")
    assert found is not None
    return found


def wait_workflow_run(
    glue: Any, name: str, run_id: str, states: Sequence[str] = WORKFLOW_ENDED
) -> dict[str, Any]:
    """The workflow's Run, with its graph, once its status is one of `states`."""

    def probe() -> dict[str, Any] | None:
        run: dict[str, Any] = glue.get_workflow_run(Name=name, RunId=run_id, IncludeGraph=True)[
            "Run"
        ]
        return run if run["Status"] in states else None

    found = wait_for(probe, f"run {run_id} of workflow {name} to be {'/'.join(states)}")
    assert found is not None
    return found


def pages(glue: Any, operation: str, member: str, size: int, **members: Any) -> list[Any]:
    """All items of `member`, by the operation's own paginator, `size` a page."""
    paginator = glue.get_paginator(operation)
    found: list[Any] = []
    for page in paginator.paginate(PaginationConfig={"PageSize": size}, **members):
        assert len(page[member]) <= size
        found += page[member]
    return found


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what the transport adds."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What came back for a request that was written by hand."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code, which is in the body and in a header; asserts that it is an AWS one."""
        assert 400 <= self.status < 500, (self.status, self.body)
        assert self.headers["content-type"] == "application/x-amz-json-1.1"
        assert self.headers["x-amzn-requestid"]
        told = self.value
        code = str(told["__type"])
        assert code == self.headers.get("x-amzn-errortype", code)
        assert told["Message"]
        return code


def post(
    url: str,
    target: str | None,
    body: Any = None,
    *,
    group: str = "test",
    headers: Mapping[str, str | None] | None = None,
    path: str = "/",
    method: str = "POST",
) -> RawAnswer:
    """The answer to a request, unsigned but with a credential.

    Args:
        target: the operation's name behind `AWSGlue.`, or all of it with a dot; None: no header.
        body: bytes as they are; everything else as JSON.
        headers: besides or instead of the usual ones; None: without it.
    """
    day = "20260101/us-east-1/glue/aws4_request"
    told: dict[str, str | None] = {
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={group}/{day}, "
        f"SignedHeaders=host, Signature={'0' * 64}",
    }
    if target is not None:
        told["X-Amz-Target"] = target if "." in target else f"AWSGlue.{target}"
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    told = {**told, **(headers or {})}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
    try:
        sent = {name: value for name, value in told.items() if value is not None}
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return RawAnswer(status=answer.status, headers=names, body=answer.read())
    finally:
        connection.close()
