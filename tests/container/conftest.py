# SPDX-License-Identifier: Apache-2.0
"""One engine and one image for all tests; one lab per test, whose backends are hosts that can vanish."""
import sys
from pathlib import Path

import pytest

E2E = Path(__file__).parents[1] / "e2e"
sys.path.insert(0, str(E2E))

from engine import ROOT, Engine  # noqa: E402
from lab import PREFIX, Lab, start_echo  # noqa: E402

_seen = {"passed": 0, "failed": 0}


def pytest_addoption(parser):
    parser.addoption("--from-source", action="store_true", help="build reseat inside of the image's build stage")


def pytest_configure(config):
    config.addinivalue_line("markers", "from_source: only with --from-source")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--from-source"):
        left_out = [item for item in items if item.get_closest_marker("from_source")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_logreport(report):
    if report.when == "call" or report.failed:
        _seen["passed" if report.passed else "failed"] += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    print(f"{_seen['passed']} passed, {_seen['failed']} failed")


@pytest.fixture(scope="session")
def image(request):
    """The engine that has the image."""
    import os
    engine = Engine(f"{PREFIX}{os.getpid()}-containers-")
    try:
        package = None
        if not request.config.getoption("--from-source"):
            built = sorted((ROOT / "build").glob("reseat_*.deb"))
            assert len(built) == 1, f"./dev package first: {built}"
            package = built[0].relative_to(ROOT)
        engine.build(package)
        yield engine
    finally:
        engine.close()


@pytest.fixture
def engine(image):
    try:
        yield image
    finally:
        image.remove_all()


@pytest.fixture
def lab(image):
    with Lab(hosts="abc") as built:
        yield built


@pytest.fixture
def echo(lab):
    """An echo server, TCP and UDP, on each host. {host name: process}"""
    return start_echo(lab)
