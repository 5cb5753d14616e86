# SPDX-License-Identifier: Apache-2.0
"""What happens to the world. Each step says what it did; it returns when that is done, not when it has settled."""
import signal

from crowd import KINDS
from lab import now, run
from model import DRAIN, HOSTS, PORTS, SERVICES, SLACK
from world import SHORTEST_VERDICT


class Steps:
    def __init__(self, world, crowd, rng, without=()):
        self.world, self.truth, self.crowd, self.rng, self.without = world, world.truth, crowd, rng, without

    def upgrade(self):
        """SIGTERM and a new process: pinned, that is no outage."""
        status = self.world.stop_reseat()
        if status != 0:
            raise AssertionError(f"reseat ended with status {status}: {self.world.reseat.describe()}")
        self.truth.allow_consequences(spared=True)  # the new one must first find out who is well
        self.world.start_reseat()
        return "reseat was replaced by a new process"

    # ---- a rule broken on purpose: the checker must notice

    def stopped(self):
        """reseat does nothing while a host vanishes."""
        self.world.reseat.send_signal(signal.SIGSTOP)
        return self.vanish()

    def bystander(self):
        """Sockets to whom nothing happened are ended, as a wrong filter would do."""
        run(*self.world.lab.client.wrap(["ss", "-K", "dst", self.world.lab.host("b").v4]))
        return "all connections to b were ended behind everybody's back"

    def nameless(self):
        """reseat is gone, and with it the translation of names; the checker is not told."""
        self.world.reseat.send_signal(signal.SIGKILL)
        self.world.reseat.exits()
        return "reseat was killed in secret"

    # ---- what can happen

    def possible(self):
        """{name: weight} of what can happen now."""
        truth, well, reload = self.truth, self.well(), self.world.can("reload")
        drainable, removable = self.pairs_with_others(truth.drained), self.pairs_with_others(truth.removed)
        weights = {"burst": 3, "flap": 1 if well else 0, "member_killed": 2, "crash": 1 if not truth.gone else 2,
                   "vanish": 5 if len(truth.gone) < 2 and well else 0, "reappear": 5 if truth.gone else 0,
                   "kill": 3 if len(truth.dead) < 2 and well else 0, "restart": 4 if truth.dead else 0}
        if reload:
            weights |= {"drain": 2 if drainable else 0, "undrain": 3 if truth.drained else 0,
                        "remove": 2 if removable else 0, "add": 3 if truth.removed else 0, "move": 2,
                        "deny": 2 if not truth.denied and self.deniable() else 0, "allow": 3 if truth.denied else 0,
                        "nonsense": 1, "upgrade": 2 if self.world.pinned else 0}
        return {name: weight for name, weight in weights.items() if weight and name not in self.without}

    def well(self):
        return sorted({*HOSTS} - {*self.truth.gone, *self.truth.dead, *self.truth.denied.values()})

    def choose(self):
        weights = self.possible()
        return self.rng.choices(list(weights), weights=list(weights.values()))[0]

    def run(self, name):
        """Does it, with the crowd going about its business meanwhile; returns what was done, in words."""
        self.truth.allow_consequences()
        asked = self.stir()
        words = getattr(self, name)()
        self.crowd.wait([a for a in asked if a[0] in self.crowd.members])
        return words

    # ---- the crowd

    def stir(self):
        """Something that applications do of themselves, without waiting for it: [(member, number)]."""
        asked = []
        for member in self.rng.sample(self.crowd.members, k=len(self.crowd.members) // 3):
            what = self.rng.choice(["unconnect", "redirect", "redirect", "give", "fork", "unfork", "renew", "renew"])
            more = {"n": self.rng.randrange(1, 12)}
            if what == "redirect":
                more["to"] = self.crowd.elsewhere(self.rng)
            elif what == "give":
                more["to"] = self.rng.choice(self.crowd.members).name
            asked.append((member, member.tell(what, **more)))
        return asked

    def burst(self):
        """Many hang up, and as many come."""
        n, asked = self.rng.randrange(10, 60), []
        for member in self.rng.sample(self.crowd.members, k=len(self.crowd.members) // 2):
            asked.append((member, member.tell("close", n=n)))
            asked.append(self.crowd.populate(member, n))
        self.crowd.wait(asked)
        return f"{len(asked) // 2} members replaced {n} sockets each"

    def member_killed(self):
        member = self.rng.choice(self.crowd.members)
        self.crowd.kill(member)
        self.crowd.wait([self.crowd.populate(self.crowd.join(), self.world.per_member)])
        return f"{member.name} killed, another one came"

    # ---- hosts

    def vanish(self):
        host = self.rng.choice(self.well())
        self.world.vanish(host)
        self.truth.allow_consequences()
        # Some dial before anybody knows: they hang in the middle of connect().
        members = self.rng.sample(self.crowd.members, k=4)
        self.crowd.wait([(m, m.tell("close", n=10)) for m in members])
        self.crowd.wait([(m, m.tell("open", specs=self.crowd.specs(10, self.rng, {"idle": 3, "busy": 1})))
                         for m in members])
        return f"host {host} vanished"

    def reappear(self):
        host = self.rng.choice(sorted(self.truth.gone))
        self.truth.allow_consequences(spared=True)
        self.world.reappear(host)
        if host not in self.truth.dead:
            self.world.wait_noticed(host)
        return f"host {host} came back"

    def flap(self):
        """Too short for a verdict: nobody may notice."""
        host = self.rng.choice(self.well())
        began = now()
        self.world.lab.host(host).vanish()
        self.world.lab.host(host).reappear()
        took = now() - began
        if took > SHORTEST_VERDICT - 0.5:
            for service in [s for s in SERVICES.values() if host in s.hosts]:
                self.truth.allow(service.name, host, "a flap that this machine was too slow for")
        return f"host {host} was gone for {took * 1000:.0f} ms"

    def kill(self):
        host = self.rng.choice(self.well())
        self.world.kill_server(host)
        self.truth.allow_consequences()
        return f"the server of {host} was killed"

    def restart(self):
        host = self.rng.choice(sorted(self.truth.dead))
        self.truth.allow_consequences(spared=True)
        self.world.start_server(host)
        if host not in self.truth.gone:
            self.world.wait_noticed(host)
        return f"the server of {host} was started again"

    # ---- configuration

    # Of every service another backend stays in use, so that new connections have somewhere to go.

    def has_another(self, service, host):
        out, denied = self.truth.drained | self.truth.removed, self.truth.denied.values()
        return any((service.name, o) not in out and o not in denied for o in service.hosts if o != host)

    def pairs_with_others(self, already):
        return [(s.name, h) for s in SERVICES.values() for h in s.hosts
                if (s.name, h) not in already and self.has_another(s, h)]

    def deniable(self):
        return [h for h in self.well()
                if all(self.has_another(s, h) for s in SERVICES.values() if h in s.hosts)]

    def reload(self, words):
        self.truth.allow_consequences(spared=True)
        way = self.rng.choice(["reload", "SIGHUP", "file"])
        self.world.reload(way)
        return f"{words} (by {way})"

    def drain(self):
        pair = self.rng.choice(self.pairs_with_others(self.truth.drained))
        self.truth.drained[pair] = now()
        return self.reload("%s/%s drained" % pair)

    def undrain(self):
        pair = self.rng.choice(sorted(self.truth.drained))
        del self.truth.drained[pair]
        return self.reload("%s/%s ready again" % pair)

    def remove(self):
        pair = self.rng.choice(self.pairs_with_others(self.truth.removed))
        self.truth.removed[pair] = now()
        return self.reload("%s/%s removed" % pair)

    def add(self):
        pair = self.rng.choice(sorted(self.truth.removed))
        del self.truth.removed[pair]
        return self.reload("%s/%s added again" % pair)

    def move(self):
        """The backend is at the other port from now on: the same name, another address."""
        service = self.rng.choice(list(SERVICES.values()))
        host = self.rng.choice(service.hosts)
        self.truth.moved[service.name, host] = sum(PORTS) - self.truth.port(service, host)
        terminate = service.on_remove == "terminate"
        self.truth.allow(service.name, host, "backend moved", ("tcp", "udp") if terminate else ("udp",))
        self.truth.allow(service.name, host, "backend moved", ("tcp",), DRAIN - SLACK / 2)
        return self.reload(f"{service.name}/{host} moved")

    def deny(self):
        host = self.rng.choice(self.deniable())
        self.truth.denied["no-" + host] = host
        return self.reload(f"a policy denies {host}")

    def allow(self):
        host = self.truth.denied.pop(self.rng.choice(sorted(self.truth.denied)))
        return self.reload(f"{host} is allowed again")

    def nonsense(self):
        status = self.world.reload_nonsense()
        if status != 3:
            raise AssertionError(f"a faulty configuration was reloaded with exit status {status}")
        self.world.write_config()
        return "a faulty configuration was refused"

    # ---- reseat

    def crash(self):
        self.world.crash_reseat()
        if self.world.pinned:
            meanwhile = self.rng.choice(["at once", "burst", "vanish" if self.well() else "burst"])
            words = getattr(self, meanwhile)() if meanwhile != "at once" else "at once"
            self.truth.allow_consequences(spared=True)
            self.world.start_reseat()
            return f"reseat was killed and, pinned, started again: {words}"
        self.world.start_reseat()
        n = self.world.per_member * 2 // 3
        self.crowd.ask_all("renew", n=n, kinds=[k for k in KINDS])
        return f"reseat was killed and started again; {n} sockets of each member were opened anew"
