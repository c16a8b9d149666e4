# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Archives of offline bundles, read and written from front to back: ``.tar``, ``.tar.gz``, ``.tar.xz``, ``.tar.zst``.

Python up to 3.13 has no Zstandard: the program ``zstd`` does it.
"""

# run_command cannot stream through a program; ansible-core before 2.21 does not know that check.
# pylint: disable=unknown-option-value,ansible-bad-function

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

MODES: Dict[str, Any] = {".tar": "w", ".tar.gz": "w:gz", ".tar.xz": "w:xz", ".tar.zst": "zst"}
"""Endings of archives, and how tarfile calls what they are; Zstandard is none of its."""

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878


def archive_kind(path: str) -> Any:
    """Return how an archive of that name is written, a value of MODES, or None when its ending is none of them."""
    return next((mode for ending, mode in MODES.items() if path.endswith(ending)), None)


def zstd() -> str:
    """Return the path of the program zstd. Raises OSError when it is not there."""
    program = shutil.which("zstd")
    if program is None:
        raise OSError("the program zstd is not on this machine: install the package zstd")
    return program


@contextmanager
def reading(path: str) -> Iterator[tarfile.TarFile]:
    """Open an archive for reading from front to back. Raises OSError and tarfile.TarError."""
    with open(path, "rb") as opened:
        compressed = opened.read(4) == _ZSTD_MAGIC
    if not compressed:
        with tarfile.open(path, "r|*") as archive:
            yield archive
        return
    with subprocess.Popen([zstd(), "-dcq", "--", path], stdout=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                yield archive
        finally:
            process.terminate()


def first_member(path: str, name: str, limit: int) -> Optional[bytes]:
    """Return an archive's first file if it has that name, `limit` bytes at most; None when there is no such one."""
    try:
        with reading(path) as archive:
            member = archive.next()
            opened = archive.extractfile(member) if member is not None and member.name == name else None
            return opened.read(limit) if opened is not None else None
    except (OSError, tarfile.TarError, EOFError):
        return None


def write_archive(path: str, folder: str, members: Iterable[Tuple[str, int]]) -> None:
    """Write files of a folder, each a path in it and a mode, in their order: the whole archive or none.

    Raises OSError and tarfile.TarError.
    """
    part = path + ".part"
    kind = archive_kind(path)
    try:
        if kind == "zst":
            _write_zstd(part, folder, members)
        else:
            with tarfile.open(part, kind or "w") as archive:
                _add(archive, folder, members)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _write_zstd(part: str, folder: str, members: Iterable[Tuple[str, int]]) -> None:
    command = [zstd(), "-T0", "-q", "-f", "-o", part]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
                _add(archive, folder, members)
        except BrokenPipeError:
            pass  # zstd ended early, and says why
        except BaseException:
            process.kill()
            raise
        said = process.communicate()[1]
    if process.returncode != 0:
        raise OSError("zstd failed: " + " ".join(said.decode(errors="replace").split()))


def _add(archive: tarfile.TarFile, folder: str, members: Iterable[Tuple[str, int]]) -> None:
    for name, mode in members:
        with open(os.path.join(folder, name), "rb") as opened:
            info = tarfile.TarInfo(name)
            info.size, info.mode = os.fstat(opened.fileno()).st_size, mode
            archive.addfile(info, opened)
