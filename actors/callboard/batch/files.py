"""Files in steps: readers that go on at a byte, a writer that forgets what was not committed.

    load = ChunkStep("load", read=csv_rows("orders.csv"), write=post, size=1000)
    dump = ChunkStep("dump", read=orders, write=FileWriter("out.csv", encode=to_line), size=1000)

A file has no part in the chunk's transaction. The writer flushes and syncs it before the checkpoint
commits, and a restart cuts off what lies beyond the checkpoint: when the step has succeeded, each
item is in the file once. Whoever reads the file earlier may see items that are cut off and written
again: for them it is at-least-once. Nor has a file a fence: a node that was frozen in the middle of
a write, and has lost the run meanwhile, may still end that write when it wakes up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from callboard.errors import CallboardError, invalid

if TYPE_CHECKING:
    from callboard.batch.context import StepContext

PathOf = str | os.PathLike[str] | Callable[[Any], str | os.PathLike[str]]
"""A path, or a function that gives it for the step's context."""


class FileChanged(CallboardError):
    """The file is shorter than what a run before has read of it or written to it."""

    def __init__(self, path: Path, size: int, wanted: int) -> None:
        self.path = path
        self.size = size
        self.wanted = wanted
        super().__init__(
            f"{path} has {size} bytes, but a run before got as far as byte {wanted}: it is another "
            "file, or was cut; put the old one back, or start a new instance"
        )


def path_of(path: PathOf, ctx: StepContext | None) -> Path:
    return Path(path(ctx) if callable(path) else path)


class FileWriter:
    """Writes the items of a declarative step to a file, or what an imperative one gives it.

        async with FileWriter("report.txt").open(ctx) as out:
            async for chunk in ctx.chunks(orders, size=500):
                async with out.chunk(chunk):
                    out.write(b"...")

    A new instance begins with an empty file: what was in it is gone.
    """

    __slots__ = ("_path", "encode", "key")

    def __init__(
        self,
        path: PathOf,
        *,
        encode: Callable[[Any], bytes | str] | None = None,
        name: str = "output",
    ) -> None:
        """Args:
        path: of the file; or a function of the step's context that gives it.
        encode: makes text or bytes of an item, its end of line with it; needed as `write=`.
        name: tells several files of one step apart; the offset is kept in its context under it.
        """
        if not name:
            raise invalid("files.name", "is empty", "name the file among those of the step")
        self._path = path
        self.encode = encode
        self.key = f"file.{name}"

    @asynccontextmanager
    async def open(self, ctx: StepContext) -> AsyncIterator[OpenFile]:
        """The file, cut back to what was committed.

        Raises:
            FileChanged: it is shorter than that.
        """
        offset = ctx.state.get(self.key, 0)
        path = path_of(self._path, ctx)
        file = await asyncio.to_thread(_open_at, path, offset)
        opened = OpenFile(file, offset, key=self.key, state=ctx.state, encode=self.encode)
        try:
            yield opened
            await asyncio.to_thread(opened.rewind)
        finally:
            # After an error nothing is cut off: the step may be another node's by now, and so the
            # file. Whoever goes on begins by cutting it.
            await asyncio.to_thread(file.close)


class OpenFile:
    """One execution's file."""

    __slots__ = ("_committed", "_encode", "_file", "_is_ahead", "_key", "_state")

    def __init__(
        self,
        file: IO[bytes],
        offset: int,
        *,
        key: str,
        state: MutableMapping[str, Any],
        encode: Callable[[Any], bytes | str] | None,
    ) -> None:
        self._file = file
        self._committed = offset
        self._key = key
        self._state = state
        self._encode = encode
        self._is_ahead = False
        """Whether there may be more in the file than was committed."""

    def write(self, data: bytes | str) -> None:
        """Append it, within `chunk`; text in UTF-8. It is buffered."""
        self._is_ahead = True
        self._file.write(_bytes(data))

    @asynccontextmanager
    async def chunk(self, chunk: Any) -> AsyncIterator[Any]:
        """The chunk's block; its commit makes what is written within it stay."""
        await asyncio.to_thread(self.rewind)
        async with chunk as tx:
            yield tx
            self.keep(await asyncio.to_thread(self.sync))
        self.confirm()

    # for steps that know their items

    def put(self, items: Iterable[Any]) -> int:
        """Append the items, each as `encode` has it, to what was committed, and bring them to the
        disk; the byte behind them. It blocks."""
        assert self._encode is not None
        self.rewind()
        self.write(b"".join([_bytes(data) for data in map(self._encode, items)]))
        return self.sync()

    def keep(self, offset: int) -> None:
        """Have the offset stored with the next commit."""
        self._state[self._key] = offset

    def confirm(self) -> None:
        """What was kept is committed."""
        self._committed = self._state.get(self._key, 0)
        self._is_ahead = False

    def rewind(self) -> None:
        """Cut off what was not committed. It blocks."""
        if self._is_ahead:
            self._file.seek(self._committed)
            self._file.truncate()
            self.sync()
            self._is_ahead = False

    def sync(self) -> int:
        """Bring what was written to the disk; the byte behind it. It blocks."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _open_at(path: Path, offset: int) -> IO[bytes]:
    is_new = not path.exists()
    if is_new and offset:
        raise FileChanged(path, 0, offset)
    file = path.open("wb" if is_new else "r+b")
    try:
        size = os.fstat(file.fileno()).st_size
        if size < offset:
            raise FileChanged(path, size, offset)
        file.seek(offset)
        file.truncate()
        if is_new:
            _sync_directory(path.parent)
    except BaseException:
        file.close()
        raise
    return file


def _sync_directory(path: Path) -> None:
    """Make a new file's name durable, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
