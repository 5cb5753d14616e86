#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No cycle of #includes: neither between units (a source and its header are one) nor between rooms (folders).

Prints each cycle with the includes that close it. Exit status 1: there is one.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import PurePosixPath

TOP = ("base", "lb", "config", "bpf", "lab", "proxy")


def sources():
    listed = subprocess.run(["git", "ls-files", "--", *TOP], capture_output=True, text=True, check=True).stdout
    return [path for path in listed.split("\n") if path.endswith((".cpp", ".hpp", ".h")) and "/prog/" not in path]


def unit_of(path):
    return re.sub(r"(_impl)?\.(cpp|hpp|h)$", "", path)


def room_of(path):
    return str(PurePosixPath(path).parent)


def is_same_house(room, other):
    """A folder has rooms of its own: its root is their front door, and what they are built on."""
    return room == other or room.startswith(other + "/") or other.startswith(room + "/")


def strongly_connected(graph):
    """Tarjan's algorithm, with a stack of its own."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in list(graph):
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, edges = work[-1]
            for other in edges:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == node:
                            break
                    if len(group) > 1:
                        found.append(sorted(group))
    return found


def main():
    units, rooms = defaultdict(set), defaultdict(lambda: defaultdict(list))
    known = set(sources())
    for path in sorted(known):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = re.match(r'#include "([^"]+)"', line)
                if not match or match[1] not in known:
                    continue
                here, there = unit_of(path), unit_of(match[1])
                if here != there:
                    units[here].add(there)
                    units[there]
                if not is_same_house(room_of(path), room_of(match[1])):
                    rooms[room_of(path)][room_of(match[1])].append(f"{path}:{number}: {match[1]}")
                    rooms[room_of(match[1])]
    bad = 0
    for group in strongly_connected(units):
        bad = 1
        print(f"units include one another in a circle: {' '.join(group)}")
    for group in strongly_connected({room: set(others) for room, others in rooms.items()}):
        bad = 1
        print(f"rooms include one another in a circle: {' '.join(group)}")
        for room in group:
            for other in group:
                for include in rooms[room].get(other, [])[:3]:
                    print(f"    {include}")
    return bad


sys.exit(main())
