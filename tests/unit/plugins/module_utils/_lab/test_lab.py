# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's own leases, names, state files and processes: what is decided and what is parsed."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._lab import names
from ansible_collections.podnet.lab.plugins.module_utils._lab import step as lab_step
from ansible_collections.podnet.lab.plugins.module_utils._lab.leases import (
    Allocation,
    AllocationError,
    LeaseStore,
    allocate,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab.processes import (
    Process,
    alive,
    end,
    identify,
    parse_stat,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab.store import Store, pod_from
from ansible_collections.podnet.lab.plugins.module_utils._lab.web import PROGRAM

MARK = "aa"
NETWORK = ipaddress.IPv4Network("10.244.0.0/29")
GATEWAY = ipaddress.IPv4Address("10.244.0.1")


def lease(pods: List[Tuple[str, Optional[str]]], leases: Optional[Dict[str, str]] = None) -> Allocation:
    """Allocate in 10.244.0.0/29, which has five addresses for pods."""
    return allocate(NETWORK, GATEWAY, pods, leases or {}, MARK)


def test_modules_take_turns_and_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_step, "TURN_SECONDS", 0.1)
    other = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert not lab_step.take_turn(str(tmp_path))
    os.close(other)
    assert lab_step.take_turn(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_turn_ends_with_its_process_and_not_with_what_it_started(tmp_path: Path) -> None:
    """The sleep outlives the module, as a sandbox does, and must not hold the lock."""
    source = (
        "import os, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from ansible_collections.podnet.lab.plugins.module_utils._lab.step import take_turn\n"
        "assert take_turn(sys.argv[2])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.close(1)\n"
        "    os.execvp('sleep', ['sleep', '30'])\n"
        "print(pid)\n"
    )
    parents = Path(lab_step.__file__).absolute().parents
    collections = next(parent.parent for parent in parents if parent.name == "ansible_collections")
    command = [sys.executable, "-c", source, str(collections), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=30, check=True)
    try:
        assert lab_step.take_turn(str(tmp_path))
    finally:
        os.kill(int(done.stdout), 9)


def test_new_pods_get_the_lowest_free_addresses() -> None:
    made = lease([("aa1", None), ("aa2", None)])
    assert made.addresses == {"aa1": "10.244.0.2", "aa2": "10.244.0.3"}
    assert made.lease == {"10.244.0.2": "aa1", "10.244.0.3": "aa2"}
    assert made.release == []


def test_a_pod_keeps_its_lease_and_one_that_went_loses_it() -> None:
    made = lease([("aa1", None), ("aa2", None)], {"10.244.0.6": "aa2", "10.244.0.2": "aa3"})
    assert made.addresses == {"aa2": "10.244.0.6", "aa1": "10.244.0.2"}
    assert made.lease == {"10.244.0.2": "aa1"}
    assert made.release == ["10.244.0.2"]


def test_a_second_lease_and_one_outside_the_range_are_released() -> None:
    made = lease([("aa1", None)], {"10.244.0.2": "aa1", "10.244.0.3": "aa1", "10.9.0.1": "aa1", "fd00::1": "aa1"})
    assert made.addresses == {"aa1": "10.244.0.2"}
    assert made.release == ["10.244.0.3", "10.9.0.1", "fd00::1"]


def test_a_wanted_address_goes_before_a_kept_lease() -> None:
    made = lease([("aa1", None), ("aa2", "10.244.0.2")], {"10.244.0.2": "aa1"})
    assert made.addresses == {"aa2": "10.244.0.2", "aa1": "10.244.0.3"}
    assert made.release == ["10.244.0.2"]


def test_leases_of_others_stay_and_their_addresses_are_not_used() -> None:
    made = lease([("aa1", None)], {"10.244.0.2": "bb7", "10.244.0.3": ""})
    assert made.addresses == {"aa1": "10.244.0.4"}
    assert made.release == []


@pytest.mark.parametrize(
    ("pods", "leases", "expected"),
    [
        ([("aa1", "10.244.0.2")], {"10.244.0.2": "bb7"}, "leased to container bb7, which is not the lab's"),
        ([("aa1", "10.244.0.1")], {}, "is not an address for a pod in it"),
        ([("aa1", "10.244.0.0")], {}, "is not an address for a pod in it"),
        ([("aa1", "10.244.0.7")], {}, "is not an address for a pod in it"),
        ([("aa1", "10.244.0.9")], {}, "is not an address for a pod in it"),
        ([("aa1", "10.244.0.5"), ("aa2", "10.244.0.5")], {}, "is wanted by two pods"),
        ([("aa%d" % number, None) for number in range(6)], {}, "no free address for 6 of the 6 pods"),
    ],
)
def test_what_cannot_be_leased(pods: Any, leases: Dict[str, str], expected: str) -> None:
    with pytest.raises(AllocationError) as caught:
        lease(pods, leases)
    assert expected in str(caught.value)
    assert caught.value.remedy


ADDRESSES = st.integers(0, 9).map(lambda number: "10.244.0.%d" % number)


@given(
    pods=st.lists(
        st.tuples(st.integers(0, 9).map("aa{}".format), st.none() | ADDRESSES), unique_by=lambda pod: pod[0], max_size=6
    ),
    leases=st.dictionaries(ADDRESSES, st.sampled_from(["aa0", "aa1", "aa9", "bb1", ""])),
)
def test_an_allocation_fits_and_is_kept(pods: List[Tuple[str, Optional[str]]], leases: Dict[str, str]) -> None:
    try:
        made = lease(pods, leases)
    except AllocationError:
        return
    assert set(made.addresses) == {sandbox for sandbox, _fixed in pods}
    assert len(set(made.addresses.values())) == len(pods)
    for sandbox, fixed in pods:
        assert fixed in (None, made.addresses[sandbox])
        assert ipaddress.IPv4Address(made.addresses[sandbox]) in list(NETWORK.hosts())[1:]
    after = {address: holder for address, holder in leases.items() if address not in made.release}
    after.update(made.lease)
    foreign = {address: holder for address, holder in leases.items() if not holder.startswith(MARK)}
    assert foreign.items() <= after.items()
    again = lease(pods, after)
    assert again == Allocation(made.addresses, {}, [])


def test_leases_are_written_as_host_local_writes_them(tmp_path: Path) -> None:
    store = LeaseStore("lab0", str(tmp_path / "networks"))
    made = store.missing()
    assert made == [str(tmp_path / "networks" / name) for name in ("", "lab0", "lab0/last_reserved_ip.0", "lab0/lock")]
    assert store.read() == {}
    planned = store.change([], {"10.244.0.2": "aa1"}, {"aa1": "eth0"}, real=False)
    assert planned == ["printf 'aa1\\r\\neth0' > %s/10.244.0.2" % store.path]
    assert not os.path.exists(store.path)
    store.make()
    assert store.change([], {"10.244.0.2": "aa1"}, {"aa1": "eth0"}, real=True) == planned
    assert Path(store.path, "10.244.0.2").read_bytes() == b"aa1\r\neth0"
    assert Path(store.path, "last_reserved_ip.0").read_bytes() == b"10.244.0.2"
    assert store.read() == {"10.244.0.2": "aa1"}
    assert store.missing() == []
    assert store.change(["10.244.0.2"], {}, {}, real=True) == ["rm %s/10.244.0.2" % store.path]
    assert store.remove(made) == []
    assert os.listdir(str(tmp_path)) == []


def test_leases_of_others_and_what_was_there_before_are_left(tmp_path: Path) -> None:
    store = LeaseStore("lab0", str(tmp_path))
    store.make()
    foreign = Path(store.path, "10.244.0.9")
    foreign.write_text("bb1")
    made = store.missing()
    assert made == [store.path + "/last_reserved_ip.0", store.path + "/lock"]
    store.change([], {"10.244.0.2": "aa1"}, {"aa1": "eth0"}, real=True)
    store.change(["10.244.0.2"], {}, {}, real=True)
    assert store.remove(made) == []
    assert os.listdir(store.path) == ["10.244.0.9"]
    assert store.remove([store.path]) == [store.path], "it is not empty yet"
    foreign.unlink()
    assert store.remove([]) == []
    assert os.listdir(str(tmp_path)) == []


LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@given(lab=LABELS, pod=st.tuples(LABELS, LABELS), other=st.tuples(LABELS, LABELS))
def test_names_are_valid_and_belong_to_one_pod(lab: str, pod: Tuple[str, str], other: Tuple[str, str]) -> None:
    sandbox = names.sandbox_id(lab, *pod)
    assert len(sandbox) == 64
    assert sandbox.startswith(names.sandbox_mark(lab))
    assert len(names.host_ifname(sandbox)) < 16
    assert len(os.path.basename(names.netns_path(lab, *pod))) < 256
    if pod != other:
        assert names.netns_path(lab, *pod) != names.netns_path(lab, *other)
        assert sandbox != names.sandbox_id(lab, *other)
        assert names.pod_uid(lab, *pod) != names.pod_uid(lab, *other)


# /proc/PID/stat of a process that calls itself "a) b"
STAT = "812 (a) b) S 1 812 812 0 -1 4194560 99 0 0 0 0 0 0 0 20 0 1 0 90412 2293760 128 18446744073709551615 1 1 0"


def test_the_start_time_is_found_behind_any_name() -> None:
    assert parse_stat(STAT) == ("S", 90412)


@given(comm=st.text(max_size=15))
def test_a_process_cannot_lie_about_its_start_time(comm: str) -> None:
    assert parse_stat(STAT.replace("a) b", comm)) == ("S", 90412)


def test_a_process_is_ended_only_when_it_is_the_one() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        process = identify(child.pid)
        assert process is not None
        assert alive(process)
        impostor = Process(child.pid, process.starttime - 1)
        assert not alive(impostor)
        assert end([impostor], 0.1) == []
        assert alive(process), "the PID alone is not enough"
        assert end([process], 5.0) == []
        assert identify(child.pid) is None, "a zombie counts as gone"
    finally:
        child.kill()
        child.wait()


POD: Dict[str, Any] = {
    "schema_version": 1,
    "lab": "lab0",
    "namespace": "default",
    "name": "pod1",
    "uid": "u",
    "sandbox_id": "aa1",
    "netns": "/run/netns/lab0_default_pod1",
    "labels": {"app": "web"},
    "pid": 7,
    "starttime": 70,
    "containers": [
        {"name": "web", "id": "c", "pid": 8, "starttime": 80, "command": ["sleep", "1"], "resolv_conf": None}
    ],
}


def test_a_pods_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = Store("lab0", str(tmp_path / "labs"))
    assert store.pods() == {}
    state = pod_from(POD)
    assert state == POD
    assert state is not None
    store.write_pod(state)
    assert store.pods() == {"aa1": POD}
    Path(store.path, "pods", "aa2.json").write_text(json.dumps(POD))
    Path(store.path, "pods", "broken.json").write_text('{"schema_version": 1')
    assert store.pods() == {"aa1": POD}, "a file of another name, or that is broken, is no state"
    for name in ("aa1", "aa2", "broken"):
        store.remove_pod(name)
    assert os.listdir(str(tmp_path)) == [], "nothing is left"


def test_what_was_changed_of_the_node_is_noted_until_it_is_put_back(tmp_path: Path) -> None:
    store = Store("lab0", str(tmp_path))
    store.write_node({"sysctl": {"net.ipv4.ip_forward": "0"}, "made": []})
    store.write_routes([{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}])
    again = Store("lab0", str(tmp_path))
    assert again.node() == {"sysctl": {"net.ipv4.ip_forward": "0"}, "made": []}
    assert again.routes() == [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]
    assert Store("lab1", str(tmp_path)).other_labs() == ["lab0"]
    store.write_node({"sysctl": {}, "made": []})
    store.write_routes([])
    assert again.other_labs() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(POD)), inner, max_size=5),
)


def test_containers_that_are_no_list_are_none() -> None:
    state = pod_from({**POD, "containers": True})
    assert state is not None
    assert state["containers"] == []


@given(changes=st.dictionaries(st.sampled_from(list(POD)), JSON))
def test_a_state_file_of_any_content_is_read_without_a_traceback(changes: Dict[str, Any]) -> None:
    state = pod_from({**POD, **changes})
    assert state is None or set(state) == set(POD)


def test_the_web_server_compiles_on_this_python() -> None:
    compile(PROGRAM, "podnet-web.py", "exec")
    assert sys.version_info >= (3, 8)
