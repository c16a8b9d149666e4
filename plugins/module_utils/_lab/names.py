# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The names and marks by which everything that a lab makes is known again.

All of them follow from the lab's name and the pod's namespace and name. So a run finds what an
earlier run made even when its state files are gone, and check mode predicts exact commands.

=====================  ==========================================================================
thing                  mark
=====================  ==========================================================================
network namespace      ``/run/netns/<lab>_<namespace>_<pod>`` (no label of RFC 1123 has a ``_``)
link                   alias ``podnet.lab:<lab>``
route                  protocol 112 and an entry in ``/run/podnet-lab/<lab>/routes.json``
nftables table         ``ip podnet_<lab>``, and the same of families ``ip6`` and ``bridge``
lease                  ``/var/lib/cni/networks/<lab>/``, container id begins with the lab's mark
process                ``PODNET_LAB=<lab>`` in its environment, entry in the pod's state file
state                  ``/run/podnet-lab/<lab>/``
=====================  ==========================================================================
"""

from __future__ import annotations

import hashlib
import uuid
from typing import List

NETNS_DIR = "/run/netns"
STATE_DIR = "/run/podnet-lab"
POD_IFNAME = "eth0"
ROUTE_PROTOCOL = 112
"""rtm_protocol of the lab's static routes: above RTPROT_STATIC, used by no daemon of rtnetlink.h."""
RTPROT_BIRD = 12
"""rtm_protocol of the routes of every BIRD (linux/rtnetlink.h)."""

_MARK_DIGITS = 12


def link_alias(lab: str) -> str:
    """Return the alias that every link of the lab carries."""
    return "podnet.lab:" + lab


def nft_table(lab: str) -> str:
    """Return the name of the lab's nftables table, of family ip or ip6."""
    return "podnet_" + lab


def services_table(lab: str) -> str:
    """Return the name of the tables, of families ip and ip6, that have the rules of the lab's Services.

    No other lab can have it: a lab's name has no underscore.
    """
    return "podnet_%s_services" % lab


def policies_table(lab: str) -> str:
    """Return the name of the tables, of families ip and ip6, that have the rules of the lab's network policies."""
    return "podnet_%s_policies" % lab


def table_keys(lab: str) -> List[str]:
    """Return family and name of every table of nftables that a lab may have."""
    return [
        "ip " + nft_table(lab),
        "ip6 " + nft_table(lab),
        "bridge " + nft_table(lab),
        "ip " + services_table(lab),
        "ip6 " + services_table(lab),
        "ip " + policies_table(lab),
        "ip6 " + policies_table(lab),
    ]


def sandbox_mark(lab: str) -> str:
    """Return what every sandbox id of the lab begins with: 12 hexadecimal digits."""
    return hashlib.sha256(("podnet.lab/" + lab).encode()).hexdigest()[:_MARK_DIGITS]


def sandbox_id(lab: str, namespace: str, name: str) -> str:
    """Return the id of a pod's sandbox: 64 hexadecimal digits, as container runtimes use."""
    digest = hashlib.sha256("/".join((lab, namespace, name)).encode()).hexdigest()
    return sandbox_mark(lab) + digest[: 64 - _MARK_DIGITS]


def container_id(sandbox: str, container: str) -> str:
    """Return the id of a container of a sandbox: 64 hexadecimal digits."""
    return hashlib.sha256((sandbox + "/" + container).encode()).hexdigest()


def pod_uid(lab: str, namespace: str, name: str) -> str:
    """Return the uid of a pod, a version 5 UUID: the same on whatever node the pod is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("podnet.lab", lab, namespace, name))))


def netns_path(lab: str, namespace: str, name: str) -> str:
    """Return where a pod's network namespace is named, so that ``ip netns`` lists it."""
    return "%s/%s_%s_%s" % (NETNS_DIR, lab, namespace, name)


def resolv_conf_path(netns: str) -> str:
    """Return where the resolv.conf of a pod is, so that ``ip netns exec`` finds it."""
    return "/etc/netns/%s/resolv.conf" % netns[len(NETNS_DIR) + 1 :]


def host_ifname(sandbox: str) -> str:
    """Return the name of the node's end of a pod's cable: 12 characters of IFNAMSIZ's 15."""
    return "veth" + hashlib.sha256(sandbox.encode()).hexdigest()[:8]
