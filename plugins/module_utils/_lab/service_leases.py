# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which Service has which address: kept on each node, also over a reboot, as a cluster keeps it in etcd.

``/var/lib/podnet-lab/<lab>/services.json``, those of IPv6 in ``services_v6.json``; `service_cidr` is for
``podnet.lab.pod_cidr_facts``, `load_balancers` has the addresses outside of those Services that have one::

    {"load_balancers": {"default/web": "10.89.0.241"},
     "service_cidr": "10.96.0.0/16", "services": {"default/web": "10.96.1.1"}}
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional

from .._files.reader import Files

LEASES_DIR = "/var/lib/podnet-lab"
FILES = {"ip": "services.json", "ip6": "services_v6.json"}
"""Names of the files, by the families of tables."""


class ServiceLeases:
    """The addresses of one family of one lab's Services, as noted on this node; `family` is ``ip`` or ``ip6``."""

    def __init__(self, lab: str, root: str = LEASES_DIR, family: str = "ip") -> None:
        self.root = root
        self.directory = "%s/%s" % (root, lab)
        self._paths = ["%s/%s" % (self.directory, name) for name in FILES.values()]
        self.path = "%s/%s" % (self.directory, FILES[family])

    def read(self) -> Dict[str, str]:
        """Return addresses by ``namespace/name``; a file of another form counts as absent."""
        return self._addresses("services")

    def load_balancers(self) -> Dict[str, str]:
        """Return the addresses outside by ``namespace/name``, of the Services that have one."""
        return self._addresses("load_balancers")

    def _addresses(self, key: str) -> Dict[str, str]:
        value = self._read().get(key)
        if not isinstance(value, dict):
            return {}
        return {str(name): address for name, address in value.items() if isinstance(address, str)}

    def service_cidr(self) -> Optional[str]:
        """Return the range that they are from; None when none is noted."""
        value = self._read().get("service_cidr")
        return value if isinstance(value, str) else None

    def _read(self) -> Dict[str, Any]:
        value = Files().json(self.path)
        return value if isinstance(value, dict) else {}

    def files(self) -> List[str]:
        """Return what there is of them, sorted; the directory unless the other family's are in it."""
        shared = any(os.path.exists(path) for path in self._paths if path != self.path)
        found = [self.path] if shared else [self.directory, self.path]
        return [path for path in found if os.path.exists(path)]

    def change(
        self, wanted: Dict[str, str], balancers: Dict[str, str], service_cidr: Optional[str], real: bool
    ) -> List[str]:
        """Note these addresses, none of them removes the file, if `real`; return what a person would type for it."""
        value: Dict[str, Any] = {"service_cidr": service_cidr, "services": wanted}
        if balancers:
            value["load_balancers"] = balancers
        text = json.dumps(value, sort_keys=True)
        if real and wanted:
            os.makedirs(self.directory, mode=0o755, exist_ok=True)
            with open(self.path + ".new", "w", encoding="utf-8") as handle:
                handle.write(text)
            os.rename(self.path + ".new", self.path)
        elif real:
            self._remove()
        return ["echo '%s' > %s" % (text, self.path) if wanted else "rm " + self.path]

    def _remove(self) -> None:
        for path in (self.path, self.path + ".new"):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        for directory in (self.directory, self.root):
            try:
                os.rmdir(directory)
            except OSError:
                pass
