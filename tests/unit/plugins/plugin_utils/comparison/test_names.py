# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forms of names, by which what merely is called otherwise is told from what changed."""

from __future__ import annotations

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.names import form, without_hash, without_uid


def test_forms_of_names() -> None:
    assert form("cni-91d8e568-8f5d-f0fb-1939-a3e9d825b6b2") == "cni-UUID"
    assert form("cali0123456789a") == "cali and hexadecimal digits"
    assert form("lxc0123456789ab") == "lxc and hexadecimal digits"
    assert form("a" * 64) == "container id"
    assert form("cni0") is None
    path = "/var/lib/kubelet/pods/c2564f7a-940b-462c-bfb8-b56e10eb3b75/volumes/x"
    assert without_uid(path) == "/var/lib/kubelet/pods/UID/volumes/x"
    assert without_hash("chain CNI-5b5a3b0a9c1f1c4d2e3f4a5b") == "chain CNI-HASH"
