# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The node's key for WireGuard: made on the node, and read there only. Its public half is for the other nodes."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Dict, Optional

from ansible.module_utils.basic import AnsibleModule

from .step import LAB_ARGUMENT, Step
from .store import Store

PROGRAMS = {"wg": "wireguard-tools"}
"""Programs that WireGuard needs, and the packages that have them."""
KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw480]=\Z")
"""32 bytes in base64, as wg(8) writes keys; the last digit before the sign has two bits that are zero."""


def key_path(lab: str) -> str:
    """Return where the private key is kept. /run is in memory, so that a reboot takes it away."""
    return Store(lab).path + "/wireguard.key"


def read_key(path: str) -> Optional[str]:
    """Return the private key; None when there is none that only root can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != 0o600 or status.st_uid != 0:
            return None
        text = os.read(descriptor, 64).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    return text if KEY.match(text) else None


def write_key(path: str, text: str) -> None:
    """Write the private key to a file that nobody else can read at any time."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = path + ".new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(text + "\n")
    os.rename(temporary, path)


def remove_key(lab: str) -> None:
    """Remove the private key, and the directories that are empty then."""
    for path in (key_path(lab), key_path(lab) + ".new"):
        if os.path.lexists(path):
            os.unlink(path)
    Store(lab).tidy()


def public_key(step: Step, private: str) -> str:
    """Return the public half of a key."""
    status, out, err = step.module.run_command([step.tool("wg", PROGRAMS["wg"]), "pubkey"], data=private + "\n")
    if status != 0 or not KEY.match(out.strip()):
        step.failed("wg pubkey", err)
    return str(out.strip())


ARGUMENTS: Dict[str, Any] = {"argument_spec": {"lab": LAB_ARGUMENT}}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    wg, path = step.tool("wg", PROGRAMS["wg"]), key_path(step.lab)
    private = read_key(path)
    before = ["%s, not shown" % path] if private is not None else []
    if private is None:
        step.commands.append("(umask 077; wg genkey > %s)" % path)
    if private is None and step.real:
        status, out, err = module.run_command([wg, "genkey"])
        private = out.strip()
        if status != 0 or not KEY.match(private):
            step.failed("wg genkey", err)
        write_key(path, private)
    step.exit(
        before=before,
        after=["%s, not shown" % path],
        see=["wg pubkey < " + path],
        public_key=public_key(step, private) if private is not None else None,
    )
