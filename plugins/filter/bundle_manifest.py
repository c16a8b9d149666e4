# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter: the manifest of an offline bundle on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bundle_manifest
short_description: Read the manifest of an offline bundle on the control node
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Reads and checks the C(manifest.json) of a bundle, a folder or an archive. Its files are not looked at.
positional: _input
options:
  _input:
    description: Path of the bundle on the control node.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Say what a bundle is for
  ansible.builtin.debug:
    msg: "{{ ('/srv/bundle.tar.zst' | podnet.lab.bundle_manifest).kubernetes_version }}"
"""

RETURN = r"""
_value:
  description: The manifest.
  type: dict
  sample: {format: 1, kubernetes_version: v1.34.2, architecture: amd64, files: [], images: []}
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError


def bundle_manifest(path: Any) -> dict[str, Any]:
    """Return the manifest of a bundle; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.bundle.bundles import BundleError, load

    try:
        return load(Path(str(path)).expanduser())[0]
    except BundleError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"bundle_manifest": bundle_manifest}
