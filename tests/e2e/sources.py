# SPDX-License-Identifier: Apache-2.0
"""What tests of sources of backends share: three hosts, and documents of their endpoints."""
import json

import pytest

from kube_api import from_kubernetes
from lab import ECHO_PORT, Lab, config, start_echo, wait_until
from waiting import BOUND


@pytest.fixture
def lab():
    with Lab("abc") as built:
        yield built


@pytest.fixture
def echo(lab):
    return start_echo(lab)


def document(*endpoints):
    return json.dumps({"reseat": 1, "endpoints": list(endpoints)})


def entry(host, **more):
    return {"address": host.at(ECHO_PORT), "name": host.name, **more}


def of_file(path, **options):
    return config(from_kubernetes(entry=f"{{file: {path}}}", **options))


def states(sidecar, prefix="echo@", within=BOUND + 3, **wanted):
    """Waits until the backends of these names have these states, and there are no others."""
    named = {f"{prefix}{name}": state for name, state in wanted.items()}
    wait_until(lambda: sidecar.states("echo") == named, within,
               lambda: f"{named}, not {sidecar.states('echo')}: {sidecar.describe()}")
