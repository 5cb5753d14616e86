# SPDX-License-Identifier: Apache-2.0
"""Names for backends: knot, dnsmasq and one that misbehaves as name servers whose records change, and files of reseat's
own to find them."""
import json
import os
import signal
from pathlib import Path

from waiting import wait_until

PORT = 53

KNOT = """
server:
    rundir: "{dir}"
    listen: {address}@53
    user: root:root
control:
    listen: "{dir}/knot.sock"
database:
    storage: "{dir}"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{dir}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {zone}
    file: zone
"""


def dig(lab, server, name, kind="A"):
    """What this server says now, sorted: one try, one second."""
    out = lab.run("dig", f"@{server}", name, kind, "+short", "+tries=1", "+time=1", check=False).stdout
    return sorted(line for line in out.split("\n") if line and not line.startswith(";"))


class Knot:
    """An authoritative server for one zone."""

    def __init__(self, lab, host, records, ttl=1, zone="test"):
        self.lab, self.host, self.zone, self.serial = lab, host, zone, 0
        self.directory = host.directory / "knot"
        self.directory.mkdir()
        (self.directory / "conf").write_text(KNOT.format(dir=self.directory, address=host.v4, zone=zone))
        self._write(records, ttl)
        self.start()

    def _write(self, records, ttl):
        self.serial += 1
        head = f"$ORIGIN {self.zone}.\n$TTL {ttl}\n@ SOA ns hostmaster {self.serial} 60 60 3600 {ttl}\n@ NS ns\nns A {self.host.v4}\n"
        (self.directory / "zone").write_text(head + "\n".join(records) + "\n")

    def answers(self):
        soa = dig(self.lab, self.host.v4, self.zone, "SOA")
        return soa != [] and soa[0].split()[2] == str(self.serial)

    def start(self):
        self.process = self.host.spawn(["knotd", "-c", self.directory / "conf"], f"knotd-{self.serial}")
        wait_until(self.answers, 10, self.process.describe)

    def stop(self):
        self.process.stop()

    def set(self, *records, ttl=1):
        """These records and no others, from now on."""
        self._write(records, ttl)
        self.lab.run("knotc", "-c", self.directory / "conf", "zone-reload", self.zone)
        wait_until(self.answers, 10, self.process.describe)


class HostsDnsmasq:
    """dnsmasq with a file of hosts that is read again on SIGHUP."""

    def __init__(self, lab, host, ttl=1):
        self.lab, self.host = lab, host
        self.file = host.directory / "addresses"
        self.file.write_text("")
        self.process = host.spawn([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
            "--group=root", "--bind-interfaces", f"--listen-address={host.v4}", "--except-interface=lo",
            f"--pid-file={host.directory}/pid", f"--addn-hosts={self.file}", f"--local-ttl={ttl}", "--local=/test/",
            "--host-record=ready.test,10.98.0.99", "--log-facility=-"])
        wait_until(lambda: dig(lab, host.v4, "ready.test"), 10, self.process.describe)

    def set(self, name, *addresses):
        self.file.write_text("".join(f"{address} {name}\n" for address in addresses))
        # nsenter has replaced itself: the process is dnsmasq.
        os.kill(self.process.pid, signal.SIGHUP)
        v4 = sorted(a for a in addresses if ":" not in a)
        wait_until(lambda: dig(self.lab, self.host.v4, name) == v4, 10, self.process.describe)


class BadDns:
    """clients/dns_server.py on a host: says what it is told to."""

    def __init__(self, lab, host, records, **more):
        self.lab, self.script = lab, host.directory / "dns.json"
        self.set(records, **more)
        client = Path(__file__).parent / "clients/dns_server.py"
        self.process = host.spawn(["/usr/bin/python3", client, host.v4, self.script], "dns")
        self.process.event("listening", within=10)

    def set(self, records, **more):
        """`records` as {"echo.test": {"A": [...]}}, from now on."""
        fresh = self.script.with_suffix(".new")
        fresh.write_text(json.dumps({"records": records, **more}))
        fresh.rename(self.script)

    def asked(self, name=None, kind=None, after=0.0):
        """The questions that it has heard."""
        return [e for e in self.process.events("asked")
                if name in (None, e["name"]) and kind in (None, e["type"]) and e["t"] > after]


class Files:
    """/etc/resolv.conf and /etc/hosts as one process is to see them: in a mount namespace of its own."""

    def __init__(self, lab, *servers, search="", options="", hosts="", label="files"):
        self.resolv, self.hosts = lab.tmp / f"{label}.resolv.conf", lab.tmp / f"{label}.hosts"
        lines = [f"nameserver {server}" for server in servers]
        lines += [f"search {search}"] * bool(search) + [f"options {options}"] * bool(options)
        self.resolv.write_text("\n".join(lines) + "\n")
        self.hosts.write_text("127.0.0.1 localhost\n" + hosts)

    def wrapper(self):
        script = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
        return ["unshare", "--mount", "/bin/sh", "-c", script, "sh", self.resolv, self.hosts]


