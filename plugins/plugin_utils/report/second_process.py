# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on many items of which a second process does every other batch, with the results in order.

The results come over a pipe, as marshal writes them: of what json.loads gives it keeps each value, and texts that are
one object stay one. A batch that does not come is worked on here, where what is wrong can be said.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TypeVar

BATCH = 16
"""So many items at a time: the other process is ahead by one batch, which is in memory twice for a moment."""
FEWEST = 200
"""For fewer items, if each takes some milliseconds, the second process costs more than it saves."""
_LENGTH = 8  # bytes, before each batch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    items: Sequence[Item], work: Callable[[Item], Result], *, batch_size: int = BATCH, fewest: int = FEWEST
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item. Results are to be of types that marshal knows, as those of JSON are.

    For fewer than *fewest* items there is no second process.
    """
    if len(items) < fewest or (os.cpu_count() or 1) < 2:
        yield from map(work, items)
        return
    batches = [items[start : start + batch_size] for start in range(0, len(items), batch_size)]
    with _others_work(batches[1::2], work) as stream:
        for number, batch in enumerate(batches):
            received: list[Result] | None = _receive(stream) if number % 2 else None
            yield from map(work, batch) if received is None else received


@contextlib.contextmanager
def _others_work(batches: Sequence[Sequence[Item]], work: Callable[[Item], Result]) -> Iterator[BinaryIO]:
    """Start a process that works on *batches*; give what it writes. It ends when nobody reads any more."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)  # else it would wait for itself when nobody reads any more
        _work(batches, work, writing)
    os.close(writing)
    try:
        with open(reading, "rb") as stream:
            yield stream
    finally:
        os.waitpid(process, 0)


def _work(batches: Sequence[Sequence[Item]], work: Callable[[Item], Result], writing: int) -> None:
    """Be the other process, which ends without what the first one would do at its end."""
    gc.disable()
    try:
        with open(writing, "wb") as stream:
            for batch in batches:
                data = marshal.dumps([work(item) for item in batch])
                stream.write(len(data).to_bytes(_LENGTH, "big"))
                stream.write(data)
                stream.flush()
    finally:
        os._exit(0)


def _receive(stream: BinaryIO) -> list[Result] | None:
    """Return the results of the next batch; None when the other process has ended before."""
    length = stream.read(_LENGTH)
    data = stream.read(int.from_bytes(length, "big")) if len(length) == _LENGTH else b""
    if not data or len(data) < int.from_bytes(length, "big"):
        return None
    results: list[Result] = marshal.loads(data)
    return results
