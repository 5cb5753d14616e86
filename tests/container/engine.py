# SPDX-License-Identifier: Apache-2.0
"""podman with runc, storage of its own, and images that are built without a registry."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from process import run

ROOT = Path(__file__).parents[2]
BASE = "localhost/base:bookworm"
IMAGE = "localhost/reseat:latest"
# The application and its clients are Python.
BASE_PACKAGES = "ca-certificates,python3,mount"

STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{0}/graph"
runroot = "{0}/run"
"""

CONTAINERS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def base_tarball():
    """The root file system of BASE; made once, then kept below build/."""
    tarball = ROOT / "build/container/base.tar"
    if not tarball.exists():
        tarball.parent.mkdir(parents=True, exist_ok=True)
        sources = run("bash", ROOT / "tests/support/mirror.sh").stdout.split()
        assert sources, "no package source in apt's configuration"
        uri, codename = sources[:2]
        fresh = tarball.with_suffix(".new.tar")
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", codename, fresh, uri,
            within=900)
        fresh.rename(tarball)
    return tarball


class Engine:
    """Everything that podman makes for these tests, removed at the end."""

    def __init__(self, prefix):
        self.directory = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
        (self.directory / "storage.conf").write_text(STORAGE.format(self.directory))
        (self.directory / "containers.conf").write_text(CONTAINERS)
        self.environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.directory / "storage.conf"),
                            "CONTAINERS_CONF": str(self.directory / "containers.conf"),
                            "TMPDIR": str(self.directory)}
        self.parents = set()  # cgroups that containers were put into

    def podman(self, *words, check=True, within=120, wrapper=()):
        return run(*wrapper, "podman", *words, check=check, within=within, env=self.environment)

    def build(self, package=None):
        """The runtime image from the Dockerfile; with `package`, a path in the tree, around that."""
        self.podman("import", "-q", base_tarball(), BASE, within=300)
        given = ["--build-arg", f"PACKAGE={package}"] if package else []
        self.build_stage("runtime", "-q", "-t", IMAGE, *given)

    def build_stage(self, stage, *options):
        """What that prints. Stages that it is built upon are not built again."""
        return self.podman("build", "--layers", "--network=host", "--build-arg", f"BASE_IMAGE={BASE}", *options,
                           "--target", stage, "-f", ROOT / "container/Dockerfile", ROOT, within=3600).stdout

    def start(self, name, *words):
        """A container in the background; its first process, as this machine numbers it."""
        self.podman("run", "--detach", "--name", name, *words)
        return self.process(name)

    def process(self, name):
        state = self.inspect(name)
        parent = Path("/proc", str(state["State"]["Pid"]), "cgroup").read_text()
        own = next(line[len("0::/"):] for line in parent.splitlines() if line.startswith("0::"))
        self.parents.add(own.split("/")[0])
        return state["State"]["Pid"]

    def inspect(self, name):
        return json.loads(self.podman("inspect", name).stdout)[0]

    def logs(self, name):
        done = self.podman("logs", name, check=False)
        return done.stdout + done.stderr

    def stop(self, name, within=10):
        """As an orchestrator does: SIGTERM, and time to end. Its exit status."""
        self.podman("stop", "-t", within, name)
        return self.inspect(name)["State"]["ExitCode"]

    def remove_all(self):
        """The images stay."""
        self.podman("pod", "rm", "--all", "--force", "-t", "1", check=False)
        for _ in range(2):  # who shares another's namespaces first
            self.podman("rm", "--all", "--force", "-t", "1", check=False)
        # On a machine that has both versions podman makes them in all hierarchies of cgroup v1, and removes none.
        mounts = subprocess.run(["findmnt", "-rno", "TARGET", "-t", "cgroup,cgroup2"], capture_output=True, text=True)
        for top in [os.path.join(mount, parent) for mount in mounts.stdout.split() for parent in self.parents]:
            for directory, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass

    def close(self):
        self.remove_all()
        self.podman("rmi", "--all", "--force", check=False, within=600)
        for mount in subprocess.run(["findmnt", "-rno", "TARGET"], capture_output=True, text=True).stdout.split():
            if mount.startswith(str(self.directory)):
                run("umount", "-l", mount, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
