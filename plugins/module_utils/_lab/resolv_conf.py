# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The resolv.conf of each pod, where ``ip netns exec`` looks for it: ``/etc/netns/NAME/resolv.conf`` (ip-netns(8)).

Containers get the file over their own ``/etc/resolv.conf``, as the kubelet has it done.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from .._files.reader import Files
from .names import link_alias, resolv_conf_path
from .step import LAB_ARGUMENT, Step, check_netns, netns_name

_WORD = re.compile(r"[a-z0-9][-a-z0-9.:]{0,252}\Z")
_DIRECTORY = "/etc/netns"


def content(lab: str, servers: List[str], search: List[str], options: List[str]) -> str:
    """Return the text of a file; its first line is the lab's mark. Raise ValueError, with words for a person.

    >>> print(content("lab0", ["10.96.0.10"], ["cluster.local"], ["ndots:5"]))
    # podnet.lab:lab0
    search cluster.local
    nameserver 10.96.0.10
    options ndots:5
    <BLANKLINE>
    """
    wrong = next((word for word in [*search, *options] if not _WORD.match(word)), None)
    if wrong is not None:
        raise ValueError("%r is no domain and no option" % wrong)
    lines = ["# " + link_alias(lab)]
    lines += ["search " + " ".join(search)] if search else []
    lines += ["nameserver %s" % ipaddress.ip_address(item) for item in servers]
    lines += ["options " + " ".join(options)] if options else []
    return "".join(line + "\n" for line in lines)


def is_own(text: Optional[str], lab: str) -> bool:
    """Tell whether the lab wrote a file."""
    return text is not None and text.startswith("# %s\n" % link_alias(lab))


def own_files(lab: str, files: Files) -> Dict[str, str]:
    """Return the text of every file of the lab by its path."""
    found: Dict[str, str] = {}
    for name in files.names(_DIRECTORY):
        path = "%s/%s/resolv.conf" % (_DIRECTORY, name)
        text = files.text(path) if name.startswith(lab + "_") and files.exists(path) else None
        if text is not None and is_own(text, lab):
            found[path] = text
    return found


def write(path: str, text: str) -> None:
    """Write a file in place: containers that have it over their own see the change."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "w", encoding="ascii") as handle:
        handle.write(text)


def remove(path: str) -> None:
    """Remove a file, and the directories above that are empty then."""
    os.unlink(path)
    for directory in (os.path.dirname(path), _DIRECTORY):
        try:
            os.rmdir(directory)
        except OSError:
            pass


_POD_OPTIONS: Dict[str, Any] = {
    "netns": {"type": "path", "required": True},
    "servers": {"type": "list", "elements": "str", "required": True},
    "search": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "list", "elements": "str", "default": []},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "pods": {"type": "list", "elements": "dict", "required": True, "options": _POD_OPTIONS},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    files = Files()
    wanted: Dict[str, str] = {}
    for pod in module.params["pods"]:
        check_netns(step, pod["netns"])
        try:
            text = content(step.lab, pod["servers"], pod["search"], pod["options"])
        except ValueError as error:
            step.fail("resolv.conf of %s" % netns_name(pod["netns"]), str(error), "Correct the options.")
        wanted[resolv_conf_path(pod["netns"])] = text
    have = own_files(step.lab, files)
    for path in wanted:
        if path not in have and files.exists(path):
            step.fail("file " + path, "lab %s did not write it" % step.lab, "Remove it, or rename the pod or the lab.")
    for path in sorted(have):
        if path not in wanted:
            step.commands.append("rm " + path)
            if step.real:
                remove(path)
    for path, text in sorted(wanted.items()):
        if have.get(path) != text:
            step.commands.append("printf '%s' > %s" % (text.replace("\n", "\\n"), path))
            if step.real:
                write(path, text)
    first = next(iter(sorted(wanted)), None)
    step.exit(before=_shown(have), after=_shown(wanted), see=["cat " + first] if first else [])


def _shown(texts: Dict[str, str]) -> List[str]:
    return ["%s: %s" % (path, line) for path, text in sorted(texts.items()) for line in text.splitlines()[1:]]
