#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renew the certificates of a node of the control plane that end soon."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_certificates
short_description: "Internal: renew a control plane's certificates that end soon"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Asks C(kubeadm certs check-expiration) on a node of the control plane. When any certificate ends within O(days),
    all of the node's are renewed, the pods of its control plane are started again, so that they take them, and
    their API is waited for.
  - What was begun and did not end is noted in the mark of the role P(podnet.lab.kubeadm_cluster#role), and done again.
  - The authorities themselves, and certificates that others look after, are left alone. The kubelet renews its own.
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  days:
    description: Certificates that end within so many days are renewed.
    type: int
    required: true
  timeout:
    description: How many seconds the control plane may take to answer again.
    type: int
    default: 180
requirements:
  - kubeadm, kubectl and crictl on the node
notes:
  - Needs root on the node.
"""

EXAMPLES = r"""
- name: Renew what ends within a month
  podnet.lab.kubeadm_certificates:
    days: 30
"""

RETURN = r"""
certificates:
  description: The node's certificates before, each with C(name), when it C(ends) and in how many C(seconds).
  returned: success
  type: list
  elements: dict
  sample: [{name: apiserver, ends: "2027-11-30T13:00:00Z", seconds: 31535999}]
ending:
  description: Those of them that end within O(days).
  returned: success
  type: list
  elements: str
  sample: [apiserver]
"""

import os
import time
from typing import Any, List, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import mark as kubeadm
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.certificates import (
    ending,
    parse_expiration,
    restarted,
)

MANIFESTS = "/etc/kubernetes/manifests"
WAIT = 600


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module

    def fail(self, thing: str, cause: str, remedy: str) -> NoReturn:
        """End the module: what it is about, why, and what would help."""
        self.module.fail_json(msg="%s: %s. %s." % (thing, cause.rstrip(". "), remedy))
        raise AssertionError("fail_json does not return")

    def command(self, program: str, *argv: str) -> str:
        """Run a program, or end the module with what it said."""
        status, out, err = self.ask(program, *argv)
        if status != 0:
            said = " ".join((err or out).split())[-800:]
            self.fail("%s %s" % (program, argv[0]), said, "Correct that and run again: it is taken up from there")
        return str(out)

    def ask(self, program: str, *argv: str) -> Any:
        """Run a program; return its status, output and errors."""
        path = self.module.get_bin_path(program)
        if path is None:
            self.fail(program, "it is not on this node", "Run this on a node of the control plane")
        return self.module.run_command([path, *argv], environ_update={"LC_ALL": "C"}, cwd="/")

    def certificates(self) -> Any:
        """Return what kubeadm says of the node's certificates."""
        try:
            return parse_expiration(self.command("kubeadm", "certs", "check-expiration", "--output", "json"))
        except ValueError as error:
            self.fail("kubeadm certs check-expiration", str(error), "Look at its answer on the node")

    def renew(self) -> None:
        """Renew all, and have the control plane take them. The mark says so meanwhile."""
        mark = kubeadm.read_mark() or {}
        kubeadm.write_mark(dict(mark, renewing=True))
        self.command("kubeadm", "certs", "renew", "all")
        old = self.command("crictl", "pods", "--namespace", "kube-system", "--label", "tier=control-plane", "--quiet")
        if old.split():
            self.command("crictl", "stopp", *old.split())
        self.wait()
        kubeadm.write_mark(mark_without(mark, "renewing"))

    def wait(self) -> None:
        """Wait until the kubelet has started all static pods again, and the API answers."""
        wanted = static_pods()
        end = time.monotonic() + self.module.params["timeout"]
        while True:
            _status, out, _err = self.ask("crictl", "ps", "--state", "Running", "--output", "json")
            if restarted(out, wanted):
                ready = ["--kubeconfig", kubeadm.ADMIN, "--request-timeout=5s", "get", "--raw", "/readyz"]
                status, _out, _err = self.ask("kubectl", *ready)
                if status == 0:
                    return
            if time.monotonic() >= end:
                seconds = self.module.params["timeout"]
                cause = "the certificates are renewed, and it does not answer after %d seconds" % seconds
                self.fail(
                    "control plane", cause, "Look there with crictl ps -a and journalctl -u kubelet, and run again"
                )
            time.sleep(1)


def mark_without(mark: Any, key: str) -> Any:
    """Return the mark without a key."""
    return {name: value for name, value in mark.items() if name != key}


def static_pods() -> List[str]:
    """Return the names of the control plane's containers, which are those of the manifests."""
    return sorted(os.path.splitext(name)[0] for name in os.listdir(MANIFESTS) if name.endswith(".yaml"))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "days": {"type": "int", "required": True},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    run = Run(module)
    mark = kubeadm.read_mark()
    if mark is None:
        run.fail("node", "it is not of a cluster that this role made", "Renew as kubeadm's documentation says")
    certificates = run.certificates()
    names = ending(certificates, module.params["days"])
    due = bool(names) or "renewing" in (mark or {})
    if due and not module.check_mode:
        try:
            with kubeadm.alone(WAIT):
                run.renew()
        except kubeadm.BusyError as error:
            run.fail("node", str(error), "Look at it with ps, end it if it hangs, and run again")
        except OSError as error:
            run.fail(str(error.filename), str(error.strerror), "Run the task with become: true")
    module.exit_json(changed=due, certificates=certificates, ending=names)


if __name__ == "__main__":
    main()
