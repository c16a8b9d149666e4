#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take away what kubeadm reset leaves on a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_cleanup
short_description: "Internal: remove what a kubeadm cluster leaves on a node after a reset"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Removes what the role P(podnet.lab.kubeadm_cluster#role) and the cluster made on a node and C(kubeadm reset) leaves.
    That is the pods' bridge, the role's CNI configuration with its leases and cached results, routes of protocol 113,
    the nftables tables of the role and of kube-proxy, chains of iptables whose names begin with C(KUBE-) or C(CNI-) and
    the rules that jump to them, sets of ipset whose names begin with C(KUBE-), mounts and files of the kubelet, files
    in C(/etc/kubernetes), and the role's own files.
  - Where the role put flannel, also its link, its CNI configuration and plugin, its state and its chains of iptables.
  - CNI configurations, bridges, leases, rules and routes of others stay.
  - Does nothing on a node without the role's mark. The mark goes last.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  files:
    description: Further files to remove, which the role wrote.
    type: list
    elements: path
    default: []
  keep_state:
    description: Whether to leave the role's mark and files, because the node becomes a member again at once.
    type: bool
    default: false
notes:
  - Needs root on the node. Run M(podnet.lab.kubeadm) with C(action=reset) before.
"""

EXAMPLES = r"""
- name: Remove what is left of the cluster
  podnet.lab.kubeadm_cleanup:
"""

RETURN = r"""
removed:
  description: What was removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["link cni0", "iptables chains KUBE-* and CNI-*", /var/lib/cni/networks/podnet-cluster]
foreign:
  description: What lies beside it and stays, because it is not of this cluster.
  returned: success
  type: list
  elements: str
  sample: [/etc/cni/net.d/99-other.conflist]
"""

import glob
import os
import shutil
from typing import Any, List

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import cni as cni_state
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import mark as kubeadm
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.remains import (
    FLANNEL_CHAINS,
    OWNED_CHAINS,
    OWNED_SETS,
    chains_to_drop,
    mounts_below,
)

SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"]
KUBELET = "/var/lib/kubelet"
UNIT = "/etc/systemd/system/" + kubeadm.ROUTES_UNIT
# Directories whose contents go; they themselves may be mount points of the node.
EMPTIED = (KUBELET, "/var/lib/etcd")
SHARED = (
    "/etc/kubernetes",
    "/etc/podnet-lab",
    "/etc/cni/net.d",
    "/var/lib/cni/networks",
    "/etc/systemd/system/kubelet.service.d",
)
"""Directories that go when nothing is in them any more."""
FAMILIES = {"-4": "IPv4", "-6": "IPv6"}
TABLES = tuple((family, table) for table in (kubeadm.NFT_TABLE, "kube-proxy") for family in ("ip", "ip6"))
"""Tables of nftables: the role's, and those of kube-proxy in its mode nftables."""


class Cleanup:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.real = not module.check_mode
        self.removed: List[str] = []

    def tool(self, name: str) -> Any:
        """Return the path of a program, or None."""
        return self.module.get_bin_path(name, opt_dirs=SBIN)

    def run(self, what: str, *argv: str, data: str = "") -> None:
        """Note what is removed, and remove it with a command."""
        self.removed.append(what)
        if not self.real:
            return
        status, _out, err = self.module.run_command(list(argv), data=data or None)
        if status != 0:
            self.module.fail_json(
                msg="%s: it could not be removed: %s. Remove it by hand and run again." % (what, " ".join(err.split())),
                removed=self.removed,
            )

    def routes_unit(self) -> None:
        """Stop and remove the unit that sets routes and masquerading."""
        systemctl = self.tool("systemctl")
        if os.path.exists(UNIT) and systemctl:
            self.run("unit " + kubeadm.ROUTES_UNIT, systemctl, "disable", "--now", kubeadm.ROUTES_UNIT)
            if self.real:
                os.unlink(UNIT)
                self.module.run_command([systemctl, "daemon-reload"])

    def network(self, bridge: str, flannel: bool) -> None:
        """Remove routes, table, bridge and, where it is the role's, flannel's VXLAN link."""
        ip, nft = self.tool("ip"), self.tool("nft")
        if ip:
            protocol = str(kubeadm.ROUTE_PROTOCOL)
            for family in ("-4", "-6"):
                _status, out, _err = self.module.run_command([ip, family, "route", "show", "protocol", protocol])
                if out.strip():
                    what = "routes of protocol %s (%s)" % (protocol, FAMILIES[family])
                    self.run(what, ip, family, "route", "flush", "protocol", protocol)
            if bridge and os.path.isdir("/sys/class/net/%s/bridge" % bridge):
                self.run("link " + bridge, ip, "link", "delete", bridge)
            if flannel and os.path.isdir("/sys/class/net/" + kubeadm.FLANNEL_LINK):
                self.run("link " + kubeadm.FLANNEL_LINK, ip, "link", "delete", kubeadm.FLANNEL_LINK)
            if os.path.isdir("/sys/class/net/kube-ipvs0"):
                self.run("link kube-ipvs0", ip, "link", "delete", "kube-ipvs0")
        if nft:
            for family, table in TABLES:
                status, _out, _err = self.module.run_command([nft, "list", "table", family, table])
                if status == 0:
                    self.run("nftables table %s %s" % (family, table), nft, "delete", "table", family, table)

    def rules(self, flannel: bool) -> None:
        """Remove Kubernetes' chains, and flannel's, from every variant of iptables on the node."""
        owned = OWNED_CHAINS + (FLANNEL_CHAINS if flannel else ())
        for family in ("iptables", "ip6tables"):
            for variant in ("-nft", "-legacy", ""):
                save, restore = self.tool(family + variant + "-save"), self.tool(family + variant + "-restore")
                if not save or not restore:
                    continue
                status, out, _err = self.module.run_command([save])
                drop = chains_to_drop(out, owned) if status == 0 else ""
                if drop:
                    what = "%s%s chains %s" % (family, variant, " and ".join(name + "*" for name in owned))
                    self.run(what, restore, "--noflush", data=drop)

    def sets(self) -> None:
        """Remove the sets of addresses to which Kubernetes' chains referred."""
        ipset = self.tool("ipset")
        if not ipset:
            return
        status, out, _err = self.module.run_command([ipset, "list", "-name"])
        for name in out.split() if status == 0 else []:
            if name.startswith(OWNED_SETS):
                self.run("ipset " + name, ipset, "destroy", name)

    def mounts(self) -> None:
        """Unmount what the kubelet mounted."""
        umount = self.tool("umount")
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as opened:
            for point in mounts_below(opened.read(), KUBELET):
                self.run("mount " + point, umount, point)

    def paths(self, paths: List[str]) -> None:
        """Remove files and directories."""
        for path in paths:
            if not os.path.lexists(path):
                continue
            self.removed.append(path)
            if not self.real:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def everything(self, mark: Any, flannel: bool, files: List[str], keep_state: bool) -> None:
        """Remove all of it, the mark last."""
        self.routes_unit()
        self.network(str(mark.get("bridge") or ""), flannel)
        self.rules(flannel)
        self.sets()
        self.mounts()
        self.paths([kubeadm.CNI_FILE, "/var/lib/cni/networks/" + kubeadm.CNI_NETWORK])
        self.paths(cni_state.own_results())
        if flannel:
            self.paths(list(kubeadm.FLANNEL_PATHS))
        for directory in EMPTIED:
            self.paths(sorted(glob.glob(directory + "/*") + glob.glob(directory + "/.[!.]*")))
        self.paths(sorted(glob.glob("/etc/kubernetes/*")))
        self.paths(sorted(glob.glob("/var/log/pods/*") + glob.glob("/var/log/containers/*")))
        if keep_state:
            return
        self.paths(files)
        self.paths([kubeadm.STATE])
        if self.real:
            for directory in SHARED:
                try:
                    os.rmdir(directory)
                except OSError:
                    pass  # something else is in it, or it is gone
            if os.path.exists(kubeadm.LOCK):
                os.unlink(kubeadm.LOCK)


def foreign(flannel: bool) -> List[str]:
    """Return what of CNI is on the node beside this cluster's."""
    own = [kubeadm.CNI_FILE] + ([kubeadm.FLANNEL_CNI_FILE] if flannel else [])
    found = [path for path in sorted(glob.glob("/etc/cni/net.d/*")) if path not in own]
    leases = "/var/lib/cni/networks/"
    return found + [path for path in sorted(glob.glob(leases + "*")) if path != leases + kubeadm.CNI_NETWORK]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "path", "default": []},
            "keep_state": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run = Cleanup(module)
    mark = kubeadm.read_mark()
    flannel = mark is not None and os.path.exists(kubeadm.FLANNEL_SIGN)
    if mark is not None:
        try:
            run.everything(mark, flannel, module.params["files"], module.params["keep_state"])
        except OSError as error:
            module.fail_json(
                msg="%s: it could not be removed (%s). Remove it by hand and run again."
                % (error.filename, error.strerror),
                removed=run.removed,
            )
    diff = {"before": "".join(line + "\n" for line in run.removed), "after": ""}
    module.exit_json(changed=bool(run.removed), removed=run.removed, foreign=foreign(flannel), diff=diff)


if __name__ == "__main__":
    main()
