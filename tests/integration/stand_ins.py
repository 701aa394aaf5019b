# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on this machine for the actions that workflows use.

======================================  =============================================================================
action                                  here
======================================  =============================================================================
actions/checkout                        a clone of the application; the files of this project
actions/setup-node                      the steps after it run in the image of that Node, which has the job's folder
actions/upload-artifact, download       a directory; nothing to upload is a failure, as ``if-no-files-found: error`` says
codecov/codecov-action                  the file is read; nobody gets it
docker/setup-buildx-action              nothing: the engine's own builder builds
docker/login-action                     nothing: the registry of this machine asks nobody who they are
docker/metadata-action                  ``image_tags``, tried against what the action itself has answered
docker/build-push-action                the engine builds and pushes; without SBOM, provenance and cache, which need Buildx
======================================  =============================================================================
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import typing as t
from dataclasses import dataclass, field

import docker
from stack import ROOT
from workflows import Action, Machine

# What another test must find unchanged: the project's files, and the environment that its pins have made.
LINKED = ".venv"
BUILD = """
set -euo pipefail
source scripts/lib/common.sh
ensure_registry
build_app_context "$PART" docker build --quiet --network host \
    --build-arg "NODE_IMAGE=$REGISTRY/node:24" --build-arg "NGINX_IMAGE=$REGISTRY/nginx:1.30" "${PROXY_ARGS[@]}" "$@"
"""


def run(*command: str | pathlib.Path, **options: t.Any) -> str:
    """Run it; its output is the reason where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}"
    return str(done.stdout)


def image_tags(given: str, ref: str, sha: str, length: int) -> list[str]:
    """Tags of an image as docker/metadata-action v6 makes them, the version first.

    Args:
        given: its input ``tags``, of the types that are used here.
        ref: ``refs/heads/develop`` or ``refs/tags/v1.1.0``.
        length: of a short commit.
    """
    kind, name = ("tag", ref[10:]) if ref.startswith("refs/tags/") else ("branch", ref[11:])
    defaults = {"semver": 900, "ref": 600, "sha": 100}
    found = []
    for line in given.split("\n"):
        rule = dict(part.partition("=")[::2] for part in line.strip().split(",") if part)
        if not rule or rule.get("enable") == "false":
            continue
        values = {
            "sha": sha[:length],
            "ref": name if rule.get("event") == kind else "",
            "semver": _semver(name) if kind == "tag" else "",
        }
        value = values[rule["type"]]
        if value:
            prefix = rule.get("prefix", "").replace("{{branch}}", name if kind == "branch" else "")
            tag = re.sub(r"[^\w.-]", "-", prefix + value)
            found.append((int(rule.get("priority", defaults[rule["type"]])), tag))
    ordered = [tag for _priority, tag in sorted(found, key=lambda one: -one[0])]
    return list(dict.fromkeys(ordered))


def _semver(name: str) -> str:
    return name[1:] if re.fullmatch(r"v\d+\.\d+\.\d+(-[\w.-]+)?", name) else ""


@dataclass
class StandIns:
    """The actions, for one application.

    Attributes:
        application: its repository; none where the workflow is one of this project.
        registry: where Node's image is.
        event: the context ``github``.
        kept: artifacts and uploads.
        inventories: directories that the project has beside its own, as a fork would.
    """

    application: pathlib.Path | None
    registry: str
    event: t.Mapping[str, str]
    kept: pathlib.Path
    inventories: t.Mapping[str, pathlib.Path] = field(default_factory=dict)
    coverage: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)

    @property
    def actions(self) -> dict[str, Action]:
        return {
            "actions/checkout": self.checkout,
            "actions/setup-node": self.setup_node,
            "actions/upload-artifact": self.upload,
            "actions/download-artifact": self.download,
            "codecov/codecov-action": self.codecov,
            "docker/setup-buildx-action": lambda *_nothing: {},
            "docker/login-action": lambda *_nothing: {},
            "docker/metadata-action": self.metadata,
            "docker/build-push-action": self.build_push,
        }

    def checkout(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        if self.application is None or given.get("repository"):
            copy_project(machine.workspace)
            for name, path in self.inventories.items():
                shutil.copytree(path, machine.workspace / "inventories" / name)
        else:
            run("git", "clone", "--quiet", self.application, machine.workspace)
            run("git", "-C", machine.workspace, "checkout", "--quiet", self.event["sha"])
        return {}

    def setup_node(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        image = f"{self.registry}/node:{given['node-version']}"

        def prefix(environment: t.Mapping[str, str], here: pathlib.Path) -> list[str]:
            authority = os.environ.get("NODE_EXTRA_CA_CERTS", "")
            names = [name for name in environment if name not in ("PATH", "HOME")]
            return [
                *("docker", "run", "--rm", "--network=host", f"--workdir={here}"),
                f"--volume={machine.folder}:{machine.folder}",
                *(f"--volume={path}:{path}:ro" for path in [authority] if path),
                *(f"--env={name}" for name in names),
                image,
            ]

        machine.prefix = prefix
        return {}

    def upload(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        found = sorted(machine.workspace.glob(given["path"]))
        assert found, f"no files were found with the provided path: {given['path']}"
        for path in found:
            target = self.kept / given["name"] / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
        return {}

    def download(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        shutil.copytree(self.kept / given["name"], machine.workspace / given["path"])
        return {}

    def codecov(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        self.coverage[given["flags"]] = (machine.workspace / given["files"]).read_text()
        return {}

    def metadata(self, _machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        length = int(given["DOCKER_METADATA_SHORT_SHA_LENGTH"])
        tags = image_tags(given["tags"], self.event["ref"], self.event["sha"], length)
        labels = (
            f"org.opencontainers.image.revision={self.event['sha']}\n"
            f"org.opencontainers.image.version={tags[0]}"
        )
        names = "\n".join(f"{given['images']}:{tag}" for tag in tags)
        return {"version": tags[0], "tags": names, "labels": labels}

    def build_push(self, machine: Machine, given: t.Mapping[str, str]) -> dict[str, str]:
        context = machine.workspace / given["context"]
        words = [
            *(word for tag in given["tags"].split() for word in ("--tag", tag)),
            *(word for label in given["labels"].split("\n") for word in ("--label", label)),
            *(word for one in given["build-args"].split() for word in ("--build-arg", one)),
        ]
        known = {"PART": context.name, "APP_SOURCES": str(context.parent)}
        run("bash", "-c", BUILD, "build", *words, cwd=ROOT, env={**os.environ, **known})
        client = docker.from_env()
        for image in given["tags"].split():
            self.images.append(image)
            repository, _colon, tag = image.rpartition(":")
            run("docker", "push", "--quiet", image)
        digests = client.images.get(f"{repository}:{tag}").attrs["RepoDigests"]
        return {"digest": digests[0].partition("@")[2]}

    def remove_images(self) -> None:
        for image in self.images:
            # One that a later push has given its name to another is gone with that.
            with contextlib.suppress(docker.errors.ImageNotFound):
                docker.from_env().images.remove(image, force=True)


def copy_project(target: pathlib.Path) -> None:
    """The files of this repository as they are now, with the Python environment of its pins."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in listed.splitlines():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            shutil.copy2(ROOT / name, path, follow_symlinks=False)
    (target / LINKED).symlink_to((ROOT / LINKED).resolve())
