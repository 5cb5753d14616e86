# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server that is away, old, hanging, hostile or without rights: nothing that serves is lost."""
import re
import signal

import pytest

from discovery import idle
from kube_api import KubeApi, endpoint, from_kubernetes, leaving, reference, sidecar_of, source
from kube_service import WITHIN, api, serving_two, states, there  # noqa: F401 (api: a fixture)
from lab import ECHO_PORT, config, stays_false, wait_until
from sources import echo, lab  # noqa: F401 (fixtures)
from test_reload import dialled
from waiting import BOUND


@pytest.mark.parametrize("where", ["stream", "head"])
def test_410_leads_to_a_list_and_to_no_removal(lab, echo, api, where):  # [F10]
    cgroup, sidecar = serving_two(lab, api)
    count = api.watched()
    client = idle(lab, cgroup)
    api.do("set", behaviour={"gone": where})
    api.do("raise", by=50)
    api.do("compact")
    api.watched(after=count + 1, within=10)
    lists = wait_until(lambda: len(api.requests(watch=False)) > 1 and api.requests(watch=False), 10, sidecar.describe)
    assert lists[-1]["query"]["resourceVersionMatch"] == "NotOlderThan"
    assert not client[0].events("idle broken")
    states(sidecar, a="up", b="up")
    metrics = sidecar.get("/metrics")[1]
    assert re.search(r'reseat_source_relists_total\{source="kubernetes shop",reason="expired"\} [1-9]', metrics), metrics
    api.put(endpoint(lab.a), endpoint(lab.b), endpoint(lab.c))
    states(sidecar, a="up", b="up", c="up")


def test_another_server_that_lags_behind_is_not_believed(lab, echo, api):  # [F11]
    cgroup, sidecar = serving_two(lab, api)
    api.watched()
    api.stop()
    api.start()  # with an older state: nothing
    api.do("set", token="token-1", oldest=90)
    wait_until(lambda: "504" in (source(sidecar)["error"] or ""), 15, lambda: f"{source(sidecar)}")
    assert sidecar.states("echo") == {"echo@echo-a": "up", "echo@echo-b": "up"}
    assert dialled(lab, cgroup) == {"a", "b"}


def test_a_watch_that_hangs_is_noticed_by_a_resync(lab, echo, api):  # [F12]
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    api.watched()
    api.do("set", behaviour={"hang": True})
    api.put(endpoint(lab.a), endpoint(lab.b))
    stays_false(lambda: len(sidecar.states("echo")) > 1, 1, "the scripted server did not hang")
    lab.reseat("resync", "kubernetes shop", "--admin", sidecar.admin)
    states(sidecar, a="up", b="up")
    done = lab.reseat("resync", "kubernetes nowhere", "--admin", sidecar.admin, check=False)
    assert done.returncode == 1 and "no source is called kubernetes nowhere" in done.stderr


def test_half_a_line_and_a_reset_lose_nothing(lab, echo, api):  # [F13]
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    count = api.watched()
    api.put(endpoint(lab.a), endpoint(lab.b))
    states(sidecar, a="up", b="up")
    api.do("set", behaviour={"half": '{"type": "MODIFIED", "object": {"kind": "Endp'})
    api.do("cut")
    api.watched(after=count, within=10)
    assert api.requests(watch=True)[-1]["query"]["resourceVersion"] == "102"
    api.do("set", behaviour={})
    api.put(endpoint(lab.a), endpoint(lab.b), endpoint(lab.c))
    states(sidecar, a="up", b="up", c="up")


def test_html_instead_of_json_changes_nothing(lab, echo, api):
    api.put(endpoint(lab.a))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up")
    api.watched()
    api.do("set", behaviour={"always": {"html": True}})
    api.do("cut")
    wait_until(lambda: source(sidecar)["state"] == "stale", 15, lambda: f"{source(sidecar)}")
    assert dialled(lab, cgroup) == {"a"}


def test_until_known_pass_leaves_the_address_alone(lab, echo, api):
    cgroup = lab.cgroup()
    api.stop()
    sidecar = sidecar_of(lab, api, cgroup, more="", check="type: tcp")
    assert dialled(lab, cgroup, times=1) == {"ECONNREFUSED"}
    sidecar.configure(config(from_kubernetes(more="    until_known: pass\n"), more=api.sources()))
    wait_until(lambda: dialled(lab, cgroup, times=1) != {"ECONNREFUSED"}, WITHIN, sidecar.describe)
    api.start()
    api.put(endpoint(lab.a))
    wait_until(lambda: dialled(lab, cgroup, times=1) == {"a"}, 20, sidecar.describe)


def test_an_api_server_that_is_away_changes_nothing_and_is_told(lab, echo, api):  # [F17]
    cgroup, sidecar = serving_two(lab, api)
    client = idle(lab, cgroup)
    api.watched()
    api.stop()
    sidecar.logs(r"kubernetes shop cannot be heard: .*; its service goes on with what it said .* ago", within=20)
    assert dialled(lab, cgroup) == {"a", "b"}
    lab.c.vanish()
    gone, stays = there(lab, client)
    gone.vanish()  # checks go on without the source
    assert client[0].event("idle broken", within=BOUND)["errno"] == "ECONNABORTED"
    assert dialled(lab, cgroup) == {stays.name}
    api.start()
    api.do("raise", by=100)
    gone.reappear()
    api.put(endpoint(lab.a), endpoint(lab.b))
    sidecar.logs("kubernetes shop can be heard again", within=40)
    states(sidecar, a="up", b="up")


