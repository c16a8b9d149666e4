#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Install a node's Kubernetes from an offline bundle."""

from __future__ import annotations

DOCUMENTATION = r"""
module: offline_bundle
short_description: "Internal: install Kubernetes on a node from an offline bundle"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Compares the files and images of a bundle with what is on the node, brings over those that differ, verifies the
    SHA-256 sum of each, on the control node and again on the node, and only then installs the first of them.
  - Binaries go to C(/usr/bin), CNI plugins to C(/opt/cni/bin), the kubelet's units to C(/etc/systemd/system), images
    into containerd's namespace C(k8s.io).
  - What was installed is noted in C(/var/lib/podnet-lab/bundle.json), and O(state=absent) removes exactly that, as
    far as it is still as it was installed. Of an earlier bundle, files that this one lacks are removed as well; images
    stay until then, since pods may still run from them, or until the kubelet needs their room.
  - Formed of an action plugin, which reads the bundle on the control node, and a module on the node.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  path:
    description:
      - The bundle, a folder or an archive (C(.tar), C(.tar.gz), C(.tar.xz), C(.tar.zst)) on the control node. An
        archive is read without being unpacked when nothing is missing on the node. C(.tar.zst) needs C(zstd) there.
      - With O(on_node) a folder on the node.
    type: path
  on_node:
    description: Whether the bundle is on the node already, say on a disk that was carried there.
    type: bool
    default: false
  only:
    description:
      - Files of the bundle, or folders in it, to install, by their path in it; everything when empty. So an upgrade
        brings C(images) and C(bin/kubeadm) before it replaces the kubelet.
    type: list
    elements: str
    default: []
  state:
    description: Whether the bundle's files and images are on the node.
    type: str
    choices: [present, absent]
    default: present
  manifest:
    description: The parsed manifest. The action plugin fills it in.
    type: dict
  source:
    description: Where the missing files are on the node. The action plugin fills it in.
    type: path
requirements:
  - containerd with C(ctr), running, on the node
notes:
  - Needs root on the node.
seealso:
  - name: The bundle's format
    description: What is in a bundle and how one is made.
    link: https://github.com/podnet-lab/podnet.lab/blob/main/docs/bundle.md
"""

EXAMPLES = r"""
- name: Install Kubernetes from a bundle on the control node
  podnet.lab.offline_bundle:
    path: /srv/bundles/kubernetes-v1.34.2-amd64.tar.zst

- name: Bring the images and kubeadm of a newer version, and leave the kubelet as it is
  podnet.lab.offline_bundle:
    path: /srv/bundles/kubernetes-v1.34.3-amd64.tar.zst
    only: [images, bin/kubeadm]

- name: Remove what was installed from a bundle
  podnet.lab.offline_bundle:
    state: absent
"""

RETURN = r"""
missing:
  description: Files of the bundle, by their path in it, that differed from what the node had.
  returned: success
  type: list
  elements: str
  sample: [bin/kubelet, images/pause.tar]
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: [installed /usr/bin/kubelet, imported registry.k8s.io/pause:3.10]
kubernetes_version:
  description: Version of Kubernetes in the bundle.
  returned: when O(state=present)
  type: str
  sample: v1.34.2
"""

import json
import os
import shutil
import tempfile
from typing import Any, Dict, List, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import (
    MANIFEST,
    Bundle,
    digest_of,
    parse_image_list,
    read_manifest,
)

RECORD = "/var/lib/podnet-lab/bundle.json"
UNITS = "/etc/systemd/system/"


class Record:
    """What was installed from bundles: destination to SHA-256, image name to archive and digest."""

    def __init__(self) -> None:
        self.files: Dict[str, str] = {}
        self.images: Dict[str, Dict[str, str]] = {}
        try:
            with open(RECORD, encoding="utf-8") as opened:
                raw = json.load(opened)
            self.files = {str(key): str(value) for key, value in raw["files"].items()}
            self.images = {str(key): dict(value) for key, value in raw["images"].items()}
        except (OSError, ValueError, KeyError, AttributeError):
            pass  # nothing noted: everything is compared and installed again

    def write(self) -> None:
        """Keep the record, or remove it when nothing is noted any more."""
        if not self.files and not self.images:
            if os.path.exists(RECORD):
                os.unlink(RECORD)
            return
        os.makedirs(os.path.dirname(RECORD), mode=0o755, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=os.path.dirname(RECORD))
        with os.fdopen(handle, "w") as opened:
            json.dump({"files": self.files, "images": self.images}, opened, indent=1, sort_keys=True)
        os.replace(path, RECORD)


