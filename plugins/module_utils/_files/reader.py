# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reading files of a node without being harmed by them.

What lies below ``/etc/cni``, ``/var/lib/cni`` or ``/run`` may be a FIFO, a device, a loop of
links, 50 MB long or not text at all. :class:`Files` opens regular files only, never waits,
reads a limited number of bytes, and turns every failure into an :class:`Error` record. What does
not exist is not an error: most of the paths that podnet.lab knows belong to another distribution.

Symbolic links are followed, because administrators and the kubelet use them (a ConfigMap volume
is a link to ``..data/<key>``, ``..data`` is a link to a dated directory); `within` confines them.
The paths are those of the node's own file system. Nothing below ``/proc/PID/root`` may be read
with this class: there a container would decide where a link leads.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from typing import Any, List, Optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error


MAX_BYTES = 1024 * 1024
"""Longest file that is read. The longest real one, a CNI result or a manifest, has a few kB."""

MAX_ENTRIES = 65536 + 16
"""Most entries of a directory that are listed: one lease per address of a /16, and some."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_REMEDIES = {
    errno.EACCES: "Run the task with become: true.",
    errno.EPERM: "Run the task with become: true.",
    errno.ELOOP: "Remove the loop of symbolic links.",
}
_MAX_DIGITS = 400


def printable(text: str) -> str:
    """Return `text` without lone surrogates, so that Ansible accepts it in a result.

    Each byte that was not UTF-8 becomes ``\\xNN``; different names stay different.
    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte, as from a JSON escape
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number has more than %d digits" % _MAX_DIGITS)
    return int(digits)


def _constant(name: str) -> Any:
    raise ValueError("%s is not JSON" % name)


def reject_surrogates(text: str) -> None:
    """Raise ValueError when `text` holds a lone surrogate, which no UTF-8 result can carry."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair") from None


def load_json(text: str) -> Any:
    """Return the value of one JSON text (RFC 8259); raise ValueError for anything else.

    Nesting that exceeds the interpreter's stack, numbers with hundreds of digits, NaN and
    escapes of lone surrogates are ValueErrors as well.
    """
    try:
        value = json.loads(text.lstrip("\ufeff"), parse_int=_integer, parse_constant=_constant)
        if "\\ud" in text or "\\uD" in text:
            reject_surrogates(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


class Files:
    """The files below `root`; what could not be read collects in `errors`.

    Every path that goes in or out is the node's (``/etc/cni/net.d/10-x.conf``), whatever `root`
    is. After `deadline` (of :func:`time.monotonic`) nothing is read any more, `timed_out` is true
    and one error says so.
    """

    def __init__(self, root: str = "/", deadline: Optional[float] = None) -> None:
        self.root = root.rstrip("/")
        self.deadline = deadline
        self.timed_out = False
        self.errors: List[Error] = []

    def fail(self, path: str, cause: str, remedy: str) -> None:
        """Note that `path` could not be used."""
        self.errors.append({"object": printable(path), "cause": printable(cause), "remedy": remedy})

    def _fail_os(self, path: str, error: OSError) -> None:
        if error.errno not in _ABSENT:
            cause = "%s (%s)" % (os.strerror(error.errno or 0), errno.errorcode.get(error.errno or 0, "?"))
            remedy = _REMEDIES.get(error.errno or 0, "Look at the file on the node.")
            self.fail(path, "It cannot be read: %s." % cause, remedy)

    def _late(self, path: str) -> bool:
        if not self.timed_out and self.deadline is not None and time.monotonic() > self.deadline:
            self.timed_out = True
            self.fail(path, "The time was up before this was read, and nothing after it was.", "Raise the timeout.")
        return self.timed_out

    def text(self, path: str, limit: int = MAX_BYTES, within: Optional[str] = None) -> Optional[str]:
        """Return what :meth:`data` returns, decoded as UTF-8 with ``backslashreplace``."""
        data = self.data(path, limit, within)
        return None if data is None else data.decode("utf-8", "backslashreplace")

    def data(self, path: str, limit: int = MAX_BYTES, within: Optional[str] = None) -> Optional[bytes]:
        """Return the content of a regular file.

        None when it does not exist or could not be read; the latter is in `errors`.
        A file of more than `limit` bytes is refused, not cut. With `within`, a file that symbolic
        links lead out of that directory is refused.
        """
        if self._late(path):
            return None
        real = self.root + path
        if "\0" in path:
            self.fail(path.replace("\0", "\\x00"), "The name holds a NUL byte.", "Correct the path.")
            return None
        try:
            if within is not None:
                trusted = os.path.realpath(self.root + within)
                if os.path.commonpath((trusted, os.path.realpath(real))) != trusted:
                    self.fail(path, "A symbolic link leads out of %s." % within, "Look at the link on the node.")
                    return None
            # Opening a device can have effects (a tape rewinds, a watchdog starts): look first.
            if not self._regular(path, os.stat(real)):
                return None
            descriptor = os.open(real, _FLAGS)
            try:
                if not self._regular(path, os.fstat(descriptor)):
                    return None
                data = _read(descriptor, limit + 1)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._fail_os(path, error)
            return None
        if len(data) > limit:
            self.fail(path, "It is longer than %d bytes." % limit, "Look at the file on the node.")
            return None
        return data

    def _regular(self, path: str, status: os.stat_result) -> bool:
        if stat.S_ISREG(status.st_mode):
            return True
        self.fail(path, "It is not a regular file.", "Remove it, or put a regular file in its place.")
        return False

    def json(self, path: str, limit: int = MAX_BYTES) -> Any:
        """Return the value of a JSON file, or None as :meth:`text` does and when it is not JSON."""
        text = self.text(path, limit)
        if text is None:
            return None
        try:
            return load_json(text)
        except ValueError as error:
            self.fail(path, "It is not JSON: %s." % error, "Correct or remove the file.")
            return None

    def names(self, path: str, limit: int = MAX_ENTRIES) -> List[str]:
        """Return the sorted names in a directory; empty when there is none or it cannot be read.

        A name that is not UTF-8 is left out and noted: nothing that podnet.lab reads has one.
        Of a directory with more than `limit` entries the kernel's first `limit` are returned, with
        an error.
        """
        if self._late(path):
            return []
        names: List[str] = []
        try:
            with os.scandir(self.root + path) as entries:
                for count, entry in enumerate(entries):
                    if count == limit:
                        self.fail(path, "It has more than %d entries." % limit, "Clear the directory.")
                        break
                    if printable(entry.name) != entry.name:
                        self.fail(path + "/" + entry.name, "The name is not UTF-8.", "Remove or rename it.")
                        continue
                    names.append(entry.name)
        except OSError as error:
            self._fail_os(path, error)
        return sorted(names)

    def exists(self, path: str) -> bool:
        """Tell whether anything is at `path` (links followed); False when that cannot be told."""
        return os.path.exists(self.root + path)

    def is_directory(self, path: str) -> bool:
        """Tell whether `path` is a directory (links followed)."""
        return os.path.isdir(self.root + path)

    def modified(self, path: str) -> Optional[float]:
        """Return the time of the last change of `path` in seconds since the epoch, or None."""
        try:
            return os.stat(self.root + path).st_mtime
        except OSError:
            return None


def _read(descriptor: int, limit: int) -> bytes:
    chunks: List[bytes] = []
    while limit > 0:
        chunk = os.read(descriptor, min(limit, 65536))
        if not chunk:
            break
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)
