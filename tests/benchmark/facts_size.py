# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the facts of a node are, as JSON with the separators that Ansible uses.

The node is a throwaway one with pods as in the benchmark of speed: a named namespace with lo and eth0, a bridge port
on the node's side, one address, a default route, one process. With ``--owners`` every pod has a CNI result and a
lease as well, as in a real cluster. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/facts_size.py [--pods 110] [--owners] [--limit 100000]
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.world import open_world  # noqa: E402

SUBSETS = (["min"], ["default"], ["default", "ends", "fdb"], ["default", "links"], ["all", "!hidden"])
PODS = """
ip link add cni0 type bridge; ip addr add 10.244.0.1/16 dev cni0; ip link set cni0 up
for i in $(seq 1 "$1"); do ip netns add "$(printf bench-%03d "$i")"; done
for i in $(seq 1 "$1"); do
  n=$(printf bench-%03d "$i"); v=$(printf vethb%07d "$i"); a=10.244.$(((i + 1) / 250)).$(((i + 1) % 250 + 1))
  ip link add "$v" type veth peer name eth0 netns "$n"
  ip link set "$v" master cni0 up
  ip -n "$n" link set lo up
  ip -n "$n" addr add "$a/16" dev eth0; ip -n "$n" link set eth0 up; ip -n "$n" route add default via 10.244.0.1
  nsenter --net="/run/netns/$n" setsid sleep 100000 </dev/null >/dev/null 2>&1 &
done
wait_for=$1
while [ "$(pgrep -c -x sleep)" -lt "$wait_for" ]; do sleep 0.1; done
sleep 2
"""


def owner_files(pods: int) -> dict[str, str]:
    """Return what a runtime and host-local keep of every pod, path -> content."""
    files = {}
    for number in range(1, pods + 1):
        sandbox, name = uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex * 2, f"web-7d4b9c6f5d-{number:05d}"
        address = f"10.244.{(number + 1) // 250}.{(number + 1) % 250 + 1}"
        arguments = {
            "K8S_POD_NAMESPACE": "production",
            "K8S_POD_NAME": name,
            "K8S_POD_INFRA_CONTAINER_ID": sandbox,
            "K8S_POD_UID": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        }
        files[f"/var/lib/cni/results/cbr0-{sandbox}-eth0"] = json.dumps(
            {
                "kind": "cniCacheV1",
                "containerId": sandbox,
                "ifName": "eth0",
                "networkName": "cbr0",
                "netns": f"/var/run/netns/bench-{number:03d}",
                "cniArgs": list(arguments.items()),
                "result": {"cniVersion": "1.0.0", "ips": [{"address": address + "/16"}]},
            }
        )
        files[f"/var/lib/cni/networks/cbr0/{address}"] = sandbox + "\r\neth0"
    return files


WRITE = """
import json, os, sys
for path, text in json.load(sys.stdin).items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w", newline="").write(text)
"""
"""Python that writes the files that come as JSON on its standard input."""


def main() -> int:
    """Print a table; 1 when the default facts are larger than the limit."""
    parser = argparse.ArgumentParser(description="Measure the size of the facts of a node.")
    parser.add_argument("--pods", type=int, default=110)
    parser.add_argument("--owners", action="store_true", help="give every pod a CNI result and a lease")
    parser.add_argument("--limit", type=int, default=100_000, help="most bytes of the default facts (%(default)s)")
    options = parser.parse_args()
    keys = ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr")
    print(f"{options.pods} pods, bytes of JSON{'':<7}" + "".join(f"{key[7:]:>10}" for key in keys) + f"{'all':>10}")
    default = 0
    with open_world("bench") as world:
        world.run("sh", "-euc", PODS, "sh", str(options.pods), timeout=600)
        if options.owners:
            world.run("python3", "-c", WRITE, stdin=json.dumps(owner_files(options.pods)))
        for subset in SUBSETS:
            facts = world.facts("pod_network_facts", subset)
            total = len(json.dumps(facts))
            default = total if subset == ["default"] else default
            sizes = "".join(f"{len(json.dumps(facts[key])):>10}" for key in keys)
            print(f"{', '.join(subset):<30}{sizes}{total:>10}")
    print(
        f"default: {default / options.pods:.0f} bytes a pod; at most {options.limit} bytes: {default <= options.limit}"
    )
    return int(default > options.limit)


if __name__ == "__main__":
    sys.exit(main())
