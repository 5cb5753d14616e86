# SPDX-License-Identifier: Apache-2.0
"""The truth from outside: what the kernel says, through other eyes than reseat's."""
import array
import ctypes
import json
import mmap
import os
import re
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab import run

MAPPED = "::ffff:"


@dataclass(frozen=True)
class Seen:
    """A socket as `ss` shows it; addresses without the v4-mapped prefix."""
    protocol: str
    state: str
    local_port: int
    peer: tuple  # (address, port), or None


def plain(address):
    return address[len(MAPPED):] if address.startswith(MAPPED) else address


def _split(text):
    address, _, port = text.rpartition(":")
    return plain(address.strip("[]").partition("%")[0]), int(port) if port != "*" else 0


def sockets(namespace):
    """{cookie: Seen} of all TCP and UDP sockets of a namespace that an application has open."""
    lines = run(*namespace.wrap(["ss", "-tunaeHO"]), within=60).stdout.splitlines()
    found = {}
    for line in lines:
        words = line.split()
        cookie = re.search(r"\bsk:([0-9a-f]+)", line)
        if cookie and re.search(r"\bino:[1-9]", line):  # without: nobody has it open any more
            peer = _split(words[5])
            found[int(cookie[1], 16)] = Seen(words[0], words[1], _split(words[4])[1], peer if peer[1] else None)
    return found


# ---- what a process holds

def resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def descriptors(pid):
    """What its descriptors are, counted by kind."""
    kinds = Counter()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            kinds[re.sub(r":?\[?\d+\]?$", "", os.readlink(fd))] += 1
        except FileNotFoundError:
            pass
    return kinds


def bpf_ids(pid):
    """{"map_id": {...}, "prog_id": {...}, "link_id": {...}} that it holds by descriptor."""
    ids = {"map_id": set(), "prog_id": set(), "link_id": set()}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            for kind, number in re.findall(r"^(map_id|prog_id|link_id):\s+(\d+)", info.read_text(), re.M):
                ids[kind].add(int(number))
        except FileNotFoundError:
            pass
    return ids


# ---- bpf(2), for what has no file

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
_PROG_BY_ID, _MAP_BY_ID, _OBJ_INFO = 13, 14, 15


def _bpf(command, attributes):
    attr = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = _libc.syscall(_SYS_BPF, command, attr, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return result


def exists(kind, number):
    try:
        os.close(_bpf({"map_id": _MAP_BY_ID, "prog_id": _PROG_BY_ID}[kind], struct.pack("I", number)))
        return True
    except FileNotFoundError:
        return False


def _map_info(fd):
    """(type, key size, value size, entries, name)"""
    info = ctypes.create_string_buffer(88)
    _bpf(_OBJ_INFO, struct.pack("IIQ", fd, 88, ctypes.addressof(info)))
    kind, _, key, value, entries, _ = struct.unpack_from("6I", info)
    return kind, key, value, entries, info.raw[24:40].rstrip(b"\0").decode()


def dump_maps(pid):
    """What reseat knows in the kernel, for people to read: bpftool's JSON, a line for each map."""
    told = []
    for number in sorted(bpf_ids(pid)["map_id"]):
        name = _name_of_map(number)
        if name in ("lb_stats", "lb_services", "lb_tables", "lb_repoint"):
            told.append(f"{name}: {_bpftool(number)}")
        elif name == "lb_backends":
            lives = [e for e in json.loads(_bpftool(number)) if e.get("formatted", {}).get("value", {}).get("life")]
            told.append(f"{name}: {json.dumps(lives)}")
        elif name == "lb_chunk":
            flows = [e for e in json.loads(_bpftool(number)) if set(e["value"][:8]) != {"0x00"}]  # with a cookie
            flows = [e.get("formatted", e) for e in flows]
            told.append(f"{name} {number}: {json.dumps(flows)}")
        elif name == "lb_flow_tags":
            told.append(f"{name}: {_tags(number)}")
    return "\n".join(told)


def _bpftool(number):
    return run("bpftool", "-j", "map", "dump", "id", number, check=False, within=60).stdout.strip()


def _name_of_map(number):
    fd = _bpf(_MAP_BY_ID, struct.pack("I", number))
    try:
        return _map_info(fd)[4]
    finally:
        os.close(fd)


def index_entries(pid):
    """How many sockets reseat's index holds: the tags in lb_flow_tags that name a life."""
    return sum(len(_tags(number)) for number in bpf_ids(pid)["map_id"])


def _tags(number):
    """{flow: tag} of those that are not free; none if this is another map."""
    fd = _bpf(_MAP_BY_ID, struct.pack("I", number))
    try:
        entries, name = _map_info(fd)[3:]
        if name != "lb_flow_tags":
            return {}
        with mmap.mmap(fd, entries * 8, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
            tags = array.array("Q", memory.read())
        return {flow: tag for flow, tag in enumerate(tags) if tag & 0xffffffff}
    finally:
        os.close(fd)
