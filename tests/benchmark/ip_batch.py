# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The best that iproute2 can do: enter each named namespace and run one ``ip -j -batch`` there."""

import ctypes
import os
import subprocess

_BATCH = b"link show\naddr show\nroute show table all\nneigh show\n"


def _enter(path: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    if library.setns(descriptor, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), path)
    os.close(descriptor)


def main() -> None:
    """Read every namespace and print how many bytes of JSON came."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    size = 0
    names = [None, *sorted(os.listdir("/run/netns"))]
    library = ctypes.CDLL(None)
    for name in names:
        if name is not None:
            _enter("/run/netns/" + name)
        answer = subprocess.run(["ip", "-d", "-j", "-batch", "-"], input=_BATCH, stdout=subprocess.PIPE, check=True)
        size += len(answer.stdout)
        if name is None:
            size += len(subprocess.run(["bridge", "-j", "fdb"], stdout=subprocess.PIPE, check=True).stdout)
        elif library.setns(home, 0x40000000) != 0:
            raise OSError("cannot return")
    print('{"bytes": %d}' % size)


if __name__ == "__main__":
    main()
