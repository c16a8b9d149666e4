# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The Debian root file system that full nodes lie over: what is in it, where it is kept, how it is built.

::

    <cache>/<key>/root/          the file system, which nodes only read
                  recipe.json    what it was built from
            <key>.building/      one that is being built, or whose build was broken off

The key names the content: whoever asks for the same suite and packages gets the same directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from . import state

BASE_PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "systemd",
    "systemd-sysv",
)
"""What every full node has: systemd, SSH, Python for Ansible, and what looks at networks."""

MASKED_UNITS = (
    # They set what belongs to the whole machine: its kernel, its devices, its clock.
    "systemd-binfmt.service",
    "systemd-hwdb-update.service",
    "systemd-journald-audit.socket",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-sysctl.service",
    "systemd-timesyncd.service",
    "systemd-udev-settle.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "dev-hugepages.mount",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "fstrim.timer",
    # There is no console, and what mounts / is there before systemd.
    "console-getty.service",
    "getty.target",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-firstboot.service",
    "systemd-logind.service",
    "systemd-remount-fs.service",
    "tmp.mount",
    # A node reaches no mirror, and lives for hours.
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
)
"""Units that a full node must not start. A mask of a unit that the suite does not have does no harm."""

FILES = {
    "etc/fstab": "",
    # systemd makes one up when a node starts without; the node's own is written by full-node-init.
    "etc/machine-id": "",
    "etc/ssh/sshd_config.d/podnet-lab.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
        "PermitRootLogin prohibit-password\n"
        "PasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\n"
        "UsePAM no\n"
        "UseDNS no\n"
        "PrintMotd no\n"
        "PrintLastLog no\n"
        "MaxStartups 100\n"
        "MaxSessions 100\n"
        "SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    ),
    # The kernel's messages are the machine's: a node neither keeps nor writes them.
    "etc/systemd/journald.conf.d/podnet-lab.conf": (
        "[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\nReadKMsg=no\nAudit=no\nForwardToConsole=no\n"
    ),
}
"""Files of the root file system beside those of the packages."""

REMOVED = ("etc/hostname", "etc/resolv.conf", "usr/sbin/policy-rc.d")
"""Files that would make all nodes one, or that building leaves. SSH host keys are removed as well."""

LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
"""What no node needs of the packages: a third of the size."""

SPACE_TO_BUILD = 2 << 30
"""Bytes that must be free where root file systems are kept. One with containerd takes about 500 MB."""

SPACE_FOR_NODES = 1 << 30
"""Bytes that must be free where nodes write."""

