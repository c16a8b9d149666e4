#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the manifest of an offline bundle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: offline_bundle_seal
short_description: "Internal: write the manifest of an offline bundle, and an archive of it"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Computes the SHA-256 sums of a folder's files and writes its C(manifest.json), by which the folder becomes an
    offline bundle. A folder that lacks what every bundle has is refused.
  - Files are all those in C(bin), C(cni/bin), C(units) and C(manifests). Images are those that O(images) lists. Files
    that the former manifest lists and the new one does not are removed; others stay and are not of the bundle.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  path:
    description: The folder.
    type: path
    required: true
  kubernetes_version:
    description: Version of Kubernetes in the bundle, like C(v1.34.2).
    type: str
    required: true
  architecture:
    description: Architecture of the nodes that it is for, as Kubernetes names it.
    type: str
    required: true
  images:
    description: Names of images, with registry and tag, and for each the path of its archive in the folder.
    type: dict
    default: {}
  components:
    description: Versions of what else is in the bundle, for readers.
    type: dict
    default: {}
  stand_ins:
    description: Components that are not the real ones but programs in their place, as in tests.
    type: list
    elements: str
    default: []
  archive:
    description:
      - Archive of the bundle to write, too. Its ending says what it is, C(.tar), C(.tar.gz), C(.tar.xz) or
        C(.tar.zst), which needs the program C(zstd). It is written again when its manifest is not the bundle's.
    type: path
seealso:
  - module: podnet.lab.offline_bundle
  - name: The bundle's format
    description: What is in a bundle and how one is made.
    link: https://github.com/podnet-lab/podnet.lab/blob/main/docs/bundle.md
"""

EXAMPLES = r"""
- name: Make a folder an offline bundle
  podnet.lab.offline_bundle_seal:
    path: /srv/bundles/kubernetes-v1.34.2-amd64
    kubernetes_version: v1.34.2
    architecture: amd64
    images:
      registry.k8s.io/pause:3.10.1: images/pause.tar
    archive: /srv/bundles/kubernetes-v1.34.2-amd64.tar.zst
"""

RETURN = r"""
manifest:
  description: The manifest.
  returned: success
  type: dict
  sample: {format: 1, kubernetes_version: v1.34.2, architecture: amd64, files: [], images: []}
removed:
  description: Files of the former manifest that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [images/registry.k8s.io_pause_3.9_amd64.tar]
"""

import datetime
import json
import os
import tarfile
import tempfile
from typing import Any, Dict, List, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._bundle.archive import (
    MODES,
    archive_kind,
    first_member,
    write_archive,
)
from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    destination,
    digest_of,
    manifest_of,
    read_manifest,
    safe_path,
)

DIRECTORIES = ("bin", "cni/bin", "manifests", "units")


def files_in(folder: str) -> List[Tuple[str, str, int]]:
    """Return path, sum and mode of a folder's files that go to nodes. Raises OSError."""
    found = []
    for directory in DIRECTORIES:
        here = os.path.join(folder, directory)
        for name in sorted(os.listdir(here)) if os.path.isdir(here) else []:
            path, full = directory + "/" + name, os.path.join(here, name)
            if os.path.isfile(full) and safe_path(path) and destination(path):
                found.append((path, digest_of(full), os.stat(full).st_mode & 0o777))
    return found


def former(path: str) -> Dict[str, Any]:
    """Return the manifest that is there, empty when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as opened:
            raw = json.load(opened)
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}


def write(path: str, text: str) -> None:
    """Write a file, whole or not at all. Raises OSError."""
    handle, part = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
    os.chmod(part, 0o644)
    os.replace(part, path)


def seal(module: AnsibleModule) -> Dict[str, Any]:
    """Do it and return the result. Raises OSError and tarfile.TarError."""
    folder, archive = module.params["path"], module.params["archive"]
    here = os.path.join(folder, MANIFEST)
    names: Dict[str, List[str]] = {}
    for name, path in sorted(module.params["images"].items()):
        names.setdefault(path, []).append(name)
    images = [(path, digest_of(os.path.join(folder, path)), names[path]) for path in names]
    manifest = manifest_of(
        module.params["kubernetes_version"],
        module.params["architecture"],
        files_in(folder),
        images,
        module.params["components"],
        module.params["stand_ins"],
    )
    bundle, faults = read_manifest(manifest)
    if faults:
        module.fail_json(
            msg="folder %s: %s. It is no bundle, and no manifest was written." % (folder, "; ".join(faults))
        )
    old = former(here)
    same = {key: value for key, value in old.items() if key != "created_at"} == manifest
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest["created_at"] = old["created_at"] if same and "created_at" in old else now
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    dropped = sorted(path for path in set(read_manifest(old)[0].sums) - set(bundle.sums))
    removed = [path for path in dropped if os.path.isfile(os.path.join(folder, path))]
    packed = not archive or first_member(archive, MANIFEST, LARGEST_MANIFEST) == text.encode()
    if not module.check_mode:
        for path in removed:
            os.unlink(os.path.join(folder, path))
        if not same:
            write(here, text)
        if not packed:
            modes = {item.path: item.mode for item in bundle.files}
            write_archive(
                archive, folder, [(MANIFEST, 0o644)] + [(p, modes.get(p, 0o644)) for p in sorted(bundle.sums)]
            )
    result: Dict[str, Any] = {"changed": not same or not packed, "manifest": manifest, "removed": removed}
    if result["changed"]:
        before = json.dumps(old, indent=1, sort_keys=True) + "\n" if old else ""
        result["diff"] = {"before": before, "after": text, "before_header": here, "after_header": here}
    return result


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "kubernetes_version": {"type": "str", "required": True},
            "architecture": {"type": "str", "required": True},
            "images": {"type": "dict", "default": {}},
            "components": {"type": "dict", "default": {}},
            "stand_ins": {"type": "list", "elements": "str", "default": []},
            "archive": {"type": "path"},
        },
        supports_check_mode=True,
    )
    archive = module.params["archive"]
    if archive and archive_kind(archive) is None:
        module.fail_json(msg="archive %s: its ending is none of %s. Name it so." % (archive, ", ".join(sorted(MODES))))
    bad = [str(path) for path in module.params["images"].values() if not safe_path(path)]
    if bad:
        module.fail_json(msg="images: %s is no plain relative path. Name files below images/." % ", ".join(bad))
    try:
        module.exit_json(**seal(module))
    except (OSError, tarfile.TarError) as error:
        where = getattr(error, "filename", None) or module.params["path"]
        cause = getattr(error, "strerror", None) or str(error)
        module.fail_json(msg="%s: %s. The bundle is not complete." % (where, cause))


if __name__ == "__main__":
    main()
