# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throwaway world: a stand-in for a node, made of fresh namespaces, that dies with its test.

A world has its own network, mount, PID, IPC and UTS namespaces, its own ``/run``, ``/var/lib``,
``/var/log``, ``/etc``, ``/proc`` and ``/sys``. ``ip netns``, CNI plugins and fact modules work in it as on
a node and touch nothing of the machine. Its PID 1 reads a pipe that the test process holds:
when the test process ends, however it ends, the kernel ends every process of the world and with them its
mounts, links and namespaces.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

CHECKOUT = Path(__file__).resolve().parents[3]
COLLECTIONS = CHECKOUT / ".venv" / "collections"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

FULL = ("default", "addresses", "ends", "links", "connected_routes", "fdb", "sources")
"""The subsets that the defaults leave out to stay small and that a comparison with iproute2 needs."""

Arg: TypeAlias = str | bytes | Path | int

# SIGCHLD ignored is inherited by exec: the kernel then reaps for PID 1, whatever dies in the world.
_INIT = """
set -eu
awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "nsfs") print $5 }' /proc/self/mountinfo |
  while read -r held; do umount -l "$held" 2>/dev/null || true; done
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mkdir -m 755 /run/.etc /run/netns
cp -dR --preserve=mode,timestamps,links /etc/. /run/.etc/ 2>/dev/null || true
mount --bind /run/.etc /etc
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /var/lib
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /var/log
mkdir -m 700 /run/.sysfs
mount -t sysfs -o nosuid,nodev,noexec sysfs /run/.sysfs
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
hostname "$1"
echo "$1" > /etc/hostname
ip link set lo up
trap '' CHLD
echo ready
exec cat
"""


class WorldUnavailableError(Exception):
    """This machine does not let the caller make a world; the message says why."""


