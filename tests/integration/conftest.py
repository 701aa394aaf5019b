"""Fixtures: installations, removed afterwards whatever happened."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from described import QUICK, set_up
from host import wait_until_emptied
from stack import Stack

REGISTRY = os.environ.get("REGISTRY", "")
# They begin before the others, so that no worker is still at one of them when the rest has ended.
LONGEST = (
    "test_fleet",
    "test_staging",
    "test_pipeline",
    "test_topology",
    "test_runner",
    "test_report",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture(scope="session", autouse=True)
def nothing_left() -> t.Iterator[None]:
    yield
    wait_until_emptied()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def empty(work: pathlib.Path, request: pytest.FixtureRequest) -> t.Iterator[Stack]:
    """An installation that nothing was done to yet. Its name is unique to this process and module."""
    module = request.module.__name__.removeprefix("test_").replace("_", "")[:8]
    yield from _installation(module, work)


def _installation(purpose: str, work: pathlib.Path) -> t.Iterator[Stack]:
    if not REGISTRY:
        pytest.fail("REGISTRY is not set: run these tests with ./scripts/test")
    stack = Stack(name=f"tdt{os.getpid()}{purpose}", registry=REGISTRY, work=work)
    try:
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Stack]:
    """One installation for all modules that a worker runs and that ask for ``stack``: setting one up takes
    longer than most tests."""
    yield from _installation("shared", tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def stack(shared: Stack) -> Stack:
    """An installation with version 1.0.0 live, as site.yml leaves it, whatever was tested on it before.
    What is released next has the settings of ``inventories/dev`` or the test's own."""
    shared.extra.clear()
    if not shared.config_dir.exists():
        return set_up(shared)
    run = shared.play("deploy", "-e", "version=1.0.0", services=QUICK)
    if run.code != 0:  # a test has failed and left it broken
        shared.destroy()
        return set_up(shared)
    return shared
