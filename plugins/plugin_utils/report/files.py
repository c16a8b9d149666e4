# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report folder: node files in it, and files written so that nobody ever sees half of one.

reports/2026-11-20T110504Z/nodes/node1.json
reports/2026-11-20T110504Z/report.json
reports/2026-11-20T110504Z/report.md
reports/latest -> 2026-11-20T110504Z
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..model.records import Error, Json, Superseded
from ..text.escape import visible

NODES = "nodes"
LATEST = "latest"
CHECK_MARK = ".podnet-check"
"""Marks the folder of a run in check mode, which is removed again once its summary was shown."""

_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")
_NAME_LIMIT = 200
"""Longest file name that is made from a host name; common file systems take 255 bytes."""
_FILE_LIMIT = 512 * 1024 * 1024
"""Largest node file that is read, in bytes."""


class FolderError(Exception):
    """A report folder cannot be used; the message says which, why, and what to do."""


def safe_name(name: str) -> str:
    """Return *name*, an inventory name for example, as a file name without a suffix.

    Letters, digits, ``-``, ``_`` and inner dots stay; every other byte becomes ``%XX``, so that
    no name leaves the folder, hides its file, or shares one with another name.
    """
    written = name.encode("utf-8", "backslashreplace")
    safe = _UNSAFE.sub(lambda found: b"%%%02X" % ord(found[0]), written).decode("ascii")
    if safe[:1] in ("", "."):
        safe = f"%2E{safe[1:]}" if safe else "%"
    if len(safe) > _NAME_LIMIT:
        safe = f"{safe[:_NAME_LIMIT]}%{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}"
    return safe


def node_file_name(host: str) -> str:
    """Return the file name for an inventory name."""
    return f"{safe_name(host)}.json"