def _unshare_command() -> list[str]:
    base = ["unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() == 0:
        return base
    with_range = ["unshare", "--user", "--map-root-user", "--map-auto"]
    if subprocess.run([*with_range, "true"], capture_output=True, check=False).returncode == 0:
        return [*with_range, *base[1:]]
    return ["unshare", "--user", "--map-root-user", *base[1:]]


def _child_of(pid: int) -> int:
    """The one child of `pid` (the PID 1 of the world that unshare forked)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


class CommandFailedError(AssertionError):
    """A command in a world failed; the message holds the command, its status and what it said."""


class World:
    """One throwaway world. Make it with `open_world`; tests get it as the fixture ``world``."""

    def __init__(self, process: subprocess.Popen[bytes], pid: int, scratch: Path) -> None:
        self._process = process
        self._spawned: list[subprocess.Popen[bytes]] = []
        self.pid = pid
        """PID of the world's init, as the machine sees it."""
        self.scratch = scratch
        """A directory that the machine and the world both see."""
        self._tmp = scratch / "tmp"  # what a killed command leaves goes with the world
        self._tmp.mkdir()
        self._tmp.chmod(0o1777)
        self.rootless = os.geteuid() != 0

    # -- commands -------------------------------------------------------------------------------------

    def enter(self, *, netns: Arg | None = None) -> list[str]:
        """The command prefix that puts a command into the world.

        `netns` is a name under ``/run/netns``, or an absolute path in the world that holds a network namespace.
        """
        prefix = ["nsenter", f"--target={self.pid}"]
        if self.rootless:
            prefix += ["--user", "--preserve-credentials"]
        # Where the tests run in a chroot, the root of the mount namespace would be the machine's own.
        prefix += ["--net", "--mount", "--pid", "--ipc", "--uts", "--root", "--"]
        if netns is not None:
            text = os.fsdecode(netns) if isinstance(netns, (bytes, Path)) else str(netns)
            prefix += ["nsenter", "--net=" + (text if text.startswith("/") else "/run/netns/" + text), "--"]
        return prefix

    def _argv(self, argv: Sequence[Arg], netns: Arg | None) -> list[str | bytes]:
        return [*self.enter(netns=netns), *(item if isinstance(item, (str, bytes)) else str(item) for item in argv)]

    def run(
        self,
        *argv: Arg,
        netns: Arg | None = None,
        stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the world and wait for it; raise `CommandFailedError` when it fails and `check` is set."""
        command = self._argv(argv, netns)
        done = subprocess.run(
            command,
            input=stdin.encode() if isinstance(stdin, str) else stdin if stdin is not None else b"",
            env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", "TMPDIR": str(self._tmp), **(env or {})},
            capture_output=True,
            check=False,
            timeout=timeout,
        )
        out, err = _decode(done.stdout), _decode(done.stderr)
        if check and done.returncode != 0:
            raise CommandFailedError(
                f"{argv!r} (netns {netns!r}) ended with {done.returncode}: {err.strip()}\n{out[-4000:]}"
            )
        return subprocess.CompletedProcess([str(item) for item in command], done.returncode, out, err)

    def sh(self, script: str, *args: Arg, netns: Arg | None = None, check: bool = True) -> str:
        """Run a shell script (``sh -eu``) in the world and return what it printed."""
        return self.run("sh", "-euc", script, "sh", *args, netns=netns, check=check).stdout

    def ip(self, *argv: Arg, netns: Arg | None = None) -> str:
        """Run iproute2's ``ip`` in the world."""
        return self.run("ip", *argv, netns=netns).stdout

    def spawn(self, *argv: Arg, netns: Arg | None = None) -> int:
        """Start a command in the background; the answer is its PID as the world counts."""
        launcher = ["sh", "-c", 'echo $$; exec "$@" >/dev/null 2>&1 </dev/null', "sh"]
        process = subprocess.Popen(
            self._argv([*launcher, *argv], netns),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "PATH": PATH},
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.stdout.close()
        self._spawned.append(process)
        if not line.strip().isdigit():
            raise CommandFailedError(f"{argv!r} did not start in the world")
        return int(line)

    def kill(self, pid: int) -> None:
        """End one process of the world, by the PID that the world knows it by, and wait until it is gone."""
        self.sh(
            'kill -KILL "$1"; while [ -e "/proc/$1/ns/net" ] && readlink "/proc/$1/ns/net"; do sleep 0.01; done', pid
        )

    # -- Python and Ansible ---------------------------------------------------------------------------

    def python(
        self,
        source: str,
        *args: Arg,
        netns: Arg | None = None,
        interpreter: str = sys.executable,
        timeout: float = 60,
    ) -> Any:
        """Run Python source in the world; what it prints on standard output is JSON and is returned.

        The collection is importable as ``ansible_collections.podnet.lab`` (for ``plugins.module_utils``).
        """
        env = {"PYTHONPATH": str(COLLECTIONS), "PYTHONDONTWRITEBYTECODE": "1"}
        return json.loads(
            self.run(interpreter, "-c", source, *args, netns=netns, env=env, timeout=timeout).stdout or "null"
        )

    def ansible_env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment in which Ansible runs here: nothing of the machine's configuration, no traces at home."""
        state = self.scratch / "ansible"
        state.mkdir(exist_ok=True)
        config = state / "ansible.cfg"
        config.touch()
        return {
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(state / "home"),
            "ANSIBLE_LOCAL_TEMP": str(state / "local"),
            "ANSIBLE_REMOTE_TMP": str(state / "remote"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(state / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_DEPRECATION_WARNINGS": "0",
            "ANSIBLE_PIPELINING": "1",
            **(extra or {}),
        }

    def module(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        *,
        interpreter: str = sys.executable,
        check_mode: bool = False,
        netns: Arg | None = None,
        env: Mapping[str, str] | None = None,
        fail_ok: bool = False,
        timeout: float = 120,
    ) -> dict[str, Any]:
        """Run one module through Ansible itself (``ansible localhost -c local``); the answer is its result.

        `name` without a dot is one of this collection's. Fails the test when the module fails,
        unless `fail_ok` is set.
        """
        fqcn = name if "." in name else "podnet.lab." + name
        command: list[Arg] = [
            Path(sys.executable).parent / "ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", fqcn,
            "-e", json.dumps({"ansible_python_interpreter": interpreter}),
        ]  # fmt: skip
        if args:
            command += ["-a", json.dumps(dict(args))]
        if check_mode:
            command.append("--check")
        done = self.run(*command, netns=netns, env=self.ansible_env(env), check=False, timeout=timeout)
        head, arrow, body = done.stdout.partition(" => ")
        if not arrow:
            raise CommandFailedError(
                f"ansible -m {fqcn} gave no result ({done.returncode}): {done.stderr}\n{done.stdout}"
            )
        result, _end = json.JSONDecoder().raw_decode(body)
        assert isinstance(result, dict)
        result["failed"] = "FAILED" in head or "UNREACHABLE" in head
        if result["failed"] and not fail_ok:
            raise CommandFailedError(f"{fqcn} {args!r} failed: {json.dumps(result, indent=1)[:4000]}\n{done.stderr}")
        result["_stderr"] = done.stderr
        return result

    def facts(self, name: str, subset: Sequence[str] | None = None, **options: Any) -> dict[str, Any]:
        """The ``ansible_facts`` of one fact module, run through Ansible with this ``gather_subset``."""
        args = {} if subset is None else {"gather_subset": list(subset)}
        facts = self.module(name, args, **options)["ansible_facts"]
        assert isinstance(facts, dict)
        return facts

    def playbook(
        self,
        text: str,
        *argv: Arg,
        interpreter: str = sys.executable,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 180,
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook, given as YAML text, against localhost (local connection) in the world."""
        path = self.scratch / f"play{time.monotonic_ns()}.yml"
        path.write_text(text, encoding="utf-8")
        return self.run(
            Path(sys.executable).parent / "ansible-playbook", path, "-i", "localhost,", "-c", "local",
            "-e", json.dumps({"ansible_python_interpreter": interpreter}), *argv,
            env=self.ansible_env(env), check=check, timeout=timeout,
        )  # fmt: skip

    # -- namespaces -----------------------------------------------------------------------------------

    def netns(self, name: str) -> int:
        """Make a named network namespace (``ip netns add``) with loopback up; the answer is its inode."""
        self.ip("netns", "add", name)
        self.ip("link", "set", "lo", "up", netns=name)
        return self.inode("/run/netns/" + name)

    def inode(self, path: Arg = "/proc/self/ns/net") -> int:
        """The inode of the network namespace that a path of the world leads to."""
        return int(self.run("stat", "-Lc", "%i", "--", path).stdout)

    def net_inodes(self) -> set[int]:
        """Inode of every network namespace that a process or a mount of the world holds."""
        script = (
            "readlink /proc/[0-9]*/task/[0-9]*/ns/net 2>/dev/null || true;"
            'awk \'{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "nsfs") print $4 }\' /proc/self/mountinfo'
        )
        return {int(inode) for inode in re.findall(r"net:\[(\d+)\]", self.sh(script))}

    # -- the end --------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the world: its PID 1, and with it everything in it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in self._spawned:
            process.wait(timeout=10)


def _holders(inodes: set[int]) -> list[str]:
    """Who on the machine still holds one of these network namespaces: processes and mounts."""
    wanted = {f"net:[{inode}]" for inode in inodes}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns" / "net") in wanted:
                found.append(str(process))
        except OSError:
            continue
    with open("/proc/self/mountinfo", encoding="utf-8", errors="backslashreplace") as mounts:
        found += [line for line in mounts if line.split()[3] in wanted]
    return found


def _start(name: str, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], int]:
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool, path=PATH) is None:
            raise WorldUnavailableError(f"no {tool} on this machine: install util-linux and iproute2")
    process = subprocess.Popen(
        [*_unshare_command(), "sh", "-c", _INIT, "world-init", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        process.kill()
        process.wait()
        log.seek(0)
        said = _decode(log.read()).strip()
        raise WorldUnavailableError(f"this machine does not let us make namespaces of our own (unshare said: {said})")
    return process, _child_of(process.pid)


@contextmanager
def open_world(name: str = "world") -> Iterator[World]:
    """Make a world, and end it; raise `WorldUnavailableError` when it cannot be made.

    At the end the machine is searched for processes and mounts that still hold a network namespace of the world.
    """
    with tempfile.TemporaryDirectory(prefix="podnet-world-") as scratch, tempfile.TemporaryFile() as log:
        os.chmod(scratch, 0o755)
        process, pid = _start(name, log)
        world = World(process, pid, Path(scratch))
        try:
            yield world
        finally:
            inodes = world.net_inodes() if process.poll() is None else set()
            world.close()
            left = _holders(inodes)
            for _attempt in range(100):
                if not left:
                    break
                time.sleep(0.02)
                left = _holders(inodes)
            assert not left, f"the world left behind: {left}"