def is_wanted(path: str, only: List[str]) -> bool:
    """Tell whether a file of the bundle is in `only` by itself or by its folder, or `only` is empty."""
    return not only or any(path == entry or path.startswith(entry.rstrip("/") + "/") for entry in only)


class Installer:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.record = Record()
        self.only: List[str] = module.params["only"]
        self.actions: List[str] = []

    def fail(self, thing: str, cause: str, remedy: str) -> NoReturn:
        """End the module: what it is about, why, and what would help."""
        self.module.fail_json(msg="%s: %s. %s" % (thing, cause.rstrip("."), remedy), actions=self.actions)
        raise AssertionError("fail_json does not return")

    def images_there(self) -> Optional[Dict[str, str]]:
        """Return the images that containerd has; None when it does not answer."""
        ctr = self.module.get_bin_path("ctr")
        if ctr is None:
            return None
        status, out, _err = self.module.run_command([ctr, "-n", "k8s.io", "images", "ls"])
        return parse_image_list(out) if status == 0 else None

    def missing(self, bundle: Bundle) -> List[str]:
        """Return the paths in the bundle of what is wanted and not on the node as the bundle has it."""
        missing = []
        for item in bundle.files:
            if not is_wanted(item.path, self.only):
                continue
            try:
                mode = os.stat(item.destination).st_mode & 0o777
                same = mode == item.mode and digest_of(item.destination) == item.sha256
            except OSError:
                same = False
            if not same:
                missing.append(item.path)
        there = self.images_there() or {}
        for image in bundle.images:
            if not is_wanted(image.path, self.only):
                continue
            for name in image.names:
                noted = self.record.images.get(name, {})
                if name not in there or noted != {"archive": image.sha256, "digest": there[name]}:
                    missing.append(image.path)
                    break
        return missing

    def outdated(self, bundle: Bundle) -> List[str]:
        """Return the files on the node that came from an earlier bundle and that this one has no more."""
        new = {item.destination for item in bundle.files}
        return [] if self.only else sorted(path for path in self.record.files if path not in new)

    def verify(self, bundle: Bundle, source: str, missing: List[str]) -> None:
        """End the module unless every missing file is in `source` with the right sum."""
        faults = []
        for path in missing:
            try:
                if digest_of(os.path.join(source, path)) != bundle.sums[path]:
                    faults.append("%s has another SHA-256 sum than the manifest says" % path)
            except OSError as error:
                faults.append("%s cannot be read (%s)" % (path, error.strerror))
        if faults:
            self.fail("bundle in " + source, "; ".join(faults), "Nothing was installed. Copy or make the bundle again.")

    def install(self, bundle: Bundle, source: str, missing: List[str]) -> None:
        """Put the missing files in place, then import the missing images."""
        units = False
        for item in bundle.files:
            if item.path not in missing:
                continue
            directory = os.path.dirname(item.destination)
            os.makedirs(directory, mode=0o755, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=directory, prefix=".podnet-")
            os.close(handle)
            shutil.copyfile(os.path.join(source, item.path), temporary)
            os.chmod(temporary, item.mode)
            self.record.files[item.destination] = item.sha256
            self.record.write()
            os.replace(temporary, item.destination)
            self.actions.append("installed " + item.destination)
            units = units or item.destination.startswith(UNITS)
        if units:
            self.reload()
        for image in bundle.images:
            if image.path in missing:
                self.import_image(os.path.join(source, image.path), image.names, image.sha256)

    def import_image(self, archive: str, names: Any, sha256: str) -> None:
        """Import an image archive into containerd and note what came of it."""
        ctr = self.module.get_bin_path("ctr")
        if ctr is None:
            self.fail("ctr", "the program is not on this node", "Install containerd first.")
        status, _out, err = self.module.run_command([ctr, "-n", "k8s.io", "images", "import", archive])
        if status != 0:
            self.fail("image archive " + archive, " ".join(err.split()) or "ctr failed", "Is containerd running?")
        there = self.images_there() or {}
        for name in names:
            if name not in there:
                text = "it was imported, and containerd has no image %s" % name
                self.fail("image archive " + archive, text, "Correct the image's names in the bundle's manifest.")
            self.record.images[name] = {"archive": sha256, "digest": there[name]}
            self.actions.append("imported " + name)
        self.record.write()

    def reload(self) -> None:
        """Let systemd read its units again."""
        systemctl = self.module.get_bin_path("systemctl")
        if systemctl:
            self.module.run_command([systemctl, "daemon-reload"])

    def remove_files(self, paths: List[str]) -> List[str]:
        """Remove files that were installed, as far as nobody changed them since; return what went."""
        real = not self.module.check_mode
        gone = []
        for path in paths:
            try:
                same = digest_of(path) == self.record.files[path]
            except OSError:
                same = False
            if same:
                gone.append(path)
                self.actions.append("removed " + path)
                if real:
                    os.unlink(path)
            elif os.path.exists(path):
                self.module.warn("%s was changed after it was installed from a bundle, and stays." % path)
            if real:
                self._remove_empty(os.path.dirname(path))
                del self.record.files[path]
        if real:
            self.record.write()
            if any(path.startswith(UNITS) for path in gone):
                self.reload()
        return gone

    def remove(self) -> List[str]:
        """Remove everything that was installed, as far as nobody changed it since; return what went."""
        real = not self.module.check_mode
        gone = self.remove_files(sorted(self.record.files))
        there = self.images_there() or {}
        ctr = self.module.get_bin_path("ctr")
        names = [name for name, noted in sorted(self.record.images.items()) if there.get(name) == noted.get("digest")]
        if names and ctr:
            gone += names
            self.actions += ["removed image " + name for name in names]
            if real:
                # containerd's CRI names an image by its configuration's digest too: those names go with it.
                ids = [
                    name
                    for name, digest in there.items()
                    if name.startswith("sha256:") and digest in self._digests(names)
                ]
                self.module.run_command([ctr, "-n", "k8s.io", "images", "rm", "--sync", *names, *ids])
        if real:
            self.record.images = {}
            self.record.write()
            self._remove_empty(os.path.dirname(RECORD))
        return gone

    def _digests(self, names: List[str]) -> List[str]:
        return [self.record.images[name]["digest"] for name in names]

    def _remove_empty(self, directory: str) -> None:
        if directory in ("/usr/bin", "/etc/systemd/system"):
            return
        try:
            os.rmdir(directory)
        except OSError:
            pass  # something else is in it, or it is gone


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path"},
            "on_node": {"type": "bool", "default": False},
            "only": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "manifest": {"type": "dict"},
            "source": {"type": "path"},
        },
        supports_check_mode=True,
    )
    run = Installer(module)
    if module.params["state"] == "absent":
        before = [*run.record.files, *run.record.images]
        gone = run.remove()
        module.exit_json(changed=bool(before), missing=[], actions=run.actions, diff=_diff(gone, []))
    raw, source = module.params["manifest"], module.params["source"]
    if module.params["on_node"]:
        source = module.params["path"]
        if not source:
            run.fail("path", "it is needed with on_node", "Give the folder on the node.")
        try:
            with open(os.path.join(source, MANIFEST), encoding="utf-8") as opened:
                raw = json.load(opened)
        except (OSError, ValueError) as error:
            run.fail("bundle " + source, "its %s cannot be read (%s)" % (MANIFEST, error), "Give a folder on the node.")
    bundle, faults = read_manifest(raw)
    if faults:
        run.fail("bundle's manifest", "; ".join(faults), "Make the bundle again.")
    missing, outdated = run.missing(bundle), run.outdated(bundle)
    if missing and source:
        run.verify(bundle, source, missing)
        if not module.check_mode:
            run.install(bundle, source, missing)
    run.actions = run.actions or ["would install " + path for path in missing]
    # Without a source this only asks what is missing; the next call does the work.
    ready = bool(source or not missing or module.check_mode)
    gone = run.remove_files(outdated) if ready else []
    module.exit_json(
        changed=ready and bool(missing or outdated),
        missing=missing,
        actions=run.actions,
        kubernetes_version=bundle.kubernetes_version,
        diff=_diff(gone, missing),
    )


def _diff(before: List[str], after: List[str]) -> Dict[str, str]:
    return {"before": "".join(line + "\n" for line in before), "after": "".join(line + "\n" for line in after)}


if __name__ == "__main__":
    main()
