# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in systemd units that start Kubernetes' programs themselves, as installations by hand do.

Such a unit has the flags behind ``ExecStart=``, and kube-proxy and the kubelet a file behind ``--config``.
"""

from __future__ import annotations

import re
import shlex
from functools import partial
from typing import List

from .._files.reader import Files
from .kubernetes import add_component_document, add_flags, documents, parse_flags
from .records import Ranges, in_file

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
"""Where units lie, the first of a name being the one in force (systemd.unit(5))."""
_PROGRAMS = ("kube-controller-manager", "kube-apiserver", "kube-proxy")


def unit_arguments(text: str) -> List[str]:
    r"""Return the words of the last ``ExecStart=`` of a systemd unit.

    The installer of k3s writes the options of the installation there, one per line::

        ExecStart=/usr/local/bin/k3s \
            server \
            '--cluster-cidr=10.50.0.0/16' \
    """
    words: List[str] = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        name, equals, value = line.strip().partition("=")
        if name.strip() == "ExecStart" and equals:
            try:
                words = shlex.split(value)
            except ValueError:
                words = value.split()
    return words


def read_units(files: Files, ranges: Ranges) -> None:
    """Read the units of Kubernetes' programs."""
    for program in _PROGRAMS:
        for folder in UNIT_FOLDERS:
            path = "%s/%s.service" % (folder, program)
            text = files.text(path)
            if text is None:
                continue
            flags = list(parse_flags(unit_arguments(text)))
            add_flags(ranges, program, flags, partial(in_file, "systemd_unit", path))
            configuration = dict(flags).get("config", "")
            if configuration.startswith("/"):
                for document in documents(files, configuration):
                    add_component_document(ranges, document, partial(in_file, "systemd_unit", configuration))
            break