def time_name(now: datetime) -> str:
    """Return a folder name for a point in time, without signs that file systems or shells dislike."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")


def timestamp(now: datetime) -> str:
    """Return a point in time as node files hold it: ISO 8601, UTC, in milliseconds."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_folder(path: Path) -> None:
    """Make the report folder *path* and what it needs above it; raise FolderError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise FolderError(
            f"The report folder {path} cannot be made: {exc.strerror}. Name another one with podnet_report_dir"
        ) from exc
    if not os.access(path, os.W_OK | os.X_OK):
        raise FolderError(f"The report folder {path} is not writable. Name another one with podnet_report_dir")


def make_timed_folder(base: Path, now: datetime) -> Path:
    """Make and return a folder in *base* that is named after *now* and belongs to this run alone."""
    make_folder(base)
    for number in range(1, 100):
        path = base / (time_name(now) if number == 1 else f"{time_name(now)}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as exc:
            raise FolderError(f"The report folder {path} cannot be made: {exc.strerror}") from exc
        return path
    raise FolderError(
        f"{base} already holds a hundred reports of {time_name(now)}. Name a folder with podnet_report_dir"
    )


def remove_if_empty(folder: Path) -> None:
    """Remove *folder* when nothing is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def write(path: Path, text: str | Iterable[str]) -> None:
    """Write *text*, or its pieces, to *path* in one step: readers see the old file or the new one.

    Raise FolderError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.writelines([text] if isinstance(text, str) else text)
                os.fchmod(stream.fileno(), 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as exc:
        raise FolderError(f"{path} cannot be written: {exc.strerror}. Nothing of it was changed") from exc


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def point_latest(folder: Path) -> str | None:
    """Let the link ``latest`` beside *folder* lead to it; return a warning when something else is in its place."""
    link = folder.parent / LATEST
    if link.exists() and not link.is_symlink():
        return f"{link} is not a link, so it was left alone and does not lead to this report"
    temporary = folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(folder.name)
        os.replace(temporary, link)
    except OSError as exc:
        return f"{link} cannot be set: {exc.strerror}"
    return None


_encode = json.JSONEncoder(check_circular=False).encode
"""Values come from JSON or become it: none holds itself, and looking out for that takes an eighth of the time."""


def layered_json(value: Json, depth: int) -> str:
    """Return *value* as JSON with one line for each entry down to *depth*, and compact below.

    Good to read line by line, to search with grep and to compare with diff, and written an
    order of magnitude faster than fully indented JSON. The text is pure ASCII.
    """
    return "".join(layered_pieces(value, depth))


def layered_pieces(
    value: Json, depth: int, indent: str = "", runs: Callable[[Sequence[Json], str], Iterable[str]] | None = None
) -> Iterator[str]:
    """Yield the text of `layered_json` piece by piece: that of a large fleet is never in memory as a whole.

    *runs* is what a list of entries of one line each becomes a text by: `encoded` of its parts, and what it is given
    between these.
    """
    if not (depth and value and isinstance(value, (dict, list))):
        yield _encode(value)
        return
    inner = indent + " "
    between = ",\n" + inner
    if isinstance(value, list) and depth == 1 and runs is not None:
        yield "[\n" + inner
        yield from runs(value, between)
        yield f"\n{indent}]"
        return
    entries = value.items() if isinstance(value, dict) else (("", one) for one in value)
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    separator = first + "\n" + inner
    for key, one in entries:
        yield f"{separator}{_encode(key)}: " if isinstance(value, dict) else separator
        if depth == 1:
            yield _encode(one)
        else:
            yield from layered_pieces(one, depth - 1, inner, runs)
        separator = between
    yield f"\n{indent}{last}"


def encoded(entries: Iterable[Json], between: str) -> str:
    """Return *entries* as JSON, each without a line end in it, with *between* between two."""
    return between.join(map(_encode, entries))


class Source(NamedTuple):
    """One node file: where it is, what it holds, or why it cannot be read."""

    path: Path
    document: Json
    error: Error | None

    def head(self) -> Source:
        """Return the same without what is only needed once: who was read, and when."""
        if not isinstance(self.document, dict):
            return self
        return self._replace(document={key: self.document.get(key) for key in ("host", "collected_at")})

    @property
    def host(self) -> str:
        """The inventory name in the file, or what its file name says."""
        if isinstance(self.document, dict) and isinstance(self.document.get("host"), str):
            return str(self.document["host"])
        return re.sub(r"%([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), self.path.stem)

    @property
    def collected_at(self) -> str | None:
        """When the node was read, as its file says."""
        if isinstance(self.document, dict) and isinstance(self.document.get("collected_at"), str):
            return str(self.document["collected_at"])
        return None

    @property
    def age(self) -> datetime:
        """When the node was read; the beginning of time when its file does not say."""
        try:
            moment = datetime.fromisoformat(self.collected_at or "")
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def node_files(folder: Path) -> list[Path]:
    """Return the node files of a report folder, or of a ``nodes`` folder itself, sorted; raise FolderError."""
    nodes = folder / NODES if (folder / NODES).is_dir() else folder
    try:
        found = sorted(path for path in nodes.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    except OSError as exc:
        raise FolderError(f"{folder} cannot be read: {exc.strerror}. Name a report folder or its nodes folder") from exc
    if nodes == folder:
        found = [path for path in found if path.name != "report.json"]
    if not found:
        raise FolderError(f"{folder} holds no node files (nodes/*.json). Name a report folder or its nodes folder")
    return found


def read_source(path: Path) -> Source:
    """Return the node file *path*. What cannot be read is an error in the result: others go on."""
    try:
        # A pipe or a device in the folder must neither block nor flood the report.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return Source(path, None, _unusable(path, "it is not a regular file"))
            if status.st_size > _FILE_LIMIT:
                return Source(path, None, _unusable(path, f"it is larger than {_FILE_LIMIT} bytes"))
            text = stream.read().decode("utf-8")
        return Source(path, json.loads(text), None)
    except OSError as exc:
        return Source(path, None, _unusable(path, exc.strerror or str(exc)))
    except json.JSONDecodeError as exc:
        cause = f"it is not complete JSON: {exc.msg} in line {exc.lineno}, column {exc.colno}"
        return Source(path, None, _unusable(path, cause))
    except (ValueError, RecursionError) as exc:
        return Source(path, None, _unusable(path, f"it is not JSON that can be used: {visible(str(exc))}"))


def _unusable(path: Path, cause: str) -> Error:
    return {"object": str(path), "cause": cause, "remedy": "Read the node again, or remove the file"}


def newest(sources: Iterable[Source]) -> tuple[list[Source], list[Superseded]]:
    """Return one source for each host, the one that was read last, and what was left out for it.

    A file that cannot be read only counts when there is no other of its host.
    """
    best: dict[str, Source] = {}
    left_out: list[Superseded] = []
    for source in sources:
        known = best.get(source.host)
        if known is None:
            best[source.host] = source
            continue
        newer, older = (source, known) if _rank(source) > _rank(known) else (known, source)
        best[source.host] = newer
        left_out.append(
            {
                "host": older.host,
                "collected_at": older.collected_at,
                "source": str(older.path),
                "newer": str(newer.path),
            }
        )
    return list(best.values()), left_out


def _rank(source: Source) -> tuple[bool, datetime]:
    return (source.error is None, source.age)
