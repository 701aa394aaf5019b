"""Fixtures: one installation for each test module, removed afterwards whatever happened."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
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
    """An installation that site.yml set up, with version 1.0.0 live; short watch and drain."""
    run = empty.play("site")
    assert run.code == 0, run.output
    return empty
