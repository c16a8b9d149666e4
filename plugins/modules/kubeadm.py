#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm init, join, upgrade and reset, so that what did not end can be told from what did."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm
short_description: "Internal: run kubeadm init, join, upgrade or reset on a node"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Notes on the node what is begun, runs kubeadm with a configuration that is removed again, and notes what was
    reached. The role P(podnet.lab.kubeadm_cluster#role) decides from that and from the cluster's API which nodes need
    this module at all.
  - While kubeadm runs it holds a lock on the node, even when the play that started it was killed.
  - Upgrades and resets only nodes that carry the role's mark.
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each call runs kubeadm. The role calls it for nodes that are not yet what they should be.
options:
  action:
    description:
      - V(init) makes the first node of a cluster, V(join) brings a node into one, V(reset) takes a node out.
      - V(init) and V(join) reset first what an earlier run left half done.
      - V(upgrade_apply) upgrades the cluster to O(version), on its first node of the control plane; V(upgrade_node)
        then brings another node to what the cluster has. Both leave the kubelet as it is.
    type: str
    choices: [init, join, upgrade_apply, upgrade_node, reset]
    required: true
  documents:
    description:
      - kubeadm's configuration, without token and key. Needed for V(init) and V(join). For an upgrade an
        UpgradeConfiguration, or nothing.
    type: list
    elements: dict
    default: []
  token:
    description: Bootstrap token, for V(join).
    type: str
  ca_hash:
    description: Sum of the cluster's certificate authority, C(sha256:) and 64 digits, for V(join).
    type: str
  certificate_key:
    description: Key of the uploaded certificates, for V(join) of a node of the control plane.
    type: str
  version:
    description: Version of Kubernetes to upgrade to, for V(upgrade_apply) and V(upgrade_node). kubeadm must have it.
    type: str
  ignored:
    description: kubeadm's checks whose errors are accepted, by name, for V(upgrade_apply) and V(upgrade_node).
    type: list
    elements: str
    default: []
  cluster:
    description: Name of the cluster, for the mark.
    type: str
    default: kubernetes
  bridge:
    description: Name of the pods' bridge, for the mark, so that it can be removed. Empty when there is none.
    type: str
    default: ""
  cri_socket:
    description: Socket of the container runtime.
    type: str
    default: /run/containerd/containerd.sock
requirements:
  - kubeadm on the node
notes:
  - Needs root on the node.
"""

EXAMPLES = r"""
- name: Make the first node of a cluster
  podnet.lab.kubeadm:
    action: init
    documents:
      - apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        kubernetesVersion: v1.34.2
        networking: {podSubnet: 10.244.0.0/16}

- name: Upgrade the control plane on its first node
  podnet.lab.kubeadm:
    action: upgrade_apply
    version: v1.34.3

- name: Take a node out
  podnet.lab.kubeadm:
    action: reset
"""

RETURN = r"""
output:
  description: What kubeadm said, by lines. Empty in check mode, and for V(join), whose output may name secrets.
  returned: success
  type: list
  elements: str
  sample: ["[preflight] Running pre-flight checks"]
seconds:
  description: How long kubeadm took.
  returned: success
  type: float
  sample: 26.1
"""

import json
import os
import re
import tempfile
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import mark as kubeadm
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.cni import kept_aside

WAIT = 600
_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_PHASES = {"init": "initialising", "join": "joining", "reset": "resetting"}
_UPGRADES = ("upgrade_apply", "upgrade_node")


def with_secrets(
    documents: List[Dict[str, Any]], token: str, ca_hash: str, certificate_key: str
) -> List[Dict[str, Any]]:
    """Return the documents with token, hash and key in the JoinConfiguration; the given ones stay as they are."""
    result: List[Dict[str, Any]] = json.loads(json.dumps(documents))
    for document in result:
        if document.get("kind") != "JoinConfiguration":
            continue
        discovery = document.setdefault("discovery", {}).setdefault("bootstrapToken", {})
        discovery.update(token=token, caCertHashes=[ca_hash])
        if "controlPlane" in document and certificate_key:
            document["controlPlane"]["certificateKey"] = certificate_key
    return result


def as_config(documents: List[Dict[str, Any]]) -> str:
    """Return documents as kubeadm reads them: JSON is YAML."""
    return "".join("---\n%s\n" % json.dumps(document, indent=1, sort_keys=True) for document in documents)


def upgrade_arguments(action: str, version: str, ignored: List[str]) -> List[str]:
    """Return the arguments of kubeadm for an upgrade; the configuration is the cluster's own.

    >>> upgrade_arguments("upgrade_apply", "v1.34.3", ["NumCPU"])
    ['upgrade', 'apply', 'v1.34.3', '--yes', '--ignore-preflight-errors=NumCPU']
    """
    argv = ["upgrade", "apply", version, "--yes"] if action == "upgrade_apply" else ["upgrade", "node"]
    return argv + (["--ignore-preflight-errors=" + ",".join(ignored)] if ignored else [])


def what_went_wrong(out: str, err: str) -> str:
    """Return the lines that say why kubeadm failed: its preflight errors, or else the last it said.

    ``[ERROR Swap]: running with swap on is not supported. Please disable swap``
    """
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("[ERROR ")]
    if not errors:
        errors = [line for line in lines if "error" in line.lower()][-4:] or (lines or out.splitlines())[-6:]
    return _TOKEN.sub("<token>", "; ".join(errors))[-2000:]


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule, lock: int) -> None:
        self.module = module
        self.params = module.params
        self.lock = lock
        self.mark = {"cluster": module.params["cluster"], "bridge": module.params["bridge"]}

    def note(self, phase: str) -> None:
        """Write the mark with what is begun or reached."""
        role = "control_plane" if self._is_control_plane() else "worker"
        kubeadm.write_mark(dict(self.mark, phase=phase, role=role))

    def _is_control_plane(self) -> bool:
        kinds = {document.get("kind"): document for document in self.params["documents"]}
        return "InitConfiguration" in kinds or "controlPlane" in kinds.get("JoinConfiguration", {})

    def program(self) -> str:
        """Return kubeadm's path, or end the module."""
        path = self.module.get_bin_path("kubeadm")
        if path is None:
            self.fail("kubeadm", "it is not on this node", "Install it from a bundle or the package repository.")
        return str(path)

    def kubeadm(self, *argv: str) -> str:
        """Run kubeadm, or end the module with what it said."""
        status, out, err = self.module.run_command(
            [self.program(), *argv], environ_update={"LC_ALL": "C"}, pass_fds=[self.lock], cwd="/"
        )
        if status != 0:
            remedy = "Correct that and run again: the node is taken up from there. On the node: journalctl -u kubelet"
            self.fail("kubeadm " + argv[0], what_went_wrong(out, err), remedy)
        return str(out)

    def fail(self, thing: str, cause: str, remedy: str) -> NoReturn:
        """End the module: what it is about, why, and what would help."""
        self.module.fail_json(msg="%s: %s. %s." % (thing, cause.rstrip(". "), remedy.rstrip(".")))
        raise AssertionError("fail_json does not return")

    def reset(self) -> str:
        """Take the node out of its cluster."""
        with kept_aside():
            return self.kubeadm("reset", "--force", "--cri-socket", self.params["cri_socket"])

    @contextmanager
    def configuration(self, documents: List[Dict[str, Any]]) -> Iterator[List[str]]:
        """Give kubeadm's arguments for its configuration, which is in a file meanwhile; none without documents."""
        if not documents:
            yield []
            return
        handle, path = tempfile.mkstemp(
            prefix=os.path.basename(kubeadm.CONFIG_PREFIX), suffix=".yaml", dir=os.path.dirname(kubeadm.CONFIG_PREFIX)
        )
        try:
            with os.fdopen(handle, "w") as opened:
                opened.write(as_config(documents))
            yield ["--config", path]
        finally:
            os.unlink(path)

    def upgrade(self, action: str) -> str:
        """Run kubeadm upgrade. The mark says so meanwhile: what was begun and did not end is done again."""
        mark = kubeadm.read_mark()
        if mark is None:
            self.fail(
                "node", "it is not of a cluster that this role made", "Upgrade it as kubeadm's documentation says"
            )
        version = self.params["version"]
        status, out, _err = self.module.run_command([self.program(), "version", "-o", "short"])
        if status != 0 or out.strip() != version:
            self.fail("kubeadm", "it is %s, and %s is wanted" % (out.strip(), version), "Install that kubeadm first")
        kubeadm.write_mark(dict(mark, upgrading=version))
        with self.configuration(self.params["documents"]) as config:
            said = self.kubeadm(*upgrade_arguments(action, version, self.params["ignored"]), *config)
        kubeadm.write_mark({key: value for key, value in mark.items() if key != "upgrading"})
        return said

    def enter(self, action: str) -> str:
        """Run kubeadm init or join, after a reset where an earlier run did not end."""
        earlier = kubeadm.read_mark()
        there = any(os.path.exists(path) for path in ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/pki/ca.crt"))
        there = there or bool(_entries("/etc/kubernetes/manifests"))
        if there and earlier is None:
            self.fail(
                "node",
                "it has remains of a cluster that this role did not make",
                "Run kubeadm reset there if it may go",
            )
        self.note(_PHASES[action])
        if there:
            self.reset()
        os.makedirs("/etc/kubernetes/manifests", mode=0o755, exist_ok=True)
        documents = self.params["documents"]
        if action == "join":
            secrets = [self.params[name] or "" for name in ("token", "ca_hash", "certificate_key")]
            documents = with_secrets(documents, *secrets)
        with self.configuration(documents) as config:
            out = self.kubeadm(action, *config, *(["--skip-token-print"] if action == "init" else []))
        self.note("member")
        return out if action == "init" else ""


def _entries(directory: str) -> List[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "action": {"type": "str", "choices": ["init", "join", *_UPGRADES, "reset"], "required": True},
            "documents": {"type": "list", "elements": "dict", "default": []},
            "token": {"type": "str", "no_log": True},
            "ca_hash": {"type": "str"},
            "certificate_key": {"type": "str", "no_log": True},
            "version": {"type": "str"},
            "ignored": {"type": "list", "elements": "str", "default": []},
            "cluster": {"type": "str", "default": "kubernetes"},
            "bridge": {"type": "str", "default": ""},
            "cri_socket": {"type": "str", "default": "/run/containerd/containerd.sock"},
        },
        required_if=[
            ("action", "init", ["documents"]),
            ("action", "join", ["documents", "token", "ca_hash"]),
            *(("action", action, ["version"]) for action in _UPGRADES),
        ],
        supports_check_mode=True,
    )
    action = module.params["action"]
    if module.check_mode:
        mine = action != "reset" or kubeadm.read_mark() is not None
        module.exit_json(changed=mine, output=[], seconds=0.0)
    start = time.monotonic()
    try:
        with kubeadm.alone(WAIT) as lock:
            run = Run(module, lock)
            if action == "reset":
                mark = kubeadm.read_mark()
                if mark is None:
                    module.exit_json(changed=False, output=[], seconds=0.0)
                kubeadm.write_mark(dict(mark or {}, phase=_PHASES["reset"]))
                # A run that ended before kubeadm was there has nothing to reset.
                out = run.reset() if module.get_bin_path("kubeadm") else ""
            elif action in _UPGRADES:
                out = run.upgrade(action)
            else:
                out = run.enter(action)
    except kubeadm.BusyError as error:
        module.fail_json(msg="node: %s. Look at it with ps, end it if it hangs, and run again." % error)
    except OSError as error:
        module.fail_json(msg="%s: %s. Run the task with become: true." % (error.filename, error.strerror))
    seconds = round(time.monotonic() - start, 1)
    module.exit_json(changed=True, output=_TOKEN.sub("<token>", out).splitlines(), seconds=seconds)


if __name__ == "__main__":
    main()
