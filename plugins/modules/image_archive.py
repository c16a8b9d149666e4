#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch a container image into a file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_archive
short_description: "Internal: fetch a container image from a registry into an archive"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Has a container image in a file, in the form of C(docker save), which C(ctr images import) reads. C(skopeo) fetches
    it, without a container runtime and without root.
  - A file that holds the image already, with the right SHA-256 sum of each layer and for the right architecture, is
    kept, and no registry is asked. Any other file is replaced, when the new one is whole.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  name:
    description: Name of the image in the archive, with registry and tag.
    type: str
    required: true
  source:
    description: Where the image is fetched from, when that is another place than O(name) says, as a mirror is.
    type: str
  path:
    description: The file.
    type: path
    required: true
  architecture:
    description: Architecture of the image, as Kubernetes names it.
    type: str
    required: true
  validate_certs:
    description: Whether the registry must have a valid certificate. Without it also plain HTTP will do.
    type: bool
    default: true
requirements:
  - skopeo
notes:
  - Registries that want a login get the one that C(skopeo login) noted.
"""

EXAMPLES = r"""
- name: Have the pause image in a file
  podnet.lab.image_archive:
    name: registry.k8s.io/pause:3.10.1
    path: /srv/images/pause.tar
    architecture: amd64

- name: Have it from a mirror
  podnet.lab.image_archive:
    name: registry.k8s.io/pause:3.10.1
    source: mirror.example.org/kubernetes/pause:3.10.1
    path: /srv/images/pause.tar
    architecture: amd64
"""

RETURN = r"""
replaced:
  description: What was wrong with the file that was there. Empty when there was none, or when it was kept.
  returned: success
  type: str
  sample: it has no image registry.k8s.io/pause:3.10.1
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._bundle.image_archive import fault_of, is_reference


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "source": {"type": "str"},
            "path": {"type": "path", "required": True},
            "architecture": {"type": "str", "required": True},
            "validate_certs": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    name, path, architecture = (module.params[key] for key in ("name", "path", "architecture"))
    source = module.params["source"] or name
    for image in (name, source):
        if not is_reference(image):
            module.fail_json(
                msg="image %s: this is no name with registry and tag. Write it as registry.k8s.io/pause:3.10." % image
            )
    there = os.path.lexists(path)
    fault = fault_of(path, name, architecture) if there else None
    result = {"changed": not there or fault is not None, "replaced": fault or ""}
    if result["changed"]:
        result["diff"] = {"before": "%s: %s\n" % (path, fault or "absent"), "after": "%s: %s\n" % (path, name)}
    if not result["changed"] or module.check_mode:
        module.exit_json(**result)

    skopeo = module.get_bin_path("skopeo")
    if skopeo is None:
        module.fail_json(msg="skopeo: it is not on this machine, and fetches the images. Install the package skopeo.")
    part = path + ".part"
    if os.path.exists(part):  # of a run that was killed
        os.unlink(part)
    try:
        command = [skopeo, "--override-os", "linux", "--override-arch", architecture, "copy", "--retry-times", "3"]
        command += ["--src-tls-verify=" + str(module.params["validate_certs"]).lower()]
        command += ["docker://" + source, "docker-archive:%s:%s" % (part, name)]
        status, _out, err = module.run_command(command)
        if status != 0:
            cause = " ".join(err.split())[-1000:] or "skopeo failed without a word"
            module.fail_json(
                msg="image %s: it could not be fetched: %s. See that the registry can be reached and has the image, "
                "or name a mirror." % (source, cause)
            )
        fault = fault_of(part, name, architecture)
        if fault is not None:
            module.fail_json(msg="image %s: what was fetched cannot be used: %s. Name another image." % (source, fault))
        os.replace(part, path)
    except OSError as error:
        module.fail_json(msg="%s: it could not be written (%s)." % (path, error.strerror))
    finally:
        if os.path.exists(part):
            os.unlink(part)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
