"""The access keys of those who may call: a file as `~/.aws/credentials`.

    [alice]
    aws_access_key_id = AKIAALICE
    aws_secret_access_key = ...

The access key id is the user, and the group in which the user's things are; the sections' names
and other settings mean nothing here. The file is read when the service starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser, SectionProxy
from pathlib import Path
from types import MappingProxyType
from typing import Final

from callboard.errors import FieldProblem, InvalidInput

FIELD: Final = "glue_credentials"
_ID: Final = "aws_access_key_id"
_SECRET: Final = "aws_secret_access_key"
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_.\-+=@]{1,128}")


def read_credentials(path: str) -> Mapping[str, str]:
    """Secret access keys by access key id.

    Raises:
        InvalidInput: the file cannot be read, or what is in it is no such list; no secret is told.
    """
    parser = RawConfigParser(default_section="", strict=True)
    try:
        parser.read_string(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{path!r} cannot be read: {type(error).__name__}") from None
    except Error as error:
        # Its text would show lines of the file.
        raise _invalid(f"{path!r} is not an INI file: {type(error).__name__}") from None
    problems = tuple(_problems(parser, path))
    if problems:
        raise InvalidInput(*problems)
    return MappingProxyType({section[_ID]: section[_SECRET] for section in _sections(parser)})


def _problems(parser: RawConfigParser, path: str) -> Iterator[FieldProblem]:
    seen: set[str] = set()
    if not parser.sections():
        yield _problem(f"{path!r} has no access key", f"e.g. [me], {_ID} = ..., {_SECRET} = ...")
    for section in _sections(parser):
        for name in (_ID, _SECRET):
            if not section.get(name):
                yield _problem(f"[{section.name}] in {path!r} has no {name}")
        if not (given := section.get(_ID)):
            continue
        if _KEY_ID.fullmatch(given) is None:
            yield _problem(
                f"{given[:80]!r} in {path!r} is not an access key id",
                "1 to 128 letters, digits and _.-+=@",
            )
        if given in seen:
            yield _problem(f"{given!r} comes twice in {path!r}")
        seen.add(given)


def _sections(parser: RawConfigParser) -> Iterator[SectionProxy]:
    return (parser[name] for name in parser.sections())


def _problem(reason: str, fix: str = "") -> FieldProblem:
    return FieldProblem(FIELD, reason, fix)


def _invalid(reason: str) -> InvalidInput:
    return InvalidInput(_problem(reason, "give a file as ~/.aws/credentials"))
