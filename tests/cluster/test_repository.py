# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of one node from a package repository, whose packages are stand-ins by upstream's names.

Its kubelet and containerd leave control groups to systemd, which manages them in version 1 as well.
"""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster.package_repository import (
    Key,
    Package,
    make_key,
    missing,
    publish,
    served,
)
from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Site, changed, listed, report
from ansible_collections.podnet.lab.tests.cluster_bundle import bundle, versions

PACKAGES = ("cri-tools", "kubeadm", "kubectl", "kubelet", "kubernetes-cni")
LOOK = (
    f"dpkg-query -W -f '${{Package}} ${{Status}}\\n' {' '.join(PACKAGES)} 2>/dev/null;"
    " ls /etc/apt/sources.list.d /etc/apt/keyrings"
)
SOURCES_AWAY = (
    "mkdir -p /var/tmp/apt; mv /etc/apt/sources.list /etc/apt/sources.list.d/* /var/tmp/apt/ 2>/dev/null; true"
)
SOURCES_BACK = (
    "rm -f /etc/apt/sources.list.d/stand-in.list; mv /var/tmp/apt/sources.list /etc/apt/ 2>/dev/null;"
    " mv /var/tmp/apt/* /etc/apt/sources.list.d/ 2>/dev/null; rmdir /var/tmp/apt; rm -rf /var/lib/apt/lists/*"
)


class Repository:
    """A site of one node, and the options by which it takes Kubernetes from packages."""

    def __init__(self, site: Site, options: dict[str, Any], key: Key, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.options = options
        self.key = key

    def cluster(self, *argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.site.cluster(*argv, **{**self.options, **options})

    def shell(self, command: str) -> str:
        return self.site.nodes.shell(CONTROL_PLANE, command, check=False)


@pytest.fixture(scope="module")
def repository(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The repository, served to a node that has no cluster, none of its packages, and not all of the distribution's."""
    if missing():
        pytest.skip(f"{', '.join(missing())} is not installed")
    site.cluster(kubeadm_cluster_state="absent")
    scratch = tmp_path_factory.mktemp("repository")
    own = Site(site.nodes, site.bundle, scratch)
    own.workers = ()
    key = make_key(scratch / "key")
    publish(scratch / "kubernetes", kubernetes_packages(site), key)
    # One package that a node lacks, from the node's own distribution, repacked.
    program = base64.b64decode(site.nodes.shell(CONTROL_PLANE, "base64 /usr/sbin/conntrack"))
    publish(scratch / "debian", [Package("conntrack", "9:1", {"/usr/sbin/conntrack": program})], key)
    gateway = site.nodes.shell(CONTROL_PLANE, "ip route show default").split()[2]
    try:
        with served(scratch, gateway) as url:
            site.nodes.shell(CONTROL_PLANE, SOURCES_AWAY)
            source = f"deb [trusted=yes] {url}/debian/ ./"
            site.nodes.shell(CONTROL_PLANE, f"echo '{source}' > /etc/apt/sources.list.d/stand-in.list")
            site.nodes.shell(CONTROL_PLANE, "dpkg --purge --force-depends conntrack")
            load_images(site)
            (scratch / "key.asc").write_text(key.public, encoding="utf-8")
            yield Repository(own, options(site, url, scratch, key), key, scratch)
    finally:
        own.cluster(kubeadm_cluster_state="absent")
        site.nodes.shell(CONTROL_PLANE, SOURCES_BACK)
        subprocess.run(["gpgconf", "--homedir", str(key.home), "--kill", "all"], check=False)


def options(site: Site, url: str, scratch: Path, key: Key) -> dict[str, Any]:
    manifest = json.loads((site.bundle / "manifest.json").read_text(encoding="utf-8"))
    return {
        "kubeadm_cluster_source": "repository",
        "kubeadm_cluster_version": manifest["kubernetes_version"],
        "kubeadm_cluster_repository_url": f"{url}/kubernetes/",
        "kubeadm_cluster_repository_key": str(scratch / "key.asc"),
        "kubeadm_cluster_repository_key_fingerprint": key.fingerprint,
        "kubeadm_cluster_workload": False,
        "kubeadm_cluster_cgroup_driver": "systemd",
    }


