"""`callboard simulate`: crontabs, JSON and a server's triggers in virtual time."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callboard.errors import InvalidInput
from callboard_service.cli.load_picture import _number, _scale
from callboard_service.cli.simulate import end_of
from service.cli.conftest import Callboard

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "crontab")
FROM = ("--from", "2026-01-01T00:00:00Z")
START = datetime(2026, 1, 1, tzinfo=UTC)


def hourly(name: str, **fields: Any) -> dict[str, Any]:
    schedule = {"kind": "cron", "expression": "0 * * * *"}
    return {"name": name, "schedule": schedule, "actions": [{"job": "load"}], **fields}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_one(content: object, name: str = "given") -> str:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_one


def test_a_month_of_the_example(local: Callboard) -> None:
    done = local("simulate", EXAMPLE, *FROM, "--until", "+28d", "-z", "UTC", "--utc")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    fired = {words[0]: words for words in lines if words}
    assert "28" in fired["backup"]
    assert "40320" in fired["opening-sign"]
    assert "takes no time here" not in done.out
    assert "--duration JOB=SECONDS" in done.err


def test_the_same_in_json_is_the_same_again(local: Callboard) -> None:
    words = ("simulate", EXAMPLE, *FROM, "--until", "+2d", "--json", "--duration", "*=90")
    done = local(*words)
    assert done.value["fired"] == sum(each["fired"] for each in done.value["triggers"])
    assert {each["way"] for each in done.value["triggers"]} == {"counted"}
    assert {job["duration_s"] for job in done.value["jobs"]} == {90.0}
    assert done.value["peak"]["runs"] >= 6
    assert len(done.value["load"]["minute_mean"]) == 1440
    assert local(*words).out == done.out


def test_a_page_of_the_api_with_its_jobs_and_calendars(local: Callboard, write: Any) -> None:
    given = write(
        {
            "triggers": {
                "items": [
                    hourly("a", calendars=[{"calendar": "night"}], state="active", version=3),
                    hourly("b", state="paused"),
                    hourly("c", overlap={"policy": "skip", "limit": None}),
                ],
                "next_cursor": None,
            },
            "jobs": [{"name": "load", "kind": "command", "spec": {"shell": "x"}, "version": 1}],
            "calendars": [
                {
                    "name": "night",
                    "definition": {
                        "kind": "ranges",
                        "ranges": [["2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z"]],
                    },
                }
            ],
        }
    )
    done = local("simulate", given, *FROM, "--until", "+1d", "--json", "--duration", "load=90m")
    found = {each["name"]: each for each in done.value["triggers"]}
    assert (found["a"]["fired"], found["a"]["skipped"]) == (18, {"calendar": 6})
    assert found["c"]["reason"] == "overlap policy skip"
    assert found["c"]["skipped"] == {"overlap": 12}
    assert done.value["left_out"] == [{"group": "default", "name": "b"}]


def test_the_triggers_of_the_server(callboard: Callboard, make_job: Any, name: str) -> None:
    job = make_job()
    group = ("--group", "default")
    assert callboard("triggers", "create", name, "--cron", "0 2 * * *", "--job", job).code == 0
    done = callboard("simulate", *group, *FROM, "--until", "+10d", "--json")
    assert done.code == 0
    found = {each["name"]: each["fired"] for each in done.value["triggers"]}
    assert found[name] == 10


def test_lines_that_cannot_be_read_are_named_and_the_others_simulated(
    local: Callboard, write: Any
) -> None:
    crontab = write("0 2 * * * echo one\n99 2 * * * echo two\n")
    done = local("simulate", crontab, *FROM, "--until", "+1d", "--user")
    assert done.code == 3
    assert "line 2, column 1" in done.err
    assert "echo" not in done.err


def test_names_of_several_crontabs_do_not_meet(local: Callboard, write: Any) -> None:
    one, two = (
        write(f"# name: load\n0 {hour} * * * echo\n", stem)
        for hour, stem in ((2, "one"), (3, "two"))
    )
    done = local("simulate", one, two, *FROM, "--until", "+1d", "--user", "--json")
    assert [each["name"] for each in done.value["triggers"]] == ["one.load", "two.load"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "+1parsec"), "--until"),
        (("--until", "tomorrow"), "until: "),
        (("--until", "2025-01-01T00:00:00Z"), "until: is not later than the beginning"),
        (("--until", "+9999y"), "until: +9999y is beyond the calendar"),
        (("--from", "today"), "from: "),
        (("--zone", "Europe/Pragu"), "zone: "),
        (("--duration", "load"), "--duration"),
        (("--duration", "lode=3"), "durations.lode: no trigger starts a job 'lode'"),
        (("--duration", "load=soon"), "--duration"),
        (("--picture", "/nowhere/at/all.svg"), "--picture: /nowhere/at/all.svg"),
    ],
)
def test_bad_options_are_refused_with_field_and_reason(
    local: Callboard, write: Any, words: tuple[str, ...], said: str
) -> None:
    given = write([hourly("a")])
    done = local("simulate", given, *FROM, "--until", "+1d", *words)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "triggers[0]: is a number, not an object"),
        ("{", "is not JSON"),
        ('{"trigger": []}', "trigger: "),
        ('{"items": {}}', "is not a list"),
        (json.dumps([{**hourly("a"), "schedul": 1}]), "triggers[0].schedul: "),
        (json.dumps([{**hourly("a"), "state": "asleep"}]), "triggers[0].state: 'asleep'"),
        (json.dumps([{**hourly("a"), "firings": "many"}]), "triggers[0].firings: "),
        (json.dumps([{**hourly("a"), "next_slot": "soon"}]), "triggers[0].next_slot: "),
        (json.dumps([hourly("a"), hourly("a")]), "'a' of the group 'default' comes twice"),
    ],
)
def test_bad_files_are_refused_with_field_and_reason(
    local: Callboard, write: Any, content: str, said: str
) -> None:
    done = local("simulate", write(content), *FROM)
    assert done.code == 2
    assert said in done.err


def test_a_file_that_is_not_there_is_refused(local: Callboard) -> None:
    done = local("simulate", "/nowhere/crontab")
    assert done.code == 2
    assert "/nowhere/crontab: No such file" in done.err


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("+1y", datetime(2027, 1, 1, tzinfo=UTC)),
        ("+30d", datetime(2026, 1, 31, tzinfo=UTC)),
        ("+12h", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("+1d12h", datetime(2026, 1, 2, 12, tzinfo=UTC)),
        ("2026-05-01T02:00:00+02:00", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
def test_the_end_is_a_period_or_an_instant(text: str, end: datetime) -> None:
    assert end_of(text, START) == end


def test_a_year_after_a_leap_day_ends_on_the_28th() -> None:
    leap_day = datetime(2028, 2, 29, 6, tzinfo=UTC)
    assert end_of("+1y", leap_day) == datetime(2029, 2, 28, 6, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="beyond the calendar"):
        end_of("+8000y", leap_day)


# the picture


@pytest.mark.parametrize("crontab", ["0 * * * * echo\n*/7 9 * * mon-fri echo x\n", "0 0 1 1 * x\n"])
def test_the_picture_is_a_document_with_both_panels(
    local: Callboard, write: Any, tmp_path: Path, crontab: str
) -> None:
    picture = tmp_path / "load.svg"
    words = ("--user", "--picture", str(picture), "-z", "Asia/Tokyo")
    since = ("--from", "2026-03-01T00:00:00Z")
    assert local("simulate", write(crontab), *since, "--until", "+14d", *words).code == 0
    root = ET.parse(picture).getroot()
    texts = ["".join(each.itertext()) for each in root.iter() if each.tag.endswith("text")]
    assert {"time of day", "runs in a minute", "hour of the day", "00:00", "24:00"} <= set(texts)
    assert {"Mon", "Sun"} <= set(texts)
    assert any("Asia/Tokyo" in text for text in texts)
    cells = [each for each in root.iter() if each.get("class") == "cell"]
    assert len(cells) == 7 * 24
    assert "http" not in picture.read_text().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("highest", [0, 1, 2, 3, 5, 7, 11, 99, 334, 1001, 123_456])
def test_an_axis_has_few_round_values_and_holds_the_highest(highest: int) -> None:
    top, steps = _scale(highest)
    assert top >= highest
    assert steps[0] == 0
    assert steps[-1] == top
    assert 2 <= len(steps) <= 6
    assert all(step == int(step) for step in steps)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "<0.1"), (0.25, "0.2"), (3, "3"), (9.96, "10.0"), (211.4, "211"), (12_345, "12k"),
     (1_234_567, "1.2M")],
)  # fmt: skip
def test_numbers_in_cells_are_short(value: float, text: str) -> None:
    assert _number(value) == text
