# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who configures the node's interfaces, from the state files of systemd-networkd and NetworkManager."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.podnet.lab.plugins.module_utils._facts.managers import link_managers
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files

UUID = "2f1e3c5d-6b7a-4c8d-9e0f-1a2b3c4d5e6f"


def put(root: Path, path: str, text: str) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_links_of_networkd(tmp_path: Path) -> None:
    head = "# This is private data. Do not parse.\n"
    configured = (
        head + "ADMIN_STATE=configured\nOPER_STATE=routable\nNETWORK_FILE=/etc/systemd/network/10-all.network\n"
    )
    put(tmp_path, "/run/systemd/netif/links/12", configured)
    put(tmp_path, "/run/systemd/netif/links/13", head + "ADMIN_STATE=unmanaged\nOPER_STATE=carrier\n")
    put(tmp_path, "/run/systemd/netif/links/14", configured.replace("configured", "unmanaged"))
    put(tmp_path, "/run/systemd/netif/links/x", configured)
    assert link_managers(Files(str(tmp_path))) == [
        {"ifindex": 12, "manager": "systemd-networkd", "path": "/etc/systemd/network/10-all.network"}
    ]


def test_links_of_networkmanager(tmp_path: Path) -> None:
    written = "/etc/NetworkManager/system-connections/pods.nmconnection"
    put(tmp_path, written, "[connection]\nid=pods\nuuid=%s\ntype=ethernet\n[wifi-security]\npsk=secret\n" % UUID)
    put(tmp_path, "/run/NetworkManager/devices/7", "[device]\nmanaged=true\nconnection-uuid=%s\n" % UUID)
    other = UUID.replace("2", "3")
    put(tmp_path, "/run/NetworkManager/devices/8", "[device]\nmanaged=true\nconnection-uuid=%s\n" % other)
    put(tmp_path, "/run/NetworkManager/devices/9", "[device]\nmanaged=false\n")
    put(tmp_path, "/run/NetworkManager/system-connections/cni0.nmconnection", "[connection]\nuuid=%s\n" % other)
    assert link_managers(Files(str(tmp_path))) == [{"ifindex": 7, "manager": "NetworkManager", "path": written}]


def test_neither_runs_here(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    assert link_managers(files) == []
    assert files.errors == []
