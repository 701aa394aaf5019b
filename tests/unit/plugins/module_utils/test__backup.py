# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, the place for dumps, manifests, differences and ages: what needs no server."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Database,
    Settings,
    staging,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_age import age_limit, too_old
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_manifest import (
    chosen,
    differences,
    parse,
    size,
    told,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_redis import databases_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Snapshot

RAW: t.Dict[str, t.Any] = {
    "project": "shop",
    "backup_project": "shop",
    "host": "web1",
    "network": "shop",
    "config_dir": "/etc/shop",
    "state_dir": "/var/lib/shop",
    "staging_dir": "/var/lib/shop/backup/staging",
    "repository": "rest:https://u:repository-pw@host/",
    "password_file": "/etc/shop/backup/password",
    "environment": {"AWS_SECRET_ACCESS_KEY": "aws-key"},
    "files": {"tls": ["/etc/shop/tls"]},
    "keep": {"last": 1},
    "timeout": 60,
    "mongodb": {"image": "mongo", "uri": "mongodb://root:mongo-pw@mongodb/"},
    "redis": {"image": "redis", "host": "redis", "port": 6379, "password": "redis-pw"},
}


@pytest.fixture
def settings(tmp_path: pathlib.Path) -> Settings:
    raw = {**RAW, "state_dir": str(tmp_path / "state"), "staging_dir": str(tmp_path / "staging")}
    (tmp_path / "settings.json").write_text(json.dumps(raw))
    return Settings.read(str(tmp_path / "settings.json"))


def test_settings_are_read_and_show_no_secret(settings: Settings) -> None:
    assert settings.sources == ("mongodb", "redis", "tls")
    assert settings.mongodb == Database(image="mongo", uri="mongodb://root:mongo-pw@mongodb/")
    for secret in ("mongo-pw", "redis-pw", "aws-key", "repository-pw"):
        assert secret not in repr(settings)
    said = "cannot reach mongodb://root:mongo-pw@mongodb/:\n  redis-pw, aws-key, repository-pw"
    assert settings.hide(said) == "cannot reach ***: ***, ***, ***"


@pytest.mark.parametrize("missing", ["mongodb", "redis"])
def test_a_database_may_be_left_out(tmp_path: pathlib.Path, missing: str) -> None:
    (tmp_path / "s").write_text(json.dumps({**RAW, missing: {}}))
    assert missing not in Settings.read(str(tmp_path / "s")).sources


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "missing; is backup_repository set, and has site.yml run since?"),
        ("{", "not the settings of backups; run site.yml again"),
        ("[]", "not the settings of backups; run site.yml again"),
        (json.dumps({**RAW, "more": 1}), "not the settings of backups; run site.yml again"),
    ],
)
def test_a_wrong_settings_file_is_named(
    tmp_path: pathlib.Path, content: t.Optional[str], told: str
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BackupError) as error:
        Settings.read(str(path))
    assert str(error.value) == f"{path}: {told}"


def test_the_place_for_dumps_is_roots_empty_and_removed(settings: Settings) -> None:
    place = pathlib.Path(settings.staging_dir)
    (place / "left by a killed run").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), staging(settings) as found:
        _interrupted_in(found)
    assert not place.exists()


def _interrupted_in(place: pathlib.Path) -> None:
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert list(place.iterdir()) == []
    (place / "dump").write_text("everything")
    raise KeyboardInterrupt


def test_two_at_once_are_refused(settings: Settings) -> None:
    with staging(settings) as place:
        with pytest.raises(BackupError, match="^another backup or restore of shop is at work"):
            staging(settings).__enter__()
        assert place.is_dir()


# --- manifests

MANIFEST = {"schema": 1, "sources": {"mongodb": {}, "tls": {}, "settings": {}}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "sources": {"a": {}}}'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match=r"^the snapshot has no manifest.json of schema 1"):
        parse(text)


def test_settings_are_restored_only_when_asked_for() -> None:
    assert chosen(MANIFEST, []) == ["mongodb", "tls"]
    assert chosen(MANIFEST, ["settings"]) == ["settings"]
    with pytest.raises(BackupError) as error:
        chosen(MANIFEST, ["reddis"])
    assert str(error.value) == "only: reddis is not in the backup; it has mongodb, tls, settings"


