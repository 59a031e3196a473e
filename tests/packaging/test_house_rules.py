"""The rules of the house that neither ruff, mypy nor import-linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TASK_STARTERS = {"TaskGroup", "create_task", "ensure_future", "run_coroutine_threadsafe"}
MAY_START_TASKS = {
    "actors/callboard/runtime": "the actors and the tasks that they own",
    "service/callboard_service/tasks.py": "work that ends with its block; no actor is there",
}
UNSAFE_FORMATS = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
EMPTY_NAMES = {"base", "common", "helpers", "manager", "misc", "utils"}


@pytest.fixture(scope="session")
def modules(root: Path) -> dict[str, ast.Module]:
    """The syntax tree of each source file, by its path."""
    return {
        path.relative_to(root).as_posix(): ast.parse(path.read_text("utf-8"))
        for source in ("actors", "service", "sql")
        for path in sorted((root / source).rglob("*.py"))
    }


def called(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The last name of each thing that is called, and its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name, node.lineno


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level names of what is imported."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def test_tasks_are_started_in_few_places(modules: dict[str, ast.Module]) -> None:
    found = [
        f"{path}:{line} {name}"
        for path, tree in modules.items()
        if not path.startswith(tuple(MAY_START_TASKS))
        for name, line in called(tree)
        if name in TASK_STARTERS
    ]
    assert found == []


@pytest.mark.parametrize("place", MAY_START_TASKS)
def test_the_exceptions_are_still_needed(modules: dict[str, ast.Module], place: str) -> None:
    trees = [tree for path, tree in modules.items() if path.startswith(place)]
    assert any(name in TASK_STARTERS for tree in trees for name, _ in called(tree))


def test_no_format_is_read_that_can_run_code(modules: dict[str, ast.Module]) -> None:
    found = [path for path, tree in modules.items() if UNSAFE_FORMATS & set(imported(tree))]
    assert found == []


def test_no_function_changes_a_global(modules: dict[str, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]
    assert found == []


def test_a_modules_name_says_what_it_is_for(modules: dict[str, ast.Module]) -> None:
    parts = {part for path in modules for part in Path(path).with_suffix("").parts}
    assert parts & EMPTY_NAMES == set()


def test_every_module_says_what_it_is(modules: dict[str, ast.Module]) -> None:
    silent = [path for path, tree in modules.items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []
