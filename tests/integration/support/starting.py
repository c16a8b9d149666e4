# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts ansible-playbook from processes that have imported Ansible already: two thirds of a start are the import.

Such a process, a starter, forks for each run, and the fork is what the command ansible-playbook is after its imports.
Ansible reads its settings when it is imported, so each environment has a starter of its own, and names the
configuration. What Ansible prints while it is imported is not seen; a test of that starts the command itself.
This file is also what a starter runs, where nothing of the tests is imported.
"""

from __future__ import annotations

import collections
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

_MOST = 1 << 20
"""Most bytes of the arguments of one run."""
_KEPT = 4
"""Starters that are kept, 80 MB each."""


class _Starter:
    """This process's end of a starter, which ends when it is closed, or when this process ends."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=dict(env), pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def run(self, argv: Sequence[str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook; raise TimeoutExpired when it takes longer. After any exception it has been killed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            message = json.dumps([str(cwd), *argv]).encode()
            socket.send_fds(self._connection, [message], [out.fileno(), err.fileno()])
            pid = self._answer()
            self._connection.settimeout(timeout)
            try:
                status = self._answer()
            except BaseException as problem:
                os.kill(pid, signal.SIGKILL)
                if isinstance(problem, TimeoutError):
                    raise subprocess.TimeoutExpired(list(argv), timeout) from None
                raise
            self._connection.settimeout(None)
            return subprocess.CompletedProcess(list(argv), status, _text_of(out), _text_of(err))

    def _answer(self) -> int:
        answer = self._connection.recv(64)
        if not answer:
            raise AssertionError(f"the process that starts ansible-playbook has ended ({self._process.wait()})")
        return int(answer)

    def close(self) -> None:
        self._connection.close()
        self._process.wait()


def _text_of(file: BinaryIO) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, "utf-8", "backslashreplace").read()


_starters: collections.OrderedDict[frozenset[tuple[str, str]], _Starter] = collections.OrderedDict()
_busy = threading.Lock()


def ansible_playbook(
    *argv: str, env: Mapping[str, str], cwd: Path, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook with a closed standard input and return what it printed, whatever its exit status.

    Raises TimeoutExpired. Runs of several threads come one after the other.
    """
    if "ANSIBLE_CONFIG" not in env:
        raise AssertionError("the environment of a starter names the configuration")
    key = frozenset(env.items())
    with _busy:
        if key not in _starters:
            while len(_starters) >= _KEPT:
                _starters.popitem(last=False)[1].close()
            _starters[key] = _Starter(env)
        _starters.move_to_end(key)
        try:
            return _starters[key].run(argv, cwd, timeout)
        except BaseException:
            # What it would still say is of this run, and would be taken for the next one's.
            _starters.pop(key).close()
            raise


def close_starters() -> None:
    """End all starters; what they keep in ANSIBLE_HOME is gone then."""
    with _busy:
        while _starters:
            _starters.popitem()[1].close()


def _serve(connection: socket.socket) -> None:
    """Fork for each run until the other end is closed."""
    import ansible.cli.playbook  # noqa: F401

    while True:
        message, descriptors, _flags, _address = socket.recv_fds(connection, _MOST, 2)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            connection.close()
            _be_ansible_playbook(json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(b"%d" % pid)
        connection.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _be_ansible_playbook(words: list[str], out: int, err: int) -> NoReturn:
    import ansible.cli.playbook

    status: object = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        cwd, *argv = words
        os.chdir(cwd)
        sys.argv = [str(Path(sys.executable).parent / "ansible-playbook"), *argv]
        ansible.cli.playbook.main(sys.argv)
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # What is registered for the end belongs to the process that forked.
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
