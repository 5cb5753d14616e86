# SPDX-License-Identifier: Apache-2.0
"""A laboratory for failover: one client namespace, backend hosts that can vanish, and reseat.

    client namespace                      host a            host b
    10.98.0.1, fd98::1  --- to-a | eth0 --- 10.98.0.11, fd98::11
                        --- to-b | eth0 ------------------------- 10.98.0.12, fd98::12

A host *vanishes* by setting its link down inside its own namespace. Neighbour entries are permanent
in both directions, so nobody ever answers on its behalf: no FIN, no RST, no ICMP, no EHOSTUNREACH.
The machine's own network namespace is never touched. Everything is named reseat-e2e-PID-... and
removed on every exit; what a killed run left behind is removed by the next one.
"""
import json
import os
import shutil
import tempfile
from pathlib import Path

from process import Process, run
from sandbox import PREFIX, Cgroup, Namespace, cgroup2_mount, remove_leftovers
from sidecar import Sidecar, backends, config, reseat_binary, service
from waiting import (BOUND, DETECTION, hang_time, note_failover, now, stays_false, wait_until,
                     with_and_without_reseat)

__all__ = ["BOUND", "DETECTION", "ECHO_PORT", "HERE", "PREFIX", "PYTHON", "Lab", "backends", "cgroup2_mount", "config",
           "hang_time", "note_failover", "now", "reseat_binary", "run", "service", "start_echo", "stays_false",
           "wait_until", "with_and_without_reseat"]

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
ECHO_PORT = 7000


class Host:
    """A backend's machine."""

    def __init__(self, lab, name, number):
        self.lab, self.name = lab, name
        self.v4, self.v6 = f"10.98.0.{number}", f"fd98::{number}"
        self.directory = lab.tmp / name
        self.directory.mkdir()
        self.namespace = Namespace(f"{lab.name}-{name}")
        port = f"to-{name}"
        lab.client.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.namespace.name)
        lab.client.ip("link", "set", port, "up")
        self.namespace.ip("addr", "add", f"{self.v4}/24", "dev", "eth0")
        self.reappear()
        for address, source in ((self.v4, "10.98.0.1"), (self.v6, "fd98::1")):
            lab.client.ip("neigh", "replace", address, "lladdr", self._mac(self.namespace, "eth0"),
                          "nud", "permanent", "dev", port)
            lab.client.ip("route", "add", address, "dev", port, "src", source)

    @staticmethod
    def _mac(namespace, device):
        return json.loads(namespace.ip("-j", "link", "show", device).stdout)[0]["address"]

    def at(self, port, family="v4"):
        return f"{self.v4}:{port}" if family == "v4" else f"[{self.v6}]:{port}"

    def spawn(self, argv, label=None, **options):
        """A server of this host, ended with the lab."""
        return self.lab.keep(Process(self.namespace.wrap(argv), self.directory,
                                     label or Path(argv[0]).name, **options))

    def vanish(self):
        """Power cord pulled. Returns when it happened."""
        at = now()
        self.namespace.ip("link", "set", "eth0", "down")
        return at

    def reappear(self):
        self.namespace.ip("link", "set", "eth0", "up")
        self.namespace.ip("addr", "replace", f"{self.v6}/64", "dev", "eth0", "nodad")
        mac = self._mac(self.lab.client, f"to-{self.name}")
        for client in ("10.98.0.1", "fd98::1"):
            self.namespace.ip("neigh", "replace", client, "lladdr", mac, "nud", "permanent", "dev", "eth0")


