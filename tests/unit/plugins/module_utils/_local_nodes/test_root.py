# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root file systems of full nodes: what names them, what is refused, and what a broken build leaves."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import root as roots

MIRROR = "http://mirror.example.org/debian"

# As an ext4 machine with a container's overlay below /var/lib/docker has it, and a path with a blank.
MOUNTINFO = r"""27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
28 27 0:25 / /run rw,nosuid - tmpfs tmpfs rw,size=1k
29 27 0:30 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw,lowerdir=/a,upperdir=/b
30 27 0:31 / /srv rw - xfs /dev/vdb rw
31 30 0:32 / /srv rw - tmpfs tmpfs rw
32 27 0:33 / /mnt/a\040b rw - nfs4 server:/ rw
garbage
"""


# --- what names a root file system -----------------------------------------------------------------------------


def test_the_same_packages_in_any_order_are_the_same_content() -> None:
    one = roots.key_of("bookworm", ["runc", "containerd"])
    assert one == roots.key_of("bookworm", ["containerd", "runc", "containerd"])
    assert one == roots.key_of("bookworm", ["containerd", "runc", "systemd"])  # which is in any of them
    assert one.startswith("bookworm-")


def test_another_suite_package_or_recipe_is_another_content(monkeypatch: pytest.MonkeyPatch) -> None:
    one = roots.key_of("bookworm", ["runc"])
    assert one != roots.key_of("trixie", ["runc"])
    assert one != roots.key_of("bookworm", ["crun"])
    monkeypatch.setattr(roots, "MASKED_UNITS", ("x.service",))
    assert one != roots.key_of("bookworm", ["runc"])


# --- what is refused -------------------------------------------------------------------------------------------


def test_good_suites_and_packages_are_accepted() -> None:
    assert roots.check_recipe("bookworm", ["g++", "libc6", "python3.11", "golang-1.19-go"]) == []


@pytest.mark.parametrize("package", ["", "a", "Runc", "a b", "runc,crun", "--hook", "runc=1.0", "../x", "runc\n"])
def test_what_is_no_package_s_name_is_refused(package: str) -> None:
    (fault,) = roots.check_recipe("bookworm", [package])
    assert "is not the name of a Debian package" in fault


@pytest.mark.parametrize("suite", ["", "12", "--help", "book worm", "../x", "Bookworm"])
def test_what_is_no_suite_s_name_is_refused(suite: str) -> None:
    (fault,) = roots.check_recipe(suite, [])
    assert "is not the name of a Debian release: write it as in bookworm" in fault


@pytest.mark.parametrize("path", ["/var/lib/nodes", "/srv/a-b_c.d@1+2"])
def test_paths_that_overlayfs_understands_are_accepted(path: str) -> None:
    assert roots.check_directory("data", path) == []


@pytest.mark.parametrize("path", ["/", "", "relative", "/a:b", "/a,b", "/a b", "/a/../b", "/a\n"])
def test_paths_that_mean_something_else_in_overlayfs_options_are_refused(path: str) -> None:
    (fault,) = roots.check_directory("data", path)
    assert fault.startswith("data: ")


@pytest.mark.parametrize("fstype", ["overlay", "tmpfs", "nfs4", "fuse.sshfs", ""])
def test_a_file_system_that_cannot_be_an_upper_layer_is_refused(fstype: str) -> None:
    (fault,) = roots.check_disk("data", "/x", fstype, 9 << 30, 1 << 30, is_upper=True)
    assert "give a directory on a disk with ext4, xfs or btrfs" in fault
    assert roots.check_disk("cache", "/x", fstype, 9 << 30, 1 << 30, is_upper=False) == []