def collection(
    documents: int = 3, checksum: str = "0a", indexes: t.Sequence[str] = ("_id_",)
) -> t.Any:
    facts = {"documents": documents, "checksum": checksum, "indexes": list(indexes)}
    return {"collections": {"shop.users": facts}, "bytes": 1500}


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (collection(), []),
        ({"collections": {**collection()["collections"], "shop.more": {}}}, []),
        ({"collections": {}}, ["mongodb: shop.users is missing"]),
        (collection(documents=2), ["mongodb: shop.users has 2 documents, not 3"]),
        (collection(checksum="0b"), ["mongodb: shop.users has other content"]),
        (collection(indexes=[]), ["mongodb: shop.users has indexes [], not ['_id_']"]),
    ],
)
def test_differences_of_mongodb(found: t.Any, lines: t.List[str]) -> None:
    assert differences("mongodb", collection(), found) == lines
    assert told("mongodb", collection()) == "mongodb 3 documents in 1 collections (1.5 kB)"


def keys(total: int, expires: int, digest: str = "a") -> t.Any:
    return {"databases": {"0": {"keys": total, "expires": expires}}, "digest": digest, "bytes": 9}


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (keys(10, 2), []),
        (keys(9, 1, "b"), []),  # one has expired
        (keys(9, 2), ["redis: database 0 has 9 keys, not 10"]),
        (keys(11, 3), ["redis: database 0 has 11 keys, not 10"]),
        ({"databases": {}, "digest": "b"}, ["redis: database 0 has 0 keys, not 10"]),
        (keys(10, 2, "b"), ["redis: it has the same number of keys with other content"]),
    ],
)
def test_differences_of_redis(found: t.Any, lines: t.List[str]) -> None:
    assert differences("redis", keys(10, 2), found) == lines


def test_keys_are_read_as_redis_tells_them() -> None:
    said = "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0,subexpiry=0\r\ndb13:keys=1,expires=0\r\n"
    assert databases_of(said) == {"0": {"keys": 2, "expires": 1}, "13": {"keys": 1, "expires": 0}}


def test_differences_of_files() -> None:
    stored = {"files": {"0/a": "1", "0/b": "2", "0/c": "3"}}
    found = {"files": {"0/a": "1", "0/b": "9", "0/more": "5"}}
    assert differences("tls", stored, found) == [
        "tls: 0/b has other content",
        "tls: 0/c is missing",
    ]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_said_as_people_do(count: int, text: str) -> None:
    assert size(count) == text


# --- ages

NOW = 1_000_000.0


def aged(hours: float) -> Snapshot:
    return Snapshot("33018f9b41", NOW - hours * 3600, "web1", ("shop",))


@pytest.mark.parametrize(
    ("snapshots", "problem"),
    [
        ([], "there is no backup of shop"),
        ([aged(1), aged(30)], ""),
        ([aged(24)], ""),
        ([aged(30.25)], "the newest backup of shop (33018f9b) is 30.2 hours old; 24 are allowed"),
    ],
)
def test_a_backup_is_recent_enough_or_why_not(snapshots: t.List[Snapshot], problem: str) -> None:
    assert too_old(snapshots, "shop", 24, NOW) == problem


def asking(before_release: str, max_age: int) -> t.Any:
    return {"backup": {"before_release": before_release, "max_age": max_age}}


@pytest.mark.parametrize(
    ("released", "migrated", "limit"),
    [
        ({"a": asking("never", 1)}, ["a"], None),
        ({"a": asking("always", 24)}, [], 24),
        ({}, [], None),
        ({"a": asking("migrations", 24)}, [], None),
        ({"a": asking("migrations", 24)}, ["a"], 24),
        ({"a": asking("always", 24), "b": asking("migrations", 0)}, ["b"], 0),
    ],
)
def test_what_services_ask_for_before_a_release(
    released: t.Any, migrated: t.List[str], limit: t.Optional[int]
) -> None:
    assert age_limit(released, migrated) == limit


def test_other_projects_are_named_by_the_project_that_is_read(settings: Settings) -> None:
    moved = dataclasses.replace(settings, backup_project="old-shop")
    assert too_old([], moved.backup_project, 24, NOW) == "there is no backup of old-shop"