def kubernetes_packages(site: Site) -> list[Package]:
    """Upstream's packages: the bundle's programs and units, and the node's CNI plugins."""
    bundle = site.bundle
    version = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["kubernetes_version"][1:] + "-1.1"
    plugins = base64.b64decode(site.nodes.shell(CONTROL_PLANE, "tar -C /usr/lib/cni -c . | base64"))
    with tarfile.open(fileobj=io.BytesIO(plugins)) as archive:
        contents = {member.name[2:]: archive.extractfile(member) for member in archive if member.isreg()}
        cni: dict[str, Path | bytes] = {f"/opt/cni/bin/{name}": data.read() for name, data in contents.items() if data}
    units = "/usr/lib/systemd/system/kubelet.service"
    return [
        Package("kubeadm", version, {
            "/usr/bin/kubeadm": bundle / "bin" / "kubeadm",
            f"{units}.d/10-kubeadm.conf": bundle / "units" / "10-kubeadm.conf",
        }, "kubelet, kubectl, cri-tools"),
        Package("kubelet", version, {
            "/usr/bin/kubelet": bundle / "bin" / "kubelet", units: bundle / "units" / "kubelet.service",
        }, "kubernetes-cni"),
        Package("kubectl", version, {"/usr/bin/kubectl": bundle / "bin" / "kubectl"}),
        Package("cri-tools", "1.20.0-1.1", {"/usr/bin/crictl": bundle / "bin" / "crictl"}),
        Package("kubernetes-cni", "1.1.1-1.1", cni),
    ]  # fmt: skip


def load_images(site: Site) -> None:
    """Give the node the images that it would get from a registry."""
    site.nodes.shell(CONTROL_PLANE, "systemctl start containerd")
    for archive in sorted((site.bundle / "images").glob("*.tar")):
        with archive.open("rb") as opened:
            subprocess.run(
                ["ssh", "-F", str(site.nodes.directory / "ssh_config"), CONTROL_PLANE, "ctr -n k8s.io images import -"],
                stdin=opened, check=True, capture_output=True,
            )  # fmt: skip


def test_another_key_than_the_pinned_one_is_refused(repository: Repository) -> None:
    before = repository.shell(LOOK)
    refused = repository.cluster(check=False, kubeadm_cluster_repository_key_fingerprint="0" * 40)
    assert refused.returncode != 0
    said = " ".join(refused.stdout.split())
    assert repository.key.fingerprint in said
    assert "Nothing was installed" in said
    assert repository.shell(LOOK) == before


def test_a_node_is_made_from_packages_that_are_held(repository: Repository) -> None:
    assert changed(repository.cluster("--check")) > 0
    repository.cluster()
    [node] = repository.site.items("nodes")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == repository.options["kubeadm_cluster_version"]
    assert listed(repository.shell("dpkg --get-selections | awk '$2 == \"hold\" {print $1}'")) == [
        "kubeadm",
        "kubectl",
        "kubelet",
    ]
    # What the node lacked of its distribution came from there.
    assert repository.shell("dpkg-query -W -f '${Version}' conntrack") == "9:1"
    assert changed(repository.cluster()) == 0


def test_containers_are_in_scopes_of_systemd_and_their_pods_are_known(repository: Repository) -> None:
    groups = repository.shell("cat /proc/$(pidof kube-apiserver)/cgroup")
    assert re.search(r":/kubepods\.slice/\S+/cri-containerd-[0-9a-f]{64}\.scope$", groups, re.MULTILINE), groups
    repository.site.wait_for_pods()
    expected = {f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in repository.site.running_pods()}
    found = report(repository.site.inspect("systemd"))
    assert {f"{pod['namespace']}/{pod['name']}" for pod in found["pods"]} == expected


def test_the_one_node_is_upgraded_from_the_next_versions_repository(repository: Repository) -> None:
    version = versions().patch
    if version is None:
        pytest.skip("the bundle was given, and no newer one with it")
    newer = Site(repository.site.nodes, bundle(version), repository.folder)
    publish(repository.folder / "newer", kubernetes_packages(newer), repository.key)
    load_images(newer)
    url = repository.options["kubeadm_cluster_repository_url"].replace("/kubernetes/", "/newer/")
    repository.options.update(kubeadm_cluster_version=version, kubeadm_cluster_repository_url=url)
    done = repository.cluster()
    assert "node1 is upgraded without being drained" in " ".join(done.stdout.split())
    [node] = repository.site.items("nodes")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == version
    assert "taints" not in node["spec"]
    assert changed(repository.cluster()) == 0
    repository.site.write_down("one node from packages, upgraded by a patch version")


def test_packages_and_repository_are_removed_again(repository: Repository) -> None:
    repository.cluster(kubeadm_cluster_state="absent")
    left = repository.shell(LOOK)
    assert not any(package in left for package in PACKAGES), left
    assert "podnet" not in left
    assert repository.shell("ls /etc/kubernetes /usr/bin/kubelet 2>/dev/null") == ""