class Lab:
    """with Lab(hosts="ab") as lab: lab.a.spawn(...); lab.run_client(...); lab.a.vanish()"""

    def __init__(self, hosts="ab"):
        remove_leftovers()
        Lab._count = getattr(Lab, "_count", 0) + 1
        self.name = f"{PREFIX}{os.getpid()}-{Lab._count}"
        self._hosts, self._processes, self._cgroups, self.hosts = hosts, [], [], []

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        self.tmp = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.tmp.chmod(0o755)  # servers that drop their privileges live here too
        self.client = Namespace(f"{self.name}-client")
        self.client.ip("addr", "add", "10.98.0.1/32", "dev", "lo")
        self.client.ip("addr", "add", "fd98::1/128", "dev", "lo", "nodad")
        for number, name in enumerate(self._hosts, start=11):
            host = Host(self, name, number)
            self.hosts.append(host)
            setattr(self, name, host)

    def __exit__(self, *exception):
        for process in reversed(self._processes):
            process.stop()
        reports = [report for process in self._processes if (report := process.sanitizer_report())]
        run("umount", "-l", self.tmp / "bpf", check=False)
        for cgroup in self._cgroups:
            cgroup.remove()
        for host in self.hosts:
            host.namespace.remove()
        if hasattr(self, "client"):
            self.client.remove()
        remove_leftovers(f"{self.name}-")
        shutil.rmtree(self.tmp, ignore_errors=True)
        assert not reports, "\n".join(reports)

    def keep(self, process):
        self._processes.append(process)
        return process

    def host(self, name):
        return next(h for h in self.hosts if h.name == name)

    def other(self, host):
        return next(h for h in self.hosts if h is not host)

    def cgroup(self, name=None):
        cgroup = Cgroup(name or f"{self.name}-{len(self._cgroups)}")
        self._cgroups.append(cgroup)
        return cgroup

    def write(self, name, text):
        """By rename: whoever is just reading the file must not find it empty."""
        path, fresh = self.tmp / name, self.tmp / (name + ".new")
        fresh.write_text(text)
        fresh.rename(path)
        return path

    def bpffs(self):
        """A bpffs of the test's own, to pin in."""
        path = self.tmp / "bpf"
        path.mkdir()
        run("mount", "-t", "bpf", "bpf", path)
        return path

    # ---- clients

    def in_client(self, argv, cgroup=None):
        """`argv` as it has to be run in the client namespace, and in `cgroup` if there is one."""
        return self.client.wrap(cgroup.wrap(argv) if cgroup else argv)

    def spawn(self, argv, label="client", cgroup=None, **options):
        return self.keep(Process(self.in_client(argv, cgroup), self.tmp, label, **options))

    def run(self, *argv, cgroup=None, **options):
        return run(*self.in_client([str(a) for a in argv], cgroup), **options)

    def spawn_behind(self, config, argv, label="exec", **options):
        """`argv` through `reseat exec`; the standard error is shared by the two."""
        return self.spawn([*self.exec_argv(config), *argv], label, **options)

    def exec_argv(self, config):
        return [reseat_binary(), "exec", "--config", self._config(config), "--"]

    def _config(self, text):
        return self.write("reseat.yaml", text)

    # ---- reseat

    def reseat(self, *words, **options):
        """A short-lived reseat command in the client namespace."""
        return self.run(reseat_binary(), *words, **options)

    def sidecar(self, config, cgroup, *flags, label="sidecar", **options):
        """`reseat run` beside `cgroup`, returned once it is ready."""
        sidecar = self.start_sidecar(config, cgroup, *flags, label=label, **options)
        sidecar.wait_ready()
        return sidecar

    def start_sidecar(self, config, cgroup, *flags, label="sidecar", inside=None, file=None, write=None, wrapper=(),
                      environment=None):
        """As `sidecar`, without waiting; `cgroup` the workload's, or the flags that say which; `inside` is the
        cgroup that reseat itself runs in, `file` where its configuration is to be, `write` how it gets there,
        `wrapper` what starts it, `environment` what it finds in its own."""
        admin = self.tmp / f"{label}.sock"
        file = file or self.tmp / f"{label}.yaml"
        text = f"admin: {{socket: {admin}}}\n{config}"
        (write or Path.write_text)(file, text)
        workload = cgroup if isinstance(cgroup, (list, tuple)) else ["--cgroup", cgroup.path]
        argv = [*wrapper, reseat_binary(), "run", "--config", file, *workload, *flags]
        return self.keep(Sidecar(self.in_client(argv, inside), self.tmp, label, file, admin,
                                 env={**os.environ, **(environment or {})}))


def start_echo(lab, family="v4"):
    """An echo server that answers with its host's name on each host. {host name: process}"""
    def start(host):
        argv = [PYTHON, HERE / "clients/echo_server.py", getattr(host, family), ECHO_PORT, host.name]
        return host.spawn(argv, f"echo-{family}")
    servers = {host.name: start(host) for host in lab.hosts}
    for server in servers.values():
        server.event("listening", within=10)
    return servers
