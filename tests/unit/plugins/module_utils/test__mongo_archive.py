# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive of mongodump holds, whole or cut."""

from __future__ import annotations

import json
import pathlib
import struct
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._mongo_archive import (
    MAGIC,
    TERMINATOR,
    ArchiveError,
    fields,
    read_archive,
)


def bson(**values: t.Any) -> bytes:
    """A document of text, numbers and booleans, as bsonspec.org has it."""
    body = b""
    for name, value in values.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x12" + key + struct.pack("<q", value)
        else:
            text = value.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def archive(collections: t.Mapping[str, t.Sequence[bytes]], ends: bool = True) -> bytes:
    """As mongodump writes it: the prelude, then blocks, those of two collections mixed."""
    written = struct.pack("<I", MAGIC) + bson(server_version="8.0.4", tool_version="100.10.0")
    for name in collections:
        metadata = json.dumps(
            {"indexes": [{"name": "_id_"}, {"name": "by_name"}], "type": "collection"}
        )
        database, _dot, collection = name.partition(".")
        written += bson(db=database, collection=collection, metadata=metadata, type="collection")
    written += TERMINATOR
    for part in (0, 1):
        for name, documents in collections.items():
            written += _header(name, eof=False) + b"".join(documents[part::2]) + TERMINATOR
    if ends:
        for name in collections:
            written += _header(name, eof=True) + TERMINATOR
    return written


def _header(name: str, eof: bool) -> bytes:
    database, _dot, collection = name.partition(".")
    return bson(db=database, collection=collection, EOF=eof, CRC=-1)


USERS = [bson(_id=number, name=f"user {number}") for number in range(5)]


@pytest.fixture
def read(tmp_path: pathlib.Path) -> t.Callable[[bytes], t.Dict[str, t.Any]]:
    def written(content: bytes) -> t.Dict[str, t.Any]:
        (tmp_path / "mongodb.archive").write_bytes(content)
        return read_archive(tmp_path / "mongodb.archive")

    return written


def test_collections_are_counted_and_those_of_the_server_left_out(read: t.Any) -> None:
    found = read(archive({"shop.users": USERS, "shop.empty": [], "admin.system.users": USERS[:1]}))
    assert (found["server"], found["tool"]) == ("8.0.4", "100.10.0")
    assert {name: one["documents"] for name, one in found["collections"].items()} == {
        "shop.empty": 0,
        "shop.users": 5,
    }
    assert found["collections"]["shop.users"]["indexes"] == ["_id_", "by_name"]


def test_an_archive_without_collections_is_one(read: t.Any) -> None:
    assert read(archive({}))["collections"] == {}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (USERS[::-1], True),
        (USERS[:4], False),
        ([*USERS[:4], bson(_id=4, name="user 5")], False),
        ([*USERS[:4], USERS[0]], False),
    ],
)
def test_a_checksum_is_of_the_documents_in_any_order(
    read: t.Any, other: list[bytes], same: bool
) -> None:
    first, second = (
        read(archive({"a.b": documents}))["collections"]["a.b"] for documents in (USERS, other)
    )
    assert (first["checksum"] == second["checksum"]) is same


def test_one_that_was_cut_is_refused_wherever_it_was(read: t.Any) -> None:
    whole = archive({"shop.users": USERS, "shop.carts": USERS[:2]})
    read(whole)
    for length in range(len(whole)):
        with pytest.raises(ArchiveError):
            read(whole[:length])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the archive is cut"),
        (b"PK\3\4 and more", "mongodb.archive is not an archive of mongodump"),
        (archive({"a.b": USERS}, ends=False), "mongodb.archive ends before a.b does"),
    ],
)
def test_why_it_is_refused(read: t.Any, content: bytes, told: str) -> None:
    with pytest.raises(ArchiveError, match=f"^{told}$"):
        read(content)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_]{1,8}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.integers(0, 2**62),
    )
)
def test_headers_are_read_as_they_were_written(values: dict[str, t.Any]) -> None:
    assert fields(bson(**values)) == values
