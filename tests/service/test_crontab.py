"""Real crontabs become entries, or problems that say where and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.names import NAME
from callboard.errors import InvalidInput
from callboard_service.crontab import (
    CrontabEntry,
    CrontabFile,
    detect_system_form,
    parse_crontab,
    split_input,
)

SYSTEM = """\
# /etc/crontab: system-wide crontab
SHELL=/bin/sh
PATH = /usr/local/sbin:/usr/bin:/bin

# m h dom mon dow user\tcommand
17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly
25 6 * * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts /etc/cron.daily; }
-*/5 * * * *  www-data  /usr/bin/php -f /srv/shop/cron.php

MAILTO="ops@example.org"
@daily backup /usr/local/bin/dump-db.sh --out /var/backups/db-$(date +\\%F).sql
@reboot root /usr/local/bin/warm-caches
"""


def user_file(text: str, *, user: str | None = None) -> CrontabFile:
    return parse_crontab(text, system=False, user=user)


def only_entry(text: str) -> CrontabEntry:
    file = user_file(text)
    assert file.problems == ()
    (entry,) = file.entries
    return entry


def only_problem(text: str, *, system: bool = False) -> str:
    file = parse_crontab(text, system=system)
    assert file.entries == ()
    (problem,) = file.problems
    return str(problem)


def test_a_system_crontab_gives_users_commands_and_the_environment_so_far() -> None:
    file = parse_crontab(SYSTEM, system=True, zone="Europe/Prague")
    shown = [(entry.line, entry.expression, entry.user) for entry in file.entries]
    assert shown == [
        (6, "17 * * * *", "root"),
        (7, "25 6 * * *", "root"),
        (8, "*/5 * * * *", "www-data"),
        (11, "@daily", "backup"),
        (12, "@reboot", "root"),
    ]
    first, *_, dump, _ = file.entries
    assert first.command == "cd / && run-parts --report /etc/cron.hourly"
    assert "MAILTO" not in first.environment
    assert dump.environment == {
        "SHELL": "/bin/sh",
        "PATH": "/usr/local/sbin:/usr/bin:/bin",
        "MAILTO": "ops@example.org",
    }
    assert dump.command.endswith("db-$(date +%F).sql")
    assert {entry.zone for entry in file.entries} == {"Europe/Prague"}


def test_a_user_crontab_has_no_user_column() -> None:
    entry = only_entry("0 5 * * 1 tar -zcf /var/backups/home.tgz /home/")
    assert entry.command == "tar -zcf /var/backups/home.tgz /home/"
    assert entry.user is None
    assert user_file("0 5 * * 1 x", user="ada").entries[0].user == "ada"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("A=1", "A", "1"),
        ("  A  =  one two  ", "A", "one two"),
        ('A="  kept  "', "A", "  kept  "),
        ("A=' it is \"so\" '", "A", ' it is "so" '),
        ('"A" = 1', "A", "1"),
        ("A=", "A", ""),
        ('A=""', "A", ""),
        ("A=$HOME/bin # not a comment", "A", "$HOME/bin # not a comment"),
        ("A=x=y", "A", "x=y"),
        ("A=it's", "A", "it's"),
    ],
)
def test_assignments(line: str, name: str, value: str) -> None:
    assert only_entry(f"{line}\n* * * * * true").environment == {name: value}


def test_an_assignment_holds_only_below_and_until_the_next() -> None:
    file = user_file("* * * * * a\nX=1\n* * * * * b\nX=2\n* * * * * c")
    assert [entry.environment.get("X") for entry in file.entries] == [None, "1", "2"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('A="open', 'line 1, column 3: the quote " is never closed'),
        ('A="x" y', "line 1, column 6: there is text behind the closing quote"),
        ("2A=1", "line 1, column 1: '2A' is not a variable's name"),
        ("*/5 = 1", "line 1, column 1: '*/5' is not a variable's name"),
    ],
)
def test_bad_assignments_are_problems(line: str, words: str) -> None:
    assert only_problem(line).startswith(words)


def test_shell_is_what_the_file_says_or_sh() -> None:
    assert only_entry("* * * * * x").shell == "/bin/sh"
    assert only_entry("SHELL=/bin/bash\n* * * * * x").shell == "/bin/bash"


def test_cron_tz_is_the_zone_of_the_lines_below() -> None:
    file = user_file("0 1 * * * a\nCRON_TZ=Asia/Kathmandu\n0 1 * * * b\nCRON_TZ=\n0 1 * * * c")
    assert [entry.zone for entry in file.entries] == ["UTC", "Asia/Kathmandu", "UTC"]
    assert file.entries[1].schedule.zone == "Asia/Kathmandu"


def test_tz_is_only_an_environment_variable_and_a_note_says_so() -> None:
    file = user_file("TZ=Asia/Tokyo\n0 1 * * * a")
    assert file.entries[0].zone == "UTC"
    assert file.entries[0].environment == {"TZ": "Asia/Tokyo"}
    assert "CRON_TZ sets the zone" in str(file.notes[0])


def test_an_unknown_cron_tz_stops_the_lines_below_until_a_known_one() -> None:
    file = user_file("CRON_TZ=Mars/Base\n0 1 * * * a\nCRON_TZ=UTC\n0 1 * * * b")
    assert [entry.command for entry in file.entries] == ["b"]
    assert [problem.line for problem in file.problems] == [1, 2]
    assert "CRON_TZ=Mars/Base, is not known" in file.problems[1].reason


def test_an_unknown_default_zone_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidInput, match="zone: there is no zone"):
        parse_crontab("", system=False, zone="Mars/Base")


@pytest.mark.parametrize(
    ("written", "command", "stdin"),
    [
        ("cat", "cat", None),
        ("date +\\%F", "date +%F", None),
        ("cat%one%two", "cat", "one\ntwo\n"),
        ("cat%one%", "cat", "one\n"),
        ("cat%", "cat", ""),
        ("cat%50\\% off%x\\y", "cat", "50% off\nx\\y\n"),
        ("a\\\\%b", "a\\\\", "b\n"),
        ("a\\b\\", "a\\b\\", None),
        ("mail -s hi ada%Dear Ada,%%bye", "mail -s hi ada", "Dear Ada,\n\nbye\n"),
    ],
)
def test_percent_signs(written: str, command: str, stdin: str | None) -> None:
    assert split_input(written) == (command, stdin)


def test_a_hash_behind_the_command_belongs_to_it() -> None:
    assert only_entry("* * * * * echo hi # there").command == "echo hi # there"


def test_blank_lines_comments_and_carriage_returns_are_passed_over() -> None:
    entry = only_entry("\ufeff\r\n  # a comment\r\n\t\r\n  1 2 * * *\ttrue\r\n")
    assert (entry.line, entry.expression, entry.command) == (4, "1 2 * * *", "true")


def test_a_form_feed_does_not_end_a_line() -> None:
    assert only_entry("* * * * * printf '\f'").command == "printf '\f'"


def test_there_are_no_continuation_lines() -> None:
    file = user_file("0 1 * * * long \\\n   --option\n0 2 * * * b")
    assert [entry.command for entry in file.entries] == ["long \\", "b"]
    (problem,) = file.problems
    assert problem.line == 2
    assert problem.fix == "crontab has no continuation lines"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("61 * * * * x", "line 1, column 1: minute: 61 is not in 0-59"),
        ("  * 24 * * * x", "line 1, column 5: hour: 24 is not in 0-23"),
        ("* * * * *", "line 1, column 10: has no command"),
        ("* * * * * %in", "line 1, column 14: has no command"),
        ("* * *", "line 1, column 6: has 3 of the five fields"),
        ("@hourly", "line 1, column 8: has no command"),
        ("@evry x", "line 1, column 1: '@evry' is not a macro"),
        ("0 0 31 2 * x", "line 1, column 5: day of month: never fires"),
        ("0~9 * * * * x", "line 1, column 1: minute: ~ (a random value)"),
        ("- * * * * x", "line 1, column 1: a leading - is only for system crontabs"),
        ("* * * * * a\0b", "line 1, column 12: contains a NUL character"),
        ("hello world", "line 1, column 12: has 2 of the five fields"),
    ],
)
def test_a_bad_line_is_a_problem_with_line_column_and_reason(line: str, words: str) -> None:
    assert only_problem(line).startswith(words)


def test_a_bad_line_does_not_stop_the_others() -> None:
    file = user_file("* * * * * a\nnonsense\n* * * * * b")
    assert [entry.command for entry in file.entries] == ["a", "b"]
    assert [problem.line for problem in file.problems] == [2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("* * * * * /bin/true", "line 1, column 11: '/bin/true' is not a user's name"),
        ("* * * * *", "line 1, column 10: has no user and no command"),
        ("* * * * * root", "line 1, column 15: has no command"),
    ],
)
def test_a_system_line_needs_its_user(line: str, words: str) -> None:
    assert only_problem(line, system=True).startswith(words)


def test_a_leading_minus_is_for_root_and_the_system() -> None:
    assert user_file("-0 1 * * * x", user="root").entries[0].is_quiet
    assert parse_crontab("-0 1 * * * ada x", system=True).entries[0].is_quiet


def names_of(text: str) -> list[str]:
    return [entry.name for entry in user_file(text).entries]


def test_a_short_comment_above_is_the_name() -> None:
    assert names_of("# Nightly backup\n0 2 * * * /opt/x.sh") == ["nightly-backup"]
    assert names_of("# see the wiki\n# name: sales.load\n0 2 * * * /opt/x.sh") == ["sales.load"]


@pytest.mark.parametrize(
    "comment",
    [
        "# m h dom mon dow command",
        "# 0 5 * * * /old/entry",
        "# This one copies everything that was changed since the day before",
        "# ====",
        "# Backup\n",
    ],
)
def test_other_comments_are_not(comment: str) -> None:
    (name,) = names_of(f"{comment}\n0 2 * * * nice -n 5 /opt/dump_db.sh -v")
    assert name.startswith("dump_db-")


def test_a_name_stays_when_other_lines_come_and_go() -> None:
    line = "0 2 * * * FOO=1 /opt/dump_db.sh"
    (alone,) = names_of(line)
    assert alone.startswith("dump_db-")
    assert names_of(f"# x\n\n0 3 * * * /opt/dump_db.sh\n{line}")[1] == alone


def test_m19_equal_lines_are_two_entries_with_two_names() -> None:
    names = names_of("0 2 * * * x\n0 2 * * * x\n# T\n0 2 * * * x\n# T\n0 3 * * * x")
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (SYSTEM, True),
        ("0 1 * * * root /bin/x", True),
        ("0 1 * * * /bin/x", False),
        ("0 1 * * * /bin/x\n0 1 * * * root x", False),
        ("0 1 * * * true", False),
        ("0 1 * * * echo hi", None),
        ("# m h dom mon dow user command\n0 1 * * * ada x", True),
        ("A=1\n", None),
    ],
)
def test_the_form_is_told_only_when_it_is_certain(text: str, form: bool | None) -> None:
    assert detect_system_form(text) is form


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.booleans())
def test_any_text_is_read_without_an_exception(text: str, system: bool) -> None:
    file = parse_crontab(text, system=system)
    assert all(problem.column >= 1 and problem.reason for problem in file.problems)


@given(st.text("*/0123456789,-@ \t=%\\#'\"\nabmonTZ", max_size=120), st.booleans())
def test_names_are_always_usable_and_unique(text: str, system: bool) -> None:
    names = [entry.name for entry in parse_crontab(text, system=system).entries]
    assert len(set(names)) == len(names)
    assert all(NAME.fullmatch(name) for name in names)
