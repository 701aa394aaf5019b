"""Instances: what makes the wanted containers run, and nothing else."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import established
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    Found,
    Instance,
    Slot,
    bytes_of,
    fingerprint,
    steps_to_run,
)

MARK = "0123456789abcdef"
WANTED = Slot(
    service="backend",
    slot="green",
    release="20261122-231530",
    version="1.1.0",
    image="tagadodo/backend@sha256:11",
    runtime={"port": 3000},
    instances=(
        Instance("t-backend-green-1", 1, "10.213.2.16"),
        Instance("t-backend-green-2", 2, "10.213.2.17"),
    ),
)


MORE = replace(
    WANTED, instances=(*WANTED.instances, Instance("t-backend-green-3", 3, "10.213.2.18"))
)


def found(wanted: Slot = WANTED, running: bool = True) -> list[Found]:
    return [Found(one.name, running, wanted.labels("t", one, MARK)) for one in wanted.instances]


def steps(existing: list[Found]) -> list[tuple[str, str]]:
    return [(step.action, step.name[-1]) for step in steps_to_run(WANTED, MARK, "t", existing)]


def test_an_empty_slot_is_filled() -> None:
    assert steps([]) == [("create", "1"), ("create", "2")]


def test_what_runs_as_wanted_is_left_alone() -> None:
    assert steps(found()) == []


def test_what_is_stopped_is_started_again() -> None:
    assert steps(found(running=False)) == [("start", "1"), ("start", "2")]


@pytest.mark.parametrize("change", [{"release": "older"}, {"image": "tagadodo/backend@sha256:22"}])
def test_another_release_or_image_is_replaced(change: dict[str, t.Any]) -> None:
    assert steps(found(replace(WANTED, **change))) == [
        ("remove", "1"),
        ("create", "1"),
        ("remove", "2"),
        ("create", "2"),
    ]


def test_an_instance_too_many_is_removed() -> None:
    stopped = [*found(), found(MORE, running=False)[2]]
    assert steps(stopped) == [("remove", "3")]
    older = found(replace(MORE, release="older"))
    assert steps([*found(), older[2]]) == [("remove", "3")]


def test_an_instance_too_many_that_may_have_traffic_is_left_running() -> None:
    assert steps(found(MORE)) == []


@given(
    st.dictionaries(st.text(min_size=1), st.text()),
    st.dictionaries(st.text(min_size=1), st.text()),
    st.binary(min_size=1),
)
def test_fingerprints_follow_settings_secrets_and_key(
    runtime: dict[str, str], secrets: dict[str, str], key: bytes
) -> None:
    mark = fingerprint(key, runtime, secrets)
    assert mark == fingerprint(key, dict(reversed(list(runtime.items()))), secrets)
    assert mark != fingerprint(key, runtime, {**secrets, "one": "more"})
    assert mark != fingerprint(key + b"x", runtime, secrets)


def test_secrets_are_not_in_the_text_of_a_slot() -> None:
    assert "hush" not in repr(replace(WANTED, secrets={"TOKEN": "hush"}))


@pytest.mark.parametrize(
    ("size", "count"), [("512m", 2**29), ("1g", 2**30), ("1G", 2**30), ("64kb", 2**16), ("10", 10)]
)
def test_sizes(size: str, count: int) -> None:
    assert bytes_of(size) == count


@pytest.mark.parametrize("size", ["", "m", "1.5g", "much"])
def test_sizes_that_are_none(size: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        bytes_of(size)


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1
   1: 100BD50A:0BB8 0100D50A:D431 01 00000000:00000000 00:00000000 00000000  1001        0 2
   2: 100BD50A:0BB8 0100D50A:D432 06 00000000:00000000 00:00000000 00000000  1001        0 3
   3: 100BD50A:D300 0200D50A:0BB8 01 00000000:00000000 00:00000000 00000000  1001        0 4
"""


def test_only_established_connections_to_the_port_count() -> None:
    assert established(TABLE, 3000) == 1
    assert established(TABLE, 6379) == 0
