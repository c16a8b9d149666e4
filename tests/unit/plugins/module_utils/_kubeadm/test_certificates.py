# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a control plane: which end soon, and when the control plane has taken the new ones."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.certificates import (
    DAY,
    ending,
    parse_expiration,
    restarted,
)


def certificate(name: str, days: int, **changes: Any) -> Dict[str, Any]:
    """As kubeadm 1.34 prints it."""
    return {
        "name": name, "expirationDate": "2027-11-30T13:00:00Z", "residualTime": days * DAY, "externallyManaged": False,
        "caName": "ca", "missing": False, **changes,
    }  # fmt: skip


def said(*certificates: Dict[str, Any]) -> str:
    authorities = [certificate("ca", 3)]
    answer = {"kind": "CertificateExpirationInfo", "apiVersion": "output.kubeadm.k8s.io/v1alpha3"}
    return json.dumps(dict(answer, certificates=list(certificates), certificateAuthorities=authorities))


def test_those_that_end_soon_and_those_that_have_ended() -> None:
    found = parse_expiration(
        said(certificate("apiserver", 29), certificate("admin.conf", 364), certificate("etcd", -2))
    )
    assert ending(found, 30) == ["apiserver", "etcd"]
    assert ending(found, 1) == ["etcd"]
    assert found[1] == {"name": "admin.conf", "ends": "2027-11-30T13:00:00Z", "seconds": 364 * DAY}


def test_what_is_not_kubeadms_is_left_alone() -> None:
    text = said(certificate("a", 1, missing=True), certificate("b", 1, externallyManaged=True), certificate("c", 1))
    assert ending(parse_expiration(text), 30) == ["c"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"certificates": 3}', '{"certificates": [3]}', said({"name": "x"})])
def test_another_answer_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError):
        parse_expiration(text)


def test_the_control_plane_runs_again_when_all_of_it_runs() -> None:
    listed = json.dumps(
        {"containers": [{"metadata": {"name": "etcd"}}, {"metadata": {"name": "kube-apiserver"}}, None]}
    )
    assert restarted(listed, ["etcd", "kube-apiserver"])
    assert not restarted(listed, ["etcd", "kube-apiserver", "kube-scheduler"])
    assert not restarted("no JSON", ["etcd"])
    assert not restarted("[]", ["etcd"])
