# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""flannel-cni-plugin-stand-in: from subnet.env to a configuration of the bridge plugin, which does the work.

As flannel's plugin it keeps that configuration in /var/lib/cni/flannel, from which a pod is taken away again.
"""

import ipaddress
import json
import os
import subprocess
import sys
from typing import Any

STATE = "/var/lib/cni/flannel"


def delegated(conf: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the bridge plugin, as flannel's plugin makes it of subnet.env."""
    with open("/run/flannel/subnet.env") as opened:
        env = dict(line.strip().split("=", 1) for line in opened)
    own = str(ipaddress.ip_interface(env["FLANNEL_SUBNET"]).network)
    return {
        "cniVersion": conf["cniVersion"],
        "name": conf["name"],
        "type": "bridge",
        "mtu": int(env["FLANNEL_MTU"]),
        "ipMasq": env["FLANNEL_IPMASQ"] != "true",
        "isGateway": True,
        **conf["delegate"],
        "ipam": {"type": "host-local", "ranges": [[{"subnet": own}]], "routes": [{"dst": env["FLANNEL_NETWORK"]}]},
    }


conf = json.load(sys.stdin)
command = os.environ["CNI_COMMAND"]
kept = os.path.join(STATE, os.environ.get("CNI_CONTAINERID") or "none")
if command == "ADD":
    delegate = delegated(conf)
    os.makedirs(STATE, exist_ok=True)
    with open(kept, "w") as opened:
        json.dump(delegate, opened)
elif command == "DEL":
    try:
        with open(kept) as opened:
            delegate = json.load(opened)
    except FileNotFoundError:
        sys.exit(0)
else:
    delegate = {**conf, "type": "bridge"}
program = next(path + "/bridge" for path in os.environ["CNI_PATH"].split(":") if os.path.exists(path + "/bridge"))
done = subprocess.run([program], check=False, input=json.dumps(delegate), text=True, stdout=subprocess.PIPE)
print(done.stdout, end="")
if command == "DEL" and done.returncode == 0:
    os.unlink(kept)
sys.exit(done.returncode)
