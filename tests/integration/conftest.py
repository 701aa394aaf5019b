"""Fixtures: one installation for each test module, removed afterwards whatever happened."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from described import services_with
from stack import Stack

REGISTRY = os.environ.get("REGISTRY", "")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def empty(work: pathlib.Path, request: pytest.FixtureRequest) -> t.Iterator[Stack]:
    """An installation that nothing was done to yet. Its name is unique to this process and module."""
    if not REGISTRY:
        pytest.fail("REGISTRY is not set: run these tests with ./scripts/test")
    module = request.module.__name__.removeprefix("test_").replace("_", "")[:8]
    stack = Stack(name=f"tdt{os.getpid()}{module}", registry=REGISTRY, work=work)
    try:
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="module")
def stack(empty: Stack) -> Stack:
    """An installation that site.yml set up, with version 1.0.0 live. Nobody uses it yet, so nothing is
    watched; what is released next has the settings of ``inventories/dev`` or the test's own."""
    run = empty.play("site", services=services_with(bake=0, min_ready=1))
    assert run.code == 0, run.output
    return empty