def test_too_little_room_is_said_in_figures() -> None:
    (fault,) = roots.check_disk("data", "/x", "ext4", 5 << 20, 1 << 30, is_upper=True)
    assert "5 MB are free and 1024 MB are needed" in fault
    assert roots.check_disk("data", "/x", "ext4", 1 << 30, 1 << 30, is_upper=True) == []


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/var/lib/nodes", "ext4"),
        ("/", "ext4"),
        ("/run", "tmpfs"),
        ("/run/x", "tmpfs"),
        ("/running", "ext4"),
        ("/var/lib/docker/overlay2/abc/merged/var/lib", "overlay"),
        ("/srv/x", "tmpfs"),  # covers the xfs below it
    ],
)
def test_the_file_system_below_a_path_is_the_innermost_and_last_mount(path: str, fstype: str) -> None:
    assert roots.filesystem_of(path, MOUNTINFO) == fstype


def test_no_mounts_no_file_system() -> None:
    assert roots.filesystem_of("/x", "") == ""


# --- the mirror and the command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uris", "mirror"),
    [
        (["http://m.example/debian-security/", "http://m.example/debian/"], "http://m.example/debian"),
        (["https://m.example/pub/debian", "http://n.example/debian"], "https://m.example/pub/debian"),
        (["cdrom:[Debian]/debian", "file:/srv/debian", "http://m.example/ubuntu/"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_the_mirror_is_the_first_with_whole_suites(uris: List[str], mirror: str) -> None:
    assert roots.choose_mirror(uris) == mirror


def test_of_apt_s_settings_those_of_the_way_to_the_mirror_are_taken_along() -> None:
    dump = (
        'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://proxy.example:3142/";\n'
        'Acquire::https::CAInfo "/etc/ssl/x.pem";\nAcquire::http::Timeout "";\nAPT::Install-Recommends "1";\n'
        'DPkg::Post-Invoke:: "rm -rf /";\n'
    )
    assert roots.apt_options(dump) == [
        'Acquire::http::Proxy "http://proxy.example:3142/";',
        'Acquire::https::CAInfo "/etc/ssl/x.pem";',
    ]


def test_a_build_s_processes_and_mounts_end_with_their_caller() -> None:
    command = roots.build_command("bookworm", ["runc"], MIRROR, ["X 1;"], "/c/k.building/root")
    assert command[:5] == ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount"]
    assert "--kill-child" in command[: command.index("mmdebstrap")]
    (include,) = [word for word in command if word.startswith("--include=")]
    assert {"runc", "systemd", "openssh-server", "python3"} <= set(include[len("--include=") :].split(","))
    assert "--aptopt=X 1;" in command
    assert command[-3:] == ["bookworm", "/c/k.building/root", f"deb {MIRROR} bookworm main"]


# The ends of what mmdebstrap 1.3 of Debian 12 said.
UNREACHABLE = """I: running apt-get update...
Ign:1 http://mirror.example.org/debian bookworm InRelease
Err:1 http://mirror.example.org/debian bookworm InRelease
  Could not resolve 'mirror.example.org'
Reading package lists...
E: Failed to fetch http://mirror.example.org/debian/dists/bookworm/InRelease  Could not resolve 'mirror.example.org'
E: Some index files failed to download. They have been ignored, or old ones used instead.
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""
NO_PACKAGE = """I: installing remaining packages inside the chroot...
E: Unable to locate package nonsense
E: setup failed: E: apt-get -o Dir::Bin::dpkg=env --yes install failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""
NO_SUITE = """Err:2 http://mirror.example.org/debian nonesuch Release
  404  Not Found [IP: 192.0.2.1 80]
Reading package lists...
E: The repository 'http://mirror.example.org/debian nonesuch Release' does not have a Release file.
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
E: mmdebstrap failed to run
"""


@pytest.mark.parametrize(
    ("words", "shown", "told"),
    [
        (UNREACHABLE, "Failed to fetch http://mirror.example.org", "see whether apt-get update works"),
        (NO_PACKAGE, "(E: Unable to locate package nonsense)", "a package is not in this suite: correct packages"),
        (NO_SUITE, "nonesuch Release' does not have a Release file.)", "the mirror has no such suite: correct suite"),
        (
            "W: GPG error: x NO_PUBKEY 123\nE: x is not signed.",
            "is not signed",
            "install Debian's package debian-archive",
        ),
        ("dpkg: error: cannot copy: No space left on device", "No space left", "make room there"),
        ("Segmentation fault", "(Segmentation fault)", "see mmdebstrap(1)"),
        ("", "no word from mmdebstrap", "see mmdebstrap(1)"),
    ],
)
def test_a_failed_build_is_told_with_the_remedy(words: str, shown: str, told: str) -> None:
    message = roots.explain(words)
    assert message.startswith("building the root file system failed (")
    assert shown in message
    assert told in message
    assert "mmdebstrap failed to run" not in message
    assert "\n" not in message


# --- building, with a stand-in for mmdebstrap ------------------------------------------------------------------


def stand_in_for_mmdebstrap(argv: Sequence[str]) -> Tuple[int, str]:
    """Make the few files that the recipe then changes."""
    root = Path(argv[-2])
    for path in ("etc/ssh", "etc/systemd/system", "usr/sbin"):
        (root / path).mkdir(parents=True)
    (root / "etc/ssh/ssh_host_rsa_key").write_text("the builder's")
    (root / "usr/sbin/policy-rc.d").write_text("exit 101")
    (root / "etc/hostname").write_text("builder")
    return 0, ""


def build(cache: Path, run: Callable[[Sequence[str]], Tuple[int, str]] = stand_in_for_mmdebstrap) -> bool:
    return roots.build(str(cache), "bookworm", ["runc"], MIRROR, [], run)


KEY = roots.key_of("bookworm", ["runc"])


def test_a_root_file_system_has_no_identity_and_no_units_for_the_machine(tmp_path: Path) -> None:
    assert build(tmp_path / "cache") is True
    root = Path(roots.root_path(str(tmp_path / "cache"), KEY))
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    assert not (root / "usr/sbin/policy-rc.d").exists()
    assert not (root / "etc/hostname").exists()
    assert (root / "etc/machine-id").read_text() == ""
    assert os.readlink(root / "etc/systemd/system/systemd-sysctl.service") == "/dev/null"
    assert "runc" in json.loads((root.parent / "recipe.json").read_text())["packages"]
    # Its set-user-ID programs are for root alone.
    assert root.parent.stat().st_mode & 0o077 == 0


def test_what_is_built_is_not_built_again(tmp_path: Path) -> None:
    assert build(tmp_path) is True

    def refuse(argv: Sequence[str]) -> Tuple[int, str]:
        raise AssertionError(argv)

    assert build(tmp_path, refuse) is False


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    def fail(argv: Sequence[str]) -> Tuple[int, str]:
        stand_in_for_mmdebstrap(argv)
        return 25, "E: Unable to locate package runc"

    with pytest.raises(roots.RootError, match="Unable to locate package runc"):
        build(tmp_path, fail)
    assert list(tmp_path.iterdir()) == []
    assert not roots.is_built(str(tmp_path), KEY)


def test_what_a_killed_build_left_is_no_root_file_system_and_is_removed(tmp_path: Path) -> None:
    left = tmp_path / (KEY + ".building") / "root" / "etc"
    left.mkdir(parents=True)
    (tmp_path / "trixie-0.building").mkdir()
    assert not roots.is_built(str(tmp_path), KEY)
    assert build(tmp_path) is True
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def _build_slowly(cache: Path, log: Any) -> None:
    def run(argv: Sequence[str]) -> Tuple[int, str]:
        log.put("begun")
        return stand_in_for_mmdebstrap(argv)

    log.put(build(cache, run))


def test_of_builds_at_once_one_builds_and_the_others_wait(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    log = context.Queue()
    builders = [context.Process(target=_build_slowly, args=(tmp_path, log)) for _number in range(4)]
    for builder in builders:
        builder.start()
    said = [log.get(timeout=30) for _number in range(5)]
    for builder in builders:
        builder.join()
    assert sorted(map(str, said)) == ["False", "False", "False", "True", "begun"]


def test_the_deepest_directory_that_is_there_tells_the_disk(tmp_path: Path) -> None:
    assert roots.existing_part(str(tmp_path / "a" / "b")) == str(tmp_path)
    fstype, free = roots.see_disk(str(tmp_path / "a" / "b"))
    assert fstype
    assert free > 0
