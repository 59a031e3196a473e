"""Which zone a machine lives in."""

from __future__ import annotations

from pathlib import Path

import pytest

from callboard_service.cli.local_zone import local_zone


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    return tmp_path / "nothing"


@pytest.mark.parametrize("text", ["Europe/Prague", ":Europe/Prague"])
def test_tz_comes_first(text: str, nothing: Path) -> None:
    assert local_zone({"TZ": text}, link=nothing, file=nothing) == "Europe/Prague"


def test_then_the_link(tmp_path: Path, nothing: Path) -> None:
    target = tmp_path / "zoneinfo" / "Asia" / "Kathmandu"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"")
    link = tmp_path / "localtime"
    link.symlink_to(target)
    assert local_zone({"TZ": "<+03>-3"}, link=link, file=nothing) == "Asia/Kathmandu"


def test_then_the_file(tmp_path: Path, nothing: Path) -> None:
    file = tmp_path / "timezone"
    file.write_text("America/Lima\n")
    assert local_zone({}, link=nothing, file=file) == "America/Lima"


def test_otherwise_utc(tmp_path: Path, nothing: Path) -> None:
    file = tmp_path / "timezone"
    file.write_text("Mars/Base\n")
    assert local_zone({}, link=nothing, file=file) == "UTC"
    assert local_zone({}, link=nothing, file=nothing) == "UTC"
