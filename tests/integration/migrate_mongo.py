"""A service whose migrations migrate-mongo runs, in containers of a real engine over a database of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import time
import typing as t
from dataclasses import dataclass, field, replace

import docker
import plays
import yaml
from ansible.module_utils.testing import patch_module_args
from stack import ROOT

from ansible_collections.tagadodo.deploy.plugins.modules import migration

EXAMPLE = ROOT / "examples/migrate-mongo"
LEASE = 6  # seconds; a machine that is busy with other tests has to keep it
RUN_MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tagadodo.deploy.plugins.modules import migration
with patch_module_args(json.load(sys.stdin)):
    migration.main()
"""
# Notes when it starts and ends, and takes as long as the environment says.
SLOW = """
export const up = async (db) => {
  const { SLOW_SECONDS = '0', WHO = '' } = process.env;
  const runs = db.collection('runs');
  await runs.insertOne({ what: 'began', who: WHO });
  await new Promise((resolve) => setTimeout(resolve, Number(SLOW_SECONDS) * 1000));
  await runs.insertOne({ what: 'ended', who: WHO });
};
export const down = async (db) => {
  await db.collection('runs').insertOne({ what: 'reverted' });
};
"""
READ = """
import json, sys
from pymongo import MongoClient
database = MongoClient("mongodb://127.0.0.1:27017").get_database(sys.argv[1])
print(json.dumps(list(database[sys.argv[2]].find({}, {"_id": False})), default=str))
"""

Answer = t.Dict[str, t.Any]


def described() -> dict[str, t.Any]:
    """``migrations`` as the example's README shows them."""
    blocks = re.findall(r"```yaml\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    return dict(yaml.safe_load(blocks[0])["services"]["api"]["migrations"])


def build(tag: str, registry: str, folder: pathlib.Path) -> None:
    """The image of the example, built as a user of this machine builds it."""
    context = folder / "migrate-mongo"
    shutil.copytree(EXAMPLE, context, ignore=shutil.ignore_patterns("node_modules"))
    authority = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    if authority:
        shutil.copy(authority, context / "ca.pem")
    proxies = [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy")]
    arguments = [f"NODE_IMAGE={registry}/node:24", *proxies]
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    command = [
        "docker",
        "build",
        "--quiet",
        "--network",
        "host",
        *options,
        "--tag",
        tag,
        str(context),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def build_from(base: str, tag: str, files: t.Mapping[str, str], without: str = "") -> None:
    """An image like another, with more migrations or without one."""
    lines = [f"FROM {base}", *(f"COPY {name} migrations/" for name in files)]
    if without:
        lines.append(f"RUN rm migrations/{without}")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in {**files, "Dockerfile": "\n".join(lines)}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    archive.seek(0)
    docker.from_env().images.build(fileobj=archive, custom_context=True, tag=tag, rm=True)


@dataclass(frozen=True)
class Migrating:
    """A service on one host.

    Attributes:
        host: prefix of its containers, as if hosts had engines of their own.
        database: name of its database; no two tests share one.
        mongo: container of the server.
    """

    host: str
    network: str
    mongo: str
    database: str
    state_dir: pathlib.Path
    release: str = "20261122-231530-1"
    env: t.Mapping[str, str] = field(default_factory=dict)

    def on(self, host: str) -> Migrating:
        """The same service on another host."""
        state_dir = self.state_dir / host
        return replace(self, host=f"{self.host}-{host}", state_dir=state_dir, release=f"r-{host}")

    def with_env(self, env: t.Mapping[str, str]) -> Migrating:
        return replace(self, env=env)

    def _given(self, image: str, **arguments: t.Any) -> Answer:
        commands = {**described(), **arguments.pop("commands", {})}
        commands["lease"] = {"uri": "MONGO_URI", "seconds": LEASE}
        return {
            "name": "api",
            "image": image,
            "project": self.host,
            "network": self.network,
            "commands": commands,
            "runtime": {"env": self.env, "stop_timeout": 2},
            "secrets": {"MONGO_URI": self.uri},
            "state_dir": str(self.state_dir),
            "release": self.release,
            "by": "dora",
            **arguments,
        }

    def started(self, image: str, **arguments: t.Any) -> subprocess.Popen[str]:
        """The module, still running, in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-c", RUN_MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with t.cast(t.IO[str], process.stdin) as stream:
            json.dump(self._given(image, **arguments), stream)
        process.stdin = None
        return process

    def run(self, image: str, **arguments: t.Any) -> Answer:
        """What the module answers. It runs in this process, which has all it needs loaded."""
        output = io.StringIO()
        with (
            patch_module_args(self._given(image, **arguments)),
            contextlib.redirect_stdout(output),
            contextlib.suppress(SystemExit),
        ):
            migration.main()
        return _answer(output.getvalue())

    def play(self, image: str, hosts: t.Sequence[str], folder: pathlib.Path) -> None:
        """The module in a play over hosts, one after the other (``serial: 1``)."""
        given = self.on("{{ inventory_hostname }}")._given(image)
        task = {"name": "Migrate", "tagadodo.deploy.migration": given}
        command = plays.command(folder, hosts, {"name": "Migrate", "serial": 1, "tasks": [task]})
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout

    def apply(self, image: str) -> None:
        """What is in the image, without the module: nobody's own."""
        command = ["node_modules/.bin/migrate-mongo", "up"]
        environment = {"MONGO_URI": self.uri}
        docker.from_env().containers.run(
            image, command, environment=environment, network=self.network, remove=True
        )

    @property
    def uri(self) -> str:
        return f"mongodb://mongo:27017/{self.database}"

    def record(self) -> Answer:
        """``migrations`` of the release in the ledger."""
        path = self.state_dir / "releases" / "api" / f"{self.release}.json"
        return dict(json.loads(path.read_text())["migrations"])

    def documents(self, collection: str) -> list[Answer]:
        """What the database holds, in the order it was written."""
        command = ["python3", "-c", READ, self.database, collection]
        code, output = docker.from_env().containers.get(self.mongo).exec_run(command)
        assert code == 0, output
        return list(json.loads(output))

    def runs(self) -> list[str]:
        """What the slow migration noted."""
        return [f"{one['who']} {one['what']}".strip() for one in self.documents("runs")]

    def _containers(self) -> list[t.Any]:
        found = docker.from_env().containers.list(
            filters={"name": f"^/?{self.host}-api-"}, ignore_removed=True
        )
        return list(found)

    def wait_for_up(self, process: subprocess.Popen[str]) -> t.Any:
        """The container that holds the lease, once the module runs ``up`` in it."""
        while process.poll() is None:
            # It may end between the two questions.
            with contextlib.suppress(docker.errors.APIError):
                for holder in self._containers():
                    if any("migrate-mongo up" in row[-1] for row in holder.top()["Processes"]):
                        return holder
            time.sleep(0.05)
        raise AssertionError(ended(process)["msg"])

    def wait_for(self, note: str) -> None:
        """Wait until the slow migration has noted this."""
        deadline = time.monotonic() + 60
        while note not in self.runs():
            assert time.monotonic() < deadline, self.runs()


def ended(process: subprocess.Popen[str]) -> Answer:
    """What a module answered."""
    output, _nothing = process.communicate()
    return _answer(output)


def _answer(output: str) -> Answer:
    answer = json.loads(output)
    assert "\n" not in answer["msg"]
    return dict(answer)
