# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the machine remembers about its fabrics: files below /run, locks on them, and the processes they name.

::

    /run/podnet-nodes/<fabric>/fabric.json        {"schema_version", "name", "subnet", "directory", "owner"}
                               holder             "<pid> <starttime>" of the process that holds the bridge
                               ssh/               sockets of SSH masters, the owner's
                               nodes/<name>/node.json   the NodeSpec that the node was made from
                                            init        "<pid> <starttime>" of the node's first process
                                            host_key    the public half of its SSH host key
                                            log         what its first process and sshd said
                                            root/       an empty directory; the node mounts its root there, unseen

Full nodes write to a disk instead of memory, and what they wrote does not outlive them either::

    <data>/<fabric>/podnet-nodes       "<boot ID> <fabric_mark>": whose directory this is
                    <name>/upper/      what the node changed of its root file system; work/ is overlayfs's own
                           containerd/, etcd/, kubelet/
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import AbstractSet, Any, Dict, Iterable, Iterator, List, Optional

from .plan import (
    NodeSpec,
    ProcessId,
    Wanted,
    data_directory,
)

BASE = "/run/podnet-nodes"

FABRIC_VARIABLE = "PODNET_NODES_FABRIC"
"""Environment variable by which the processes of a fabric are known even when its files are gone."""

_SCHEMA_VERSION = 1

_DATA_MARK = "podnet-nodes"


def fabric_mark(fabric: str) -> str:
    """Value of `FABRIC_VARIABLE`: a fabric belongs to the network namespace in which it has its link.

    A container on this machine may have a fabric of the same name; its processes can be seen from here.
    """
    return "%s@%d" % (fabric, os.stat("/proc/self/ns/net").st_ino)


def fabric_directory(fabric: str) -> str:
    """Where the state of this fabric lies."""
    return os.path.join(BASE, fabric)


def node_directory(fabric: str, node: str) -> str:
    """Where the state of this node lies."""
    return os.path.join(BASE, fabric, "nodes", node)


def sockets_directory(fabric: str) -> str:
    """Where SSH masters to this fabric's nodes have their sockets: short, because a socket's path has 107 bytes."""
    return os.path.join(BASE, fabric, "ssh")


# --- locks -----------------------------------------------------------------------------------------------------


