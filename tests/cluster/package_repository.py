# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package repository like upstream's: stand-in packages by upstream's names, an index, a throw-away key, a server.

The layout is that of a flat repository, https://wiki.debian.org/DebianRepository/Format#Flat_Repository_Format.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAMS = ("gpg", "dpkg-deb")


@dataclasses.dataclass(frozen=True)
class Package:
    """A package: its files by their absolute paths, from files of this machine or as bytes."""

    name: str
    version: str
    files: Mapping[str, Path | bytes]
    depends: str = ""


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that signs: its home, its fingerprint and its public part."""

    home: Path
    fingerprint: str
    public: str


def missing() -> list[str]:
    """Return the programs that this machine lacks for it."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def make_key(home: Path) -> Key:
    """Return a new key."""
    home.mkdir(mode=0o700)
    _gpg(home, "--passphrase", "", "--quick-generate-key", "stand-in", "rsa2048", "sign", "never")
    listed = _gpg(home, "--with-colons", "--list-keys")
    fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
    return Key(home, fingerprint, _gpg(home, "--armor", "--export"))


def publish(folder: Path, packages: list[Package], key: Key) -> None:
    """Build packages into a folder, and the folder's index, signed."""
    folder.mkdir()
    entries = []
    for package in packages:
        control = _build(folder, package)
        file = folder / f"{package.name}.deb"
        entries.append(f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {_sum(file)}\n")
    index = folder / "Packages"
    index.write_text("\n".join(entries), encoding="utf-8")
    listed = f"SHA256:\n {_sum(index)} {index.stat().st_size} Packages\n"
    release = f"Origin: stand-in\nDate: Wed, 13 Jan 2021 13:20:00 UTC\n{listed}"
    (folder / "Release").write_text(release, encoding="utf-8")
    _gpg(key.home, "--yes", "--clearsign", "--output", str(folder / "InRelease"), str(folder / "Release"))


@contextmanager
def served(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder at an address of this machine; give the URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((address, 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _build(folder: Path, package: Package) -> str:
    """Build a package and return its control fields."""
    tree = folder / f".{package.name}"
    for path, source in package.files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            shutil.copyfile(source, target)
        target.chmod(0o755 if "/bin/" in path or "/sbin/" in path else 0o644)
    fields = {
        "Package": package.name,
        "Version": package.version,
        "Architecture": "amd64",
        "Maintainer": "stand-in <root@localhost>",
        "Depends": package.depends,
        "Description": "stand-in",
    }
    control = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (tree / "DEBIAN" / "control").write_text(control, encoding="utf-8")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(folder / f"{package.name}.deb")],
        check=True, capture_output=True,
    )  # fmt: skip
    shutil.rmtree(tree)
    return control


def _gpg(home: Path, *argv: str) -> str:
    done = subprocess.run(
        ["gpg", "--batch", "--quiet", "--homedir", str(home), *argv],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