def test_what_was_known_serves_after_a_restart_without_a_server_and_is_compared(lab, echo, api):  # [F17, F40]
    api.put(*(endpoint(h) for h in lab.hosts))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up", b="up", c="up")
    state = lab.tmp / "sidecar.sock.endpoints.json"
    wait_until(lambda: state.exists() and "uid-echo-c" in state.read_text(), 5, "the state file")
    api.watched()
    sidecar.send_signal(signal.SIGKILL)
    sidecar.exits()
    api.stop()
    again = sidecar_of(lab, api, cgroup)
    states(again, a="up", b="up", c="up")
    assert reference(again)["from_before"] and reference(again)["stale"]
    api.start()
    api.do("raise", by=500)
    api.put(name="placeholder", service="other")
    again.logs("lost 3 of 3 endpoints at once", within=40)
    assert dialled(lab, cgroup) == {"a", "b", "c"}


def test_a_port_that_is_not_there_is_an_error_that_lists_those_there_are(lab, echo, api):
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api, entry="{kubernetes: {service: shop/echo, port: grpc}}")
    wait_until(lambda: reference(sidecar)["error"] == f"has no tcp port grpc; there is echo ({ECHO_PORT})", WITHIN,
               lambda: f"{reference(sidecar)}")


def test_a_token_that_is_rotated_leaves_no_gap(lab, echo, api):  # [F26]
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    count = api.watched()
    api.token.write_text("token-2\n")
    api.do("set", token="token-2")
    api.do("cut")
    api.watched(after=count + 1, within=10)
    api.put(endpoint(lab.a), endpoint(lab.b))
    states(sidecar, a="up", b="up")
    assert "cannot be heard" not in sidecar.err


def test_403_says_which_right_is_missing_and_what_to_do(lab, echo, api):  # [F27]
    api.put(endpoint(lab.a))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up")
    api.watched()
    api.do("set", behaviour={"always": {"status": 403, "message": 'User "x" cannot watch', "reason": "Forbidden"}})
    api.do("cut")
    wait_until(lambda: "may not watch endpointslices in namespace shop" in (source(sidecar)["error"] or ""), 15,
               lambda: f"{source(sidecar)}")
    assert "reseat rbac" in source(sidecar)["error"]
    assert dialled(lab, cgroup) == {"a"}


def test_no_token_at_all_is_said_so(lab, echo, api):  # [F45]
    text = config(from_kubernetes(), more=api.sources().replace(f"token_file: {api.token}, ", ""))
    sidecar = lab.sidecar(text, lab.cgroup())
    wait_until(lambda: "no token was sent" in (source(sidecar)["error"] or ""), 10, lambda: f"{source(sidecar)}")


def test_a_server_that_is_not_the_one_is_not_trusted(lab, echo, api):
    api.ca.write_bytes(KubeApi(lab, port=6444, label="other").ca.read_bytes())
    good = api.authority.certificate.read_bytes()
    sidecar = sidecar_of(lab, api)
    wait_until(lambda: "certificate" in (source(sidecar)["error"] or ""), 10, lambda: f"{source(sidecar)}")
    api.put(endpoint(lab.a))
    api.ca.write_bytes(good)  # the CA is read again
    states(sidecar, a="up")


def test_v1beta1_is_asked_for_where_there_is_no_v1(lab, echo, api):
    api.do("set", versions=["v1beta1"])
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    assert api.requests()[-1]["path"].startswith("/apis/discovery.k8s.io/v1beta1/")


def test_retry_after_is_obeyed(lab, echo, api):
    api.do("set", faults=[{"status": 429, "retry_after": 2}])
    api.put(endpoint(lab.a))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    first, second = api.requests()[:2]
    assert second["at"] - first["at"] >= 1.9


def test_balancing_the_api_server_itself_does_not_lock_reseat_out(lab, echo, api):  # [F38]
    """reseat lives in the balanced cgroup, and the API server's own Service loses its endpoints."""
    api.put(endpoint(lab.a))
    api.put(endpoint("api", address="127.0.0.9"), name="kubernetes-1", service="kubernetes", port=api.port)
    cgroup = lab.cgroup()
    api_service = from_kubernetes(address=f"127.0.0.1:{api.port}", service="shop/kubernetes").replace("name: echo", "name: api")
    text = config(from_kubernetes(), api_service, more=api.sources())
    sidecar = lab.sidecar(text, cgroup, inside=cgroup)
    states(sidecar, a="up")
    api.watched()
    api.put(endpoint(lab.a), endpoint(lab.b))
    states(sidecar, a="up", b="up")


def test_check_asks_the_source_and_says_what_is_missing(lab, echo, api):
    api.put(endpoint(lab.a), leaving(lab.b))
    file = lab.write("check.yaml", config(from_kubernetes(), more=api.sources()))
    done = lab.reseat("check", file)
    assert re.search(r"echo@echo-a +10\.98\.0\.11:7000 +pass", done.stdout), done.stdout
    api.do("set", token="another")
    done = lab.reseat("check", file, check=False)
    assert done.returncode == 1 and "401" in done.stdout, done.stdout


def test_rbac_prints_what_the_configuration_needs(lab):
    file = lab.write("rbac.yaml", config(from_kubernetes()))
    printed = lab.reseat("rbac", file).stdout
    assert printed.count("namespace: shop") >= 2 and "verbs: [list, watch]" in printed
    nothing = lab.reseat("rbac", lab.write("none.yaml", config()))
    assert nothing.stdout.startswith("# nothing")
