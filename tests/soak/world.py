# SPDX-License-Identifier: Apache-2.0
"""The world that is disturbed: backends' hosts, a workload's cgroup, and reseat beside it."""
import functools
import signal
from pathlib import Path

from lab import PYTHON, Lab, now, reseat_binary, run, wait_until
from model import DRAIN, HOSTS, OUTSIDE, PORTS, SERVICES, Truth
from sandbox import Cgroup
from sidecar import Sidecar

SERVER = Path(__file__).parent / "clients/server.py"
READY = 30  # deadline of whatever is only waited for
CHECK = "{interval: 300ms, fast_interval: 100ms, timeout: 500ms, unhealthy_threshold: 3, healthy_threshold: 1, " \
        "udp: {send: \"?\", expect: \"?\"}}"
# interval + timeout + (unhealthy_threshold - 1) * (fast_interval + timeout), less what a check may have begun before
SHORTEST_VERDICT = 3 * 0.5 + 2 * 0.1 - 0.5


class World:
    """with World() as world: world.vanish("a") ..."""

    def __init__(self, pinned=False):
        self.lab, self.truth, self.servers, self.runs = Lab(HOSTS + OUTSIDE), Truth(), {}, 0
        self.reseat, self.pinned, self.pins = None, pinned, None

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.pins = self.lab.bpffs() / "soak"
            self.cgroup = self.lab.cgroup()
            inner = [Cgroup(f"{self.cgroup.path.name}/{name}") for name in ("web", "jobs")]
            self.cgroups = [self.cgroup, *inner, Cgroup(f"{self.cgroup.path.name}/jobs/nightly")]
            self.directory = self.lab.tmp / "config"
            self.directory.mkdir()
            for host in self.lab.hosts:
                self.start_server(host.name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        self.lab.__exit__()

    # ---- backends

    def start_server(self, host):
        label = f"server-{sum(1 for p in self.lab._processes if p.label.startswith('server'))}"
        self.servers[host] = self.lab.host(host).spawn([PYTHON, SERVER, host, *PORTS], label)
        self.servers[host].event("listening", within=READY)
        self.truth.restarted(host)

    def kill_server(self, host):
        self.truth.dies(host)
        self.servers[host].send_signal(signal.SIGKILL)
        self.servers[host].exits()

    def vanish(self, host):
        self.lab.host(host).vanish()
        self.truth.gone[host] = now()

    def reappear(self, host):
        self.lab.host(host).reappear()
        self.truth.gone.pop(host)

    # ---- configuration

    def config(self):
        truth = self.truth
        text = f"version: 1\npin: {self.pins if self.pinned else 'off'}\nadmin: {{socket: {self.admin}}}\nservices:\n"
        for service in SERVICES.values():
            addresses = ", ".join(f'"{self._at(*service.address(form))}"' for form in ("v4", "v6"))
            text += (f"  - name: {service.name}\n    protocol: {service.protocol}\n    address: [{addresses}]\n"
                     f"    health_check: {CHECK}\n    connections: {self._connections(service)}\n    backends:\n")
            for host in [self.lab.host(h) for h in service.hosts if (service.name, h) not in truth.removed]:
                state = "drain" if (service.name, host.name) in truth.drained else "ready"
                port = truth.port(service, host.name)
                for family, address in (("4", host.v4), ("6", host.v6)):
                    text += f'      - {{name: {host.name}{family}, address: "{self._at(address, port)}", state: {state}}}\n'
        return text + self._policies()

    def _connections(self, service):
        options = {"only_if_alternative": str(service.only_if_alternative).lower()}
        if "udp" in service.protocols:
            options["udp"] = service.udp
        options["drain_timeout"] = f"{DRAIN:.0f}s"
        if self.can("reload"):
            options["on_remove"] = service.on_remove
        return "{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}"

    def _policies(self):
        if not self.truth.denied:
            return ""
        rules = ""
        for name, host in self.truth.denied.items():
            at = self.lab.host(host)
            rules += (f"  - {{name: {name}, action: deny, existing: terminate, "
                      f'to: [{{cidr: {at.v4}/32}}, {{cidr: "{at.v6}/128"}}]}}\n')
        return "policies:\n" + rules

    @staticmethod
    def _at(address, port):
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    @property
    def admin(self):
        return self.lab.tmp / "admin.sock"

    def write_config(self):
        """By rename, as a careful operator does."""
        fresh = self.directory / "reseat.yaml.new"
        fresh.write_text(self.config())
        fresh.rename(self.directory / "reseat.yaml")

    @staticmethod
    @functools.cache
    def can(command):
        return run(reseat_binary(), command, "--help", check=False).returncode == 0

    # ---- reseat

    def start_reseat(self):
        self.runs += 1
        self.write_config()
        argv = [reseat_binary(), "run", "--config", self.directory / "reseat.yaml", "--cgroup", self.cgroup.path]
        began = now()
        self.reseat = self.lab.keep(Sidecar(self.lab.in_client(argv), self.lab.tmp, f"reseat-{self.runs}",
                                            self.directory / "reseat.yaml", self.admin))
        if not (self.pinned and self.truth.lives):
            self.truth.lives.append([began, None, None])
        self.reseat.wait_ready()
        self.truth.lives[-1][2] = self.truth.lives[-1][2] or now()

    def crash_reseat(self):
        """SIGKILL. Pinned, its programs go on without it."""
        if not self.pinned:
            self.truth.lives[-1][1] = now()
        self.reseat.send_signal(signal.SIGKILL)
        self.reseat.exits()

    def stop_reseat(self):
        """SIGTERM. Pinned, its programs stay; returns its exit status."""
        if not self.pinned:
            self.truth.lives[-1][1] = now()
        self.reseat.send_signal(signal.SIGTERM)
        return self.reseat.exits(within=READY)

    def reload(self, way):
        """The new configuration is put in force: by command, by SIGHUP, or by itself because the file changed."""
        self.write_config()
        if way == "SIGHUP":
            self.reseat.send_signal(signal.SIGHUP)
        elif way == "reload":
            run(*self.lab.in_client([reseat_binary(), "reload", "--admin", self.admin]))

    def reload_nonsense(self):
        """Exit status of a reload of a file that is no configuration: nothing may change by it."""
        (self.directory / "reseat.yaml").write_text("services: [{name: alpha, address: nowhere\n")
        return run(*self.lab.in_client([reseat_binary(), "reload", "--admin", self.admin]), check=False).returncode

    def states(self):
        """{(service, protocol, backend): state}, to know when to go on; no judgement rests on it."""
        return {(s["name"], s["protocol"], b["name"]): b["state"]
                for s in self.reseat.status()["services"] for b in s["backends"]}

    def wait_noticed(self, host):
        """Until reseat has seen that a host is well again."""
        def all_up():
            return all(state in ("up", "drain", "removing") for (_, _, name), state in self.states().items()
                       if name[0] == host)
        wait_until(all_up, READY, lambda: f"{host} to be up everywhere: {self.states()}")
