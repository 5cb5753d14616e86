# SPDX-License-Identifier: Apache-2.0
"""`reseat demo`: the first thing anyone runs, from nothing, in any network namespace."""
import os
import re

from lab import Lab, cgroup2_mount, reseat_binary, wait_until


def traces():
    """The namespaces, cgroups and sockets of every reseat on this machine."""
    places = ("/run/netns", "/run/reseat", str(cgroup2_mount()))
    return {f"{place}/{name}" for place in places if os.path.isdir(place)
            for name in os.listdir(place) if "reseat" in name or place == "/run/reseat"}


def test_the_demo_shows_clients_that_hang_without_and_go_on_with_reseat():
    with Lab(hosts="") as lab:
        before = traces()
        links = lab.client.ip("-o", "link").stdout
        demo = lab.spawn([reseat_binary(), "demo"], label="demo")
        assert demo.exits(within=60) == 0, demo.describe()
        assert re.search(r"without.*with", demo.out, re.I), demo.describe()
        for client in ("idle TCP", "busy TCP", "connected UDP", "unconnected UDP"):
            row = re.search(rf"^.*{client}.*$", demo.out, re.M | re.I)
            assert row and re.search(r"\d", row[0]), f"no row with a number for {client}: {demo.describe()}"
        wait_until(lambda: traces() <= before, 5, lambda: f"the demo left {traces() - before}")
        assert lab.client.ip("-o", "link").stdout == links
