# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which interfaces of the node systemd-networkd or NetworkManager configures, as their own state files say it.

systemd-networkd keeps ``/run/systemd/netif/links/IFINDEX`` (systemd, src/network/networkd-state-file.c)::

    ADMIN_STATE=configured
    NETWORK_FILE=/etc/systemd/network/10-all.network

NetworkManager keeps ``/run/NetworkManager/devices/IFINDEX`` (src/core/nm-config.c) with the profile that is active.
One in ``/etc/NetworkManager/system-connections`` somebody wrote; it makes others in ``/run`` for links that it finds
configured, and leaves those links alone::

    [device]
    managed=true
    connection-uuid=2f1e3c5d-6b7a-4c8d-9e0f-1a2b3c4d5e6f
"""

from __future__ import annotations

import re
from typing import Dict, List

from .._files.reader import Files
from .views import Facts

NETWORKD = "/run/systemd/netif/links"
NETWORK_MANAGER = "/run/NetworkManager/devices"
PROFILES = "/etc/NetworkManager/system-connections"

_CONFIGURES = ("configuring", "configured", "failed")
_SETTING = re.compile(r"^([A-Za-z_-]+)=(.*)$", re.MULTILINE)
_LIMIT = 64 * 1024
_MOST = 1024
"""So many state files are read of each."""


def link_managers(files: Files) -> List[Facts]:
    """Return the interfaces that somebody configures, with the file that says how."""
    found: List[Facts] = []
    for ifindex, state in _states(files, NETWORKD).items():
        path = state.get("NETWORK_FILE", "")
        if state.get("ADMIN_STATE") in _CONFIGURES and path:
            found.append({"ifindex": ifindex, "manager": "systemd-networkd", "path": path})
    active = {ifindex: state.get("connection-uuid") for ifindex, state in _states(files, NETWORK_MANAGER).items()}
    if any(active.values()):
        profiles = _profiles(files)
        for ifindex, uuid in active.items():
            if uuid in profiles:
                found.append({"ifindex": ifindex, "manager": "NetworkManager", "path": profiles[uuid]})
    return sorted(found, key=lambda one: (one["ifindex"], one["manager"]))


def _states(files: Files, directory: str) -> Dict[int, Dict[str, str]]:
    names = [name for name in files.names(directory) if name.isdigit() and name.isascii()][:_MOST]
    return {int(name): _settings(files, "%s/%s" % (directory, name)) for name in names}


def _profiles(files: Files) -> Dict[str, str]:
    """Return the file of each profile that somebody wrote, by its UUID."""
    paths = ["%s/%s" % (PROFILES, name) for name in files.names(PROFILES)[:_MOST] if name.endswith(".nmconnection")]
    return {_settings(files, path).get("uuid", ""): path for path in paths}


def _settings(files: Files, path: str) -> Dict[str, str]:
    return dict(_SETTING.findall(files.text(path, _LIMIT) or ""))
