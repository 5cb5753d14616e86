# SPDX-License-Identifier: Apache-2.0
"""dnsmasq as a backend's server: it resolves who.test to its host's own address."""
from waiting import wait_until

PORT = 53

# A query for who.test: recursion desired, one question, type A, class IN. Every byte is ASCII.
QUERY = r'"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03who\x04test\0\0\x01\0\x01"'
CHECK = f'type: udp, udp: {{send: {QUERY}, expect: "who"}}'


def dig(lab, server, cgroup=None):
    """What dig prints for who.test: one try, one second."""
    return lab.run("dig", f"@{server}", "-p", PORT, "who.test", "+short", "+tries=1", "+time=1",
                   cgroup=cgroup, check=False).stdout.strip()


def start_dnsmasq(lab, host):
    """Returned once it answers, UDP and TCP."""
    server = host.spawn([
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-ping",
        "--user=root", "--group=root", "--bind-interfaces", f"--listen-address={host.v4}", "--except-interface=lo",
        f"--pid-file={host.directory}/pid", f"--host-record=who.test,{host.v4}", "--log-facility=-"])
    wait_until(lambda: dig(lab, host.v4) == host.v4, 10, server.describe)
    return server