@contextmanager
def locked(path: str, fleeting: bool = False) -> Iterator[None]:
    """Make the directory `path` and hold an exclusive lock on it; if `fleeting`, remove it at the end when it is empty.

    Whoever held the lock before may have removed the directory: then it is made and locked again.
    Raises OSError when the directory cannot be made.
    """
    while True:
        os.makedirs(path, mode=0o755, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_same(descriptor, path):
                try:
                    yield
                finally:
                    # Still locked: a moment later it may be another's, who has put nothing into it yet.
                    if fleeting:
                        remove_if_empty(path)
                return
        finally:
            os.close(descriptor)


def _is_same(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def remove_if_empty(path: str) -> None:
    """Remove the directory when nothing is in it; leave it otherwise."""
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
            raise


# --- records on disk -------------------------------------------------------------------------------------------


def fabric_names() -> List[str]:
    """The fabrics of this machine, sorted."""
    try:
        return sorted(entry.name for entry in os.scandir(BASE) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def node_names(fabric: str) -> List[str]:
    """The nodes of this fabric that have left any trace, in the order of their numbers."""
    try:
        names = [entry.name for entry in os.scandir(os.path.join(BASE, fabric, "nodes"))]
    except FileNotFoundError:
        return []
    return sorted(names, key=lambda name: (len(name), name))


def read_text(path: str) -> str:
    """The file's text without white space around it; empty when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read(65536).strip()
    except FileNotFoundError:
        return ""


def read_json(path: str) -> Dict[str, Any]:
    """The object in the file; empty when there is no file or no JSON object in it."""
    try:
        value = json.loads(read_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def write_text(path: str, text: str) -> None:
    """Write the file whole or not at all."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)


def write_text_in_place(path: str, text: str) -> None:
    """Write to a file that is no file, as those of /proc/sys are."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_fabric(wanted: Wanted) -> None:
    """Record the fabric, and make the directory for its owner's SSH sockets."""
    directory = fabric_directory(wanted.fabric)
    os.makedirs(os.path.join(directory, "nodes"), mode=0o755, exist_ok=True)
    sockets = sockets_directory(wanted.fabric)
    os.makedirs(sockets, mode=0o700, exist_ok=True)
    os.chown(sockets, wanted.owner, -1)
    record = {
        "schema_version": _SCHEMA_VERSION,
        "name": wanted.fabric,
        "subnet": wanted.subnet,
        "directory": wanted.directory,
        "owner": wanted.owner,
    }
    write_text(os.path.join(directory, "fabric.json"), json.dumps(record, indent=2) + "\n")


def write_node(fabric: str, spec: NodeSpec) -> str:
    """Record what the node is made from; the directory for its state."""
    directory = node_directory(fabric, spec.name)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    write_text(os.path.join(directory, "node.json"), json.dumps(asdict(spec), indent=2) + "\n")
    return directory


def read_node_spec(fabric: str, node: str) -> Optional[NodeSpec]:
    """What the node was made from; None when the record is missing or of another version."""
    record = read_json(os.path.join(node_directory(fabric, node), "node.json"))
    try:
        return NodeSpec(**{**record, "binds": tuple(record["binds"])})
    except (KeyError, TypeError):
        return None


# --- what full nodes write -------------------------------------------------------------------------------------


def _data_owner(fabric: str) -> str:
    return "%s %s" % (read_text("/proc/sys/kernel/random/boot_id"), fabric_mark(fabric))


def has_data(data: str, fabric: str) -> bool:
    """Whether a directory of this fabric is left below `data`."""
    return os.path.isfile(os.path.join(data_directory(data, fabric), _DATA_MARK))


def check_data(data: str, fabric: str) -> List[str]:
    """Why this fabric's nodes must not write below `data`; each as a sentence with its remedy."""
    directory = data_directory(data, fabric)
    if not os.path.lexists(directory):
        return []
    boot, _separator, mark = read_text(os.path.join(directory, _DATA_MARK)).partition(" ")
    if not boot:
        return ["data: %s is there already, and is not ours: give another directory or fabric name." % directory]
    # What was left when the machine went down belongs to nobody any more.
    if boot == read_text("/proc/sys/kernel/random/boot_id") and mark != fabric_mark(fabric):
        return [
            "data: %s belongs to a fabric of the same name in another network namespace of this machine: give"
            " another directory or fabric name, or remove it when that fabric is gone." % directory
        ]
    return []


def make_data(fabric: str, spec: NodeSpec) -> None:
    """Make the empty directory that the node writes to. What is in it may be secret: a cluster's keys."""
    directory = os.path.dirname(spec.data)
    os.makedirs(directory, mode=0o711, exist_ok=True)
    write_text(os.path.join(directory, _DATA_MARK), _data_owner(fabric) + "\n")
    remove_tree(spec.data)
    os.mkdir(spec.data, 0o700)


def remove_data(directory: str, nodes: Optional[AbstractSet[str]] = None) -> None:
    """Remove what these nodes, or all, wrote below the fabric's directory; then the directories that are empty."""
    if not os.path.isfile(os.path.join(directory, _DATA_MARK)):
        return
    for entry in os.listdir(directory):
        if entry != _DATA_MARK and (nodes is None or entry in nodes):
            remove_tree(os.path.join(directory, entry))
    if os.listdir(directory) == [_DATA_MARK]:
        remove_tree(directory)
        remove_if_empty(os.path.dirname(directory))


def remove_tree(path: str) -> None:
    """Remove what is there, and all below it. Symbolic links are removed, not followed."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def remove_contents(path: str) -> None:
    """Remove all that is in the directory, and leave the directory."""
    for entry in _entries(path):
        remove_tree(entry)


def is_initial_user_namespace() -> bool:
    """Whether all user IDs of the machine are ours (user_namespaces(7)): root in here is root."""
    return read_text("/proc/self/uid_map").split() == ["0", "0", "4294967295"]


# --- processes -------------------------------------------------------------------------------------------------


def read_process_id(path: str) -> Optional[ProcessId]:
    """The process that a file of "<pid> <starttime>" names."""
    try:
        pid, starttime = read_text(path).split()
        return ProcessId(int(pid), int(starttime))
    except ValueError:
        return None


def _stat_fields(pid: int) -> Optional[List[str]]:
    """The fields of /proc/PID/stat from the third on; the second, the name, may hold blanks and parentheses."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="backslashreplace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(process: Optional[ProcessId]) -> bool:
    """Whether this very process still runs; a zombie does not."""
    fields = _stat_fields(process.pid) if process else None
    return bool(process and fields and fields[0] not in "ZX" and int(fields[19]) == process.starttime)


def parent_of(process: ProcessId) -> Optional[ProcessId]:
    """The process that started it, or None when that is gone or is the machine's first process."""
    fields = _stat_fields(process.pid)
    parent = int(fields[1]) if fields else 0
    above = _stat_fields(parent) if parent > 1 else None
    return ProcessId(parent, int(above[19])) if above else None


def end_processes(processes: Iterable[Optional[ProcessId]], patience: float = 30.0) -> List[ProcessId]:
    """End these processes and wait until they are gone; those that outlive `patience` seconds.

    The first process of a PID namespace takes all others in it along. Its parent, `unshare`, only
    waits for it, so it is waited for here and not signalled.
    """
    watched: List[ProcessId] = []
    for process in processes:
        if process is None or not is_alive(process):
            continue
        parent = parent_of(process)
        if parent and _comm(parent.pid) == "unshare":
            watched.append(parent)
        watched.append(process)
        _kill(process)
    deadline = time.monotonic() + patience
    while any(is_alive(process) for process in watched) and time.monotonic() < deadline:
        time.sleep(0.005)
    return [process for process in watched if is_alive(process)]


def stray_processes(fabric: str) -> List[ProcessId]:
    """Processes that keep this fabric or its nodes alive, though its files may be gone.

    They carry the fabric's name in their environment, as `Machine` starts them; only root's
    own processes of the two kinds that it starts are considered.
    """
    mark = ("%s=%s" % (FABRIC_VARIABLE, fabric_mark(fabric))).encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if os.stat("/proc/" + name).st_uid != 0 or _comm(int(name)) not in ("sleep", "unshare"):
                continue
            with open("/proc/%s/environ" % name, "rb") as file:
                marked = mark in file.read(1 << 20).split(b"\0")
        except OSError:
            continue
        fields = _stat_fields(int(name))
        if marked and fields:
            found.append(ProcessId(int(name), int(fields[19])))
    return found


def _comm(pid: int) -> str:
    try:
        return read_text("/proc/%d/comm" % pid)
    except ProcessLookupError:
        return ""


def _kill(process: ProcessId, number: int = signal.SIGKILL) -> None:
    """Signal this very process: the descriptor pins it before its start time is looked at."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


# --- SSH masters -----------------------------------------------------------------------------------------------


def end_ssh_masters(fabric: str, addresses: Optional[Iterable[str]] = None) -> List[int]:
    """End the SSH masters (ControlPersist) to these nodes, or to all nodes of the fabric; their PIDs.

    A master is the `ssh` process that has a socket open which is bound in the fabric's directory for
    them. The process is asked of the kernel (/proc/net/unix and its descriptors), never of the socket.
    """
    directory = sockets_directory(fabric)
    starts = None if addresses is None else tuple("%s-" % address for address in addresses)

    def wanted(path: str) -> bool:
        name = os.path.basename(path)
        return os.path.dirname(path) == directory and (starts is None or name.startswith(starts))

    inodes = set()
    for line in read_all("/proc/net/unix").splitlines()[1:]:
        # Num RefCount Protocol Flags Type St Inode Path (net/unix/af_unix.c, unix_seq_show)
        columns = line.split(None, 7)
        if len(columns) == 8 and wanted(columns[7]):
            inodes.add("socket:[%s]" % columns[6])
    ended = []
    for pid in _holders(inodes) if inodes else []:
        fields = _stat_fields(pid)
        if fields and _comm(pid) == "ssh":
            _kill(ProcessId(pid, int(fields[19])), signal.SIGTERM)
            ended.append(pid)
    for path in _entries(directory):
        if wanted(path):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
    return ended


def read_all(path: str) -> str:
    """The whole text of a file of /proc."""
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return file.read()


def _entries(directory: str) -> List[str]:
    try:
        return [entry.path for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []


def _holders(sockets: AbstractSet[str]) -> List[int]:
    """The processes that have one of these open, as /proc/PID/fd links name them."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            links = [os.readlink(entry.path) for entry in os.scandir("/proc/%s/fd" % name)]
        except OSError:
            continue
        if any(link in sockets for link in links):
            found.append(int(name))
    return found
