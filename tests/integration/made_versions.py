"""Versions of the example with migrations more than it has: three, of which the second may fail."""

from __future__ import annotations

import contextlib
import typing as t

import docker
from built import build_image
from stack import Stack

ADDED = ("002-a", "003-b", "004-c")

MIGRATIONS = """
import { addUserStatus } from './001-add-user-status.js';
const step = (name, fails) => ({
  name,
  async up(db) {
    if (fails) throw new Error('it is made to fail');
    await db.collection('steps').insertOne({ name });
  },
  async down(db) { await db.collection('steps').deleteOne({ name }); },
});
const failing = process.env.FAILING_MIGRATION;
const added = ['002-a', '003-b', '004-c'].map((name) => step(name, name === failing));
export const migrations = [addUserStatus, ...added];
"""


@contextlib.contextmanager
def versions(stack: Stack, **environment: dict[str, str]) -> t.Iterator[dict[str, str]]:
    """Build and push versions of the backend, and remove them afterwards.

    Args:
        environment: what is set in each, by a name for it.

    Returns:
        the tag of each.
    """
    client = docker.from_env()
    repository = f"{stack.registry}/tagadodo/backend"
    tags = {name: f"{stack.name}-{name.replace('_', '-')}" for name in environment}
    try:
        for name, variables in environment.items():
            files = _files(f"{repository}:1.1.0", tags[name], variables)
            build_image(f"{repository}:{tags[name]}", files)
            client.images.push(repository, tags[name])
        yield tags
    finally:
        for tag in tags.values():
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(f"{repository}:{tag}", force=True)


def _files(base: str, version: str, variables: dict[str, str]) -> dict[str, str]:
    lines = [f"FROM {base}", "COPY all.js dist/migrations/all.js", f"ENV APP_VERSION={version}"]
    lines += [f"ENV {key}={value}" for key, value in variables.items()]
    return {"Dockerfile": "\n".join(lines) + "\n", "all.js": MIGRATIONS}
