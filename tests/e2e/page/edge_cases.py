# SPDX-License-Identifier: Apache-2.0
"""What the status page must bear: every state, names as long or as hostile as they come, hundreds of services."""
import time
from datetime import datetime, timezone

HOSTILE = '<img src=x onerror="document.title=\'owned\';window.owned=1">'
SCRIPT = "</script><script>window.owned=1</script>"
LONG = "a-service-with-a-name-that-nobody-would-give-" + "x" * 200
HEBREW, EMOJI = "שירות\u202eתשלומים", "💸👩‍👩‍👧‍👦🇺🇳"


def iso(seconds_ago=0.0):
    at = datetime.fromtimestamp(time.time() - seconds_ago, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def check(kind="tcp", result="passed", latency_us=310, period=5.0, failures=0):
    """A check whose last `failures` results did not pass."""
    at = time.time()
    history = [{"at": int((at - (59 - i) * period) * 1000),
                "latency_us": int(latency_us * (1 + 0.3 * ((i * 7919) % 13) / 13)) if i < 60 - failures else 1000000,
                "result": "passed" if i < 60 - failures else result} for i in range(60)]
    return {"type": kind, "result": result if failures else "passed", "detail": "", "latency_us": history[-1]["latency_us"],
            "at": iso(), "passes": 0, "failures": failures, "history": history}


def backend(name, state="up", address="10.0.1.11:5432", reason="connected", weight=1, priority=0, effective=None, **more):
    return {"name": name, "address": address, "state": state, "reason": reason, "since": iso(4000), "weight": weight,
            "effective_weight": effective if effective is not None else (weight if state == "up" else 0), "priority": priority,
            "open_sockets": 12, "connects_total": 1204, "connect_failures_total": 3, "early_resets_total": 0,
            "ejected_until": None, "check": check(), **more}


def service(name, backends, addresses=("10.96.0.10:5432",), **more):
    for family in (True, False):
        mates = [b for b in backends if b["address"].startswith("[") == family]
        total = sum(b["effective_weight"] for b in mates)
        for one in mates:
            one["share"] = one["effective_weight"] / total if total else 0
    return {"name": name, "protocol": "tcp", "addresses": list(addresses), "lb_policy": "round_robin",
            "eligible": sum(b["state"] == "up" for b in backends), "total": len(backends), "panic": False,
            "open_sockets": sum(b["open_sockets"] for b in backends), "waiting": 0, "stuck": 0, "untracked": 0,
            "last_failover": None, "discovery": [], "backends": backends, **more}


def status(services, policies=(), error=None):
    return {"api_version": 1, "version": "0.1.0", "instance": "default", "ready": True, "started_at": STARTED,
            "workload": {"cgroup": "/sys/fs/cgroup/app.slice/app.service", "pinned": True},
            "config": {"path": "/etc/reseat/reseat.yaml", "sha256": "0" * 64, "loaded_at": iso(9000),
                       "last_reload": {"ok": error is None, "at": iso(600), "error": error}},
            "kernel": {"release": "6.18.0", "terminate": ["tuple", "diag", "iterator", "descriptor"], "repoint": True},
            "services": services, "policies": list(policies)}


STARTED = iso(90000)


def strange_status():
    """Every state and everything that needs words, under names that try what they can."""
    states = service("every-state", [
        backend("up-1"), backend("up-2", address="10.0.1.12:5432", weight=3),
        backend("down-1", "down", "10.0.1.13:5432", "no answer within 1s", check=check(result="timeout", failures=9)),
        backend("ejected-1", "ejected", "10.0.1.14:5432", "5 connects failed in a row", ejected_until=iso(-25)),
        backend("drain-1", "drain", "10.0.1.15:5432", "set by the operator"),
        backend("maint-1", "maint", "10.0.1.16:5432", "in the configuration"),
        backend("unchecked-1", "unchecked", "10.0.1.17:5432", "", check={**check(), "result": None, "at": None, "history": []}),
        backend("removing-1", "removing", "10.0.1.18:5432", "left the configuration"),
        backend("standby-1", address="10.0.1.19:5432", priority=1, effective=0)],
        last_failover={"at": iso(300), "backend": "down-1", "reason": "no answer within 1s (3/3)", "matched": 12,
                       "terminated": 11, "repointed": 0, "failed": 1, "duration_us": 900})
    hostile = service(HOSTILE, [backend(SCRIPT, reason=HOSTILE), backend(LONG, "down", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", LONG)],
                      [HOSTILE, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535"], waiting=3, stuck=1, untracked=2,
                      discovery=[{"name": HOSTILE, "type": "srv", "addresses": [], "at": None, "error": SCRIPT, "next": iso(-4)}])
    return status([states, hostile,
                   service(LONG, [backend(EMOJI), backend(HEBREW, address="10.0.1.12:5432")]),
                   service(HEBREW, [backend(EMOJI, reason=HEBREW)], protocol="udp"),
                   service("nobody", [backend("a", "down", reason="connection refused", effective=1)], panic=True),
                   service("empty", [])],
                  [{"name": HOSTILE, "action": "deny", "denied_total": 10 ** 9, "terminated_total": 1},
                   {"name": LONG, "action": "allow", "denied_total": 0, "terminated_total": 0}],
                  error=f"/etc/reseat/reseat.yaml:7:3: error: {HOSTILE} {LONG}\n/etc/reseat/reseat.yaml:9:1: error: unknown key")


TYPES = ["backend_up", "backend_down", "backend_ejected", "backend_readmitted", "backend_ready", "backend_drain", "backend_maint",
         "backend_weight", "backend_restarted", "sockets_ended", "policy_denied", "reload", "reload_failed", "network_suspected", "started", "ready",
         "stopping", "warning", "a-type-of-the-future"]
EVENTS = [{"id": number + 1, "at": iso(86400 - 4000 * number), "level": "warn", "type": kind, "service": HOSTILE, "backend": SCRIPT,
           "message": f"{HOSTILE}/{SCRIPT} {LONG}", "report": None} for number, kind in enumerate(TYPES)]


def many_services(number=300):
    """Mostly well; every fiftieth is not."""
    def one(i):
        sick = i % 50 == 49
        return service(f"service-{i:03}", [
            backend(f"s{i:03}-a", "down" if sick else "up", f"10.1.{i // 250}.{i % 250}:80", "connection refused" if sick else "connected"),
            backend(f"s{i:03}-b", address=f"10.2.{i // 250}.{i % 250}:80"),
            backend(f"s{i:03}-c", address=f"10.3.{i // 250}.{i % 250}:80")], [f"10.96.{i // 250}.{i % 250}:80"])
    return status([one(i) for i in range(number)])
