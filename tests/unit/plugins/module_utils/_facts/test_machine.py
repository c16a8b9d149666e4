# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A hash of the machine-id, and name servers, from files in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._facts.machine import machine_facts, parse_resolv_conf
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files

MACHINE_ID = "3c9f0e2a5b7d41c8a6e1f0d2b4c89a75"

STUB = """# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).
nameserver 127.0.0.53
options edns0 trust-ad
search example.org corp.example.org
"""


def machine(root: Path, files: Dict[str, str]) -> Dict[str, Any]:
    """Return what is read of a machine with these files."""
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return machine_facts(Files(str(root)))


def test_the_machine_id_itself_is_never_told(tmp_path: Path) -> None:
    facts = machine(tmp_path, {"/etc/machine-id": MACHINE_ID + "\n", "/etc/resolv.conf": STUB})
    assert len(facts["id"]) == 32
    assert facts["id"] != MACHINE_ID
    assert MACHINE_ID not in repr(facts)


def test_the_same_id_is_the_same_hash(tmp_path: Path) -> None:
    first = machine(tmp_path / "a", {"/etc/machine-id": MACHINE_ID})
    assert first["id"] == machine(tmp_path / "b", {"/etc/machine-id": MACHINE_ID + "\n"})["id"]
    assert first["id"] != machine(tmp_path / "c", {"/etc/machine-id": MACHINE_ID[::-1]})["id"]


@pytest.mark.parametrize("text", ["", "uninitialized\n", "x" * 32, MACHINE_ID + "0"])
def test_what_is_no_machine_id(tmp_path: Path, text: str) -> None:
    assert machine(tmp_path, {"/etc/machine-id": text})["id"] is None


def test_a_boot_id_has_dashes(tmp_path: Path) -> None:
    boot = "0d7e8a52-8e0f-4cc0-9a53-0c3ad9c1b9f1"
    assert len(machine(tmp_path, {"/proc/sys/kernel/random/boot_id": boot + "\n"})["boot"]) == 32


def test_the_nodes_own_servers_where_there_is_no_kubelet(tmp_path: Path) -> None:
    assert machine(tmp_path, {"/etc/resolv.conf": STUB})["resolvers"] == [
        {
            "path": "/etc/resolv.conf",
            "pods": False,
            "nameservers": ["127.0.0.53"],
            "search": ["example.org", "corp.example.org"],
            "options": ["edns0", "trust-ad"],
        }
    ]


KUBELET = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/var/lib/kubelet/config.yaml": KUBELET}, [("/etc/resolv.conf", True)]),
        (
            {
                "/var/lib/kubelet/config.yaml": KUBELET + "resolvConf: /run/systemd/resolve/resolv.conf\n",
                "/run/systemd/resolve/resolv.conf": "nameserver 192.0.2.53\n",
            },
            [("/etc/resolv.conf", False), ("/run/systemd/resolve/resolv.conf", True)],
        ),
        (
            {
                "/var/lib/kubelet/config.yaml": KUBELET,
                "/var/lib/kubelet/kubeadm-flags.env": 'KUBELET_KUBEADM_ARGS="--resolv-conf=/etc/pods.conf --v=2"\n',
                "/etc/pods.conf": "nameserver 192.0.2.53\n",
            },
            [("/etc/resolv.conf", False), ("/etc/pods.conf", True)],
        ),
        ({"/var/lib/kubelet/config.yaml": KUBELET + 'resolvConf: ""\n'}, [("/etc/resolv.conf", False)]),
        ({"/var/lib/kubelet/config.yaml": KUBELET + "resolvConf: /none\n"}, [("/etc/resolv.conf", False)]),
    ],
)
def test_what_the_kubelet_gives_to_pods(tmp_path: Path, files: Dict[str, str], expected: Any) -> None:
    found = machine(tmp_path, {"/etc/resolv.conf": STUB, **files})["resolvers"]
    assert [(one["path"], one["pods"]) for one in found] == expected


def test_the_last_of_search_and_domain_counts() -> None:
    text = "; old\nsearch a b\ndomain c\nnameserver\nnameserver 1.1.1.1 # fast\n  nameserver 9.9.9.9\nsortlist x\n"
    assert parse_resolv_conf(text) == {"nameservers": ["1.1.1.1", "9.9.9.9"], "search": ["c"], "options": []}


@given(st.text())
def test_any_text(text: str) -> None:
    found = parse_resolv_conf(text)
    assert all(len(values) <= 64 for values in found.values())
