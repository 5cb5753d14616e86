# SPDX-License-Identifier: Apache-2.0
"""What tests share whose backends are the pods of one Kubernetes Service, from a scripted API server."""
import pytest

from kube_api import KubeApi, endpoint, sidecar_of
from sources import states as states_of
from waiting import BOUND

WITHIN = BOUND + 3


@pytest.fixture
def api(lab):
    return KubeApi(lab)


def states(sidecar, **wanted):
    states_of(sidecar, "echo@echo-", **wanted)


def serving_two(lab, api):
    """(cgroup, sidecar) of a workload whose service has the pods a and b, both up."""
    api.put(endpoint(lab.a), endpoint(lab.b))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up", b="up")
    return cgroup, sidecar


def there(lab, client):
    """(the host that the client is on, another one)"""
    _, name = client
    return lab.host(name), next(h for h in lab.hosts if h.name != name)
