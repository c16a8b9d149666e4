# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pod that goes on asking a Service by UDP from one port, so that its flow lives however slow a build is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .lab import Lab

_ANSWERS = "/run/answers"
# Prints each answer that is another than the last, for longer than a test takes.
_ASKS_ON = (
    "import socket, sys, time\n"
    "family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET\n"
    "s = socket.socket(family, socket.SOCK_DGRAM); s.bind(('', 4444)); s.settimeout(1)\n"
    "s.connect((sys.argv[1], 5000)); last = b''; end = time.monotonic() + 600\n"
    "while time.monotonic() < end:\n"
    "    time.sleep(0.2)\n"
    "    try:\n"
    "        s.send(b'x'); answer = s.recv(99)\n"
    "    except OSError: continue\n"
    "    if answer != last: print(answer.decode(), flush=True)\n"
    "    last = answer\n"
)


@contextmanager
def asking_on(lab: Lab, node: str, netns: str, virtual: str) -> Iterator[Callable[[int], list[list[str]]]]:
    """Ask in the background; what is given waits until so many different answers came, and returns their words."""
    ask = f'exec nsenter --net=/run/netns/{netns} python3 -c "{_ASKS_ON}" {virtual}'
    pid = lab.sh(node, f"({ask}) </dev/null >{_ANSWERS} 2>/dev/null & echo $!").strip()

    def answers(number: int) -> list[list[str]]:
        for _attempt in range(60):
            found = [line.split() for line in lab.sh(node, f"cat {_ANSWERS}").splitlines()]
            if len(found) >= number:
                break
            time.sleep(0.5)
        return found

    try:
        yield answers
    finally:
        lab.sh(node, f"kill {pid}; rm {_ANSWERS}")