DISK_TYPES = ("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "xfs")
"""File systems that can be overlayfs's upper layer, and whose directories can (Documentation/filesystems/overlayfs)."""

_SUITE = re.compile(r"[a-z][a-z0-9.-]*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
"""Debian policy 5.6.7."""

_PATH = re.compile(r"/[A-Za-z0-9._/+@-]+")
"""Paths that mean nothing else in overlayfs's options, where ',' and ':' separate."""


class RootError(Exception):
    """A root file system cannot be built; the message says why, and what to do."""


# --- decisions -------------------------------------------------------------------------------------------------


def packages_of(packages: Sequence[str]) -> List[str]:
    """All packages of a root file system for which these were asked, sorted."""
    return sorted({*BASE_PACKAGES, *packages})


def key_of(suite: str, packages: Sequence[str]) -> str:
    """The name of the content: the suite, and a hash of all that goes in."""
    recipe = [suite, packages_of(packages), MASKED_UNITS, FILES, REMOVED, LEFT_OUT]
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    return "%s-%s" % (suite, digest[:16])


def check_recipe(suite: str, packages: Sequence[str]) -> List[str]:
    """What is wrong with suite and packages by themselves, each as one sentence with its remedy."""
    faults = []
    if not _SUITE.fullmatch(suite):
        faults.append("suite '%s' is not the name of a Debian release: write it as in bookworm." % suite)
    faults += [
        "packages: '%s' is not the name of a Debian package: correct or remove it." % package
        for package in packages
        if not _PACKAGE.fullmatch(package)
    ]
    return faults


def check_directory(option: str, path: str) -> List[str]:
    """Whether overlayfs can be told of directories below this path."""
    if _PATH.fullmatch(path) and "/../" not in path + "/":
        return []
    return [
        "%s: '%s' must be an absolute path of letters, digits and . _ / + @ - only, as overlayfs's options want it."
        % (option, path)
    ]


def check_disk(option: str, path: str, fstype: str, free: int, needed: int, is_upper: bool) -> List[str]:
    """Whether the file system that `path` lies on can take what is kept there; sizes in bytes."""
    faults = []
    if is_upper and fstype not in DISK_TYPES:
        faults.append(
            "%s: %s lies on %s, which cannot take the writable layers of nodes: give a directory on a disk with ext4,"
            " xfs or btrfs." % (option, path, fstype or "an unknown file system")
        )
    if free < needed:
        faults.append(
            "%s: where %s lies, %d MB are free and %d MB are needed: make room, or give another directory."
            % (option, path, free >> 20, needed >> 20)
        )
    return faults


def filesystem_of(path: str, mountinfo: str) -> str:
    """The type of the file system that this absolute path lies on, by /proc/self/mountinfo; empty when unknown."""
    best, found = "", ""
    for line in mountinfo.splitlines():
        fields, separator, rest = line.partition(" - ")
        columns = fields.split(" ")
        if not separator or len(columns) < 6:
            continue
        point = columns[4]
        inside = point == "/" or path == point or path.startswith(point + "/")
        # Of two mounts at one place, the later one covers the earlier.
        if inside and len(point) >= len(best):
            best, found = point, rest.split(" ")[0]
    return found


def choose_mirror(uris: Sequence[str]) -> str:
    """Debian's mirror among the URIs of the machine's own apt; empty when there is none.

    Mirrors of Debian's main archive end in /debian (debian.org/mirror/ftpmirror); others, such as
    debian-security, do not have whole suites.
    """
    for uri in uris:
        plain = uri.strip().rstrip("/")
        if plain.startswith(("http://", "https://")) and plain.endswith("/debian"):
            return plain
    return ""


def apt_options(dump: str) -> List[str]:
    """Of what `apt-config dump` prints, how the machine's apt reaches its mirrors: proxies and certificates."""
    return [line for line in dump.splitlines() if re.match(r'Acquire::https?::\S* ".+";$', line)]


def build_command(suite: str, packages: Sequence[str], mirror: str, options: Sequence[str], target: str) -> List[str]:
    """The command that builds the root file system in `target`.

    Everything that it starts lives in namespaces that end when it ends, and it ends with its caller:
    a build that is broken off leaves neither processes nor mounts.
    """
    return [
        *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("mmdebstrap", "--mode=root", "--variant=minbase"),
        "--include=%s" % ",".join(packages_of(packages)),
        *("--dpkgopt=path-exclude=%s" % pattern for pattern in LEFT_OUT),
        *("--aptopt=%s" % option for option in options),
        suite,
        target,
        "deb %s %s main" % (mirror, suite),
    ]


_HINTS = (
    ("Unable to locate package", "a package is not in this suite: correct packages"),
    ("has no installation candidate", "a package is not in this suite: correct packages"),
    ("does not have a Release file", "the mirror has no such suite: correct suite, or give another mirror"),
    ("NO_PUBKEY", "the suite's key is not known here: install Debian's package debian-archive-keyring, or its update"),
    ("No space left", "make room there, or give another directory as cache"),
    ("Could not", "the mirror cannot be reached: see whether apt-get update works, or give another mirror"),
    ("Failed to fetch", "the mirror cannot be reached: see whether apt-get update works, or give another mirror"),
)
"""Words of apt and dpkg, and what helps."""


_ECHO = re.compile(r"E: (apt-get |setup failed|mmdebstrap failed|Some index files)")
"""Errors in which mmdebstrap and apt only repeat that something failed."""


def explain(words: str) -> str:
    """What mmdebstrap said when it failed, without its progress, and what helps."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(E:|dpkg: error)", line) and not _ECHO.match(line)]
    shown = " ".join((errors or lines)[-3:])[:600] or "no word from mmdebstrap"
    remedy = next((remedy for text, remedy in _HINTS if text in words), "see mmdebstrap(1)")
    return "building the root file system failed (%s): %s." % (shown, remedy)


# --- reading ---------------------------------------------------------------------------------------------------


def existing_part(path: str) -> str:
    """The deepest directory on the way to `path` that is there."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


def see_disk(path: str) -> Tuple[str, int]:
    """The type of the file system that `path` lies on or would lie on, and its free bytes."""
    place = os.path.realpath(existing_part(path))
    room = os.statvfs(place)
    return filesystem_of(place, state.read_all("/proc/self/mountinfo")), room.f_bavail * room.f_frsize


def is_built(cache: str, key: str) -> bool:
    """Whether the root file system is there; it is only put there when it is complete."""
    return os.path.isdir(os.path.join(cache, key))


def root_path(cache: str, key: str) -> str:
    """Where the root file system is, once it is built."""
    return os.path.join(cache, key, "root")


# --- building --------------------------------------------------------------------------------------------------


def build(
    cache: str,
    suite: str,
    packages: Sequence[str],
    mirror: str,
    options: Sequence[str],
    run: Callable[[Sequence[str]], Tuple[int, str]],
) -> bool:
    """Build the root file system, unless somebody did while this waited; whether it was built here.

    `run` runs a command and returns its exit status and its words. Raises RootError when it fails;
    nothing half-built stays then. What a killed build left is removed first.
    """
    key = key_of(suite, packages)
    with state.locked(cache):
        # Programs in there keep the set-user-ID bits of a day, and no updates come: root alone gets in.
        os.chmod(cache, 0o711)
        if is_built(cache, key):
            return False
        for entry in os.listdir(cache):
            if entry.endswith(".building"):
                state.remove_tree(os.path.join(cache, entry))
        begun = os.path.join(cache, key + ".building")
        os.mkdir(begun, 0o700)
        try:
            root = os.path.join(begun, "root")
            code, words = run(build_command(suite, packages, mirror, options, root))
            if code != 0:
                raise RootError(explain(words))
            _finish(root)
            record: Dict[str, object] = {"suite": suite, "packages": packages_of(packages)}
            state.write_text(os.path.join(begun, "recipe.json"), json.dumps(record, indent=2) + "\n")
            os.rename(begun, os.path.join(cache, key))
        finally:
            state.remove_tree(begun)
    return True


def _finish(root: str) -> None:
    """Make what the packages gave the root file system of nodes: no identity, no units for the machine."""
    keys = os.path.join(root, "etc/ssh")
    for name in os.listdir(keys):
        if name.startswith("ssh_host_"):
            os.unlink(os.path.join(keys, name))
    for path in REMOVED:
        state.remove_tree(os.path.join(root, path))
    for unit in MASKED_UNITS:
        path = os.path.join(root, "etc/systemd/system", unit)
        state.remove_tree(path)
        os.symlink("/dev/null", path)
    for path, text in FILES.items():
        os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
        state.write_text(os.path.join(root, path), text)


def mirror_of_machine(run: Callable[[Sequence[str]], Tuple[int, str]]) -> Optional[str]:
    """Debian's mirror that the machine's own apt uses; None when it has none."""
    code, out = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
    return (choose_mirror(out.splitlines()) or None) if code == 0 else None
