# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents are the same in files and in a cluster; a ledger does not notice which."""

from __future__ import annotations

import pathlib

import pytest
from kube_standin import StandIn

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_documents import (
    ClusterDocuments,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import (
    Documents,
    Files,
    write_whole,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import KubeError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Ledger


@pytest.fixture(params=["files", "cluster"])
def documents(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Documents:
    if request.param == "files":
        return Files(tmp_path)
    standin: StandIn = request.getfixturevalue("standin")
    cluster = Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path))
    return ClusterDocuments(connect(cluster), "tagadodo")


def test_texts_have_paths_and_folders(documents: Documents) -> None:
    for path in ("releases/backend/r1.json", "releases/backend/r2.json", "releases/web/r1.json"):
        documents.write(path, path.upper())
    documents.write("releases/backend/r2.json", "again")
    assert documents.names("releases") == ["backend", "web"]
    assert documents.names("releases/backend") == ["r1.json", "r2.json"]
    assert documents.names("nothing") == []
    assert documents.read("releases/backend/r1.json") == "RELEASES/BACKEND/R1.JSON"
    assert documents.read("releases/backend/r2.json") == "again"
    documents.move("releases/backend/r1.json", "releases/backend/r1.json.damaged")
    documents.remove("releases/backend/r2.json")
    assert documents.names("releases/backend") == ["r1.json.damaged"]
    with pytest.raises(FileNotFoundError):
        documents.read("releases/backend/r2.json")
    with pytest.raises(FileNotFoundError):
        documents.remove("releases/backend/r2.json")


def test_a_ledger_does_not_notice_where_it_is(documents: Documents) -> None:
    ledger = Ledger(documents)
    assert ledger.services() == []
    ledger.update("backend", "20260101-000000", {"outcome": "failed"}, write=True)
    ledger.update("backend", "20260102-000000", {"outcome": "succeeded"}, write=True)
    ledger.update(ENVIRONMENT, "20260102-000000", {"outcome": "succeeded"}, write=True)
    documents.write("releases/backend/20260103-000000.json", "{")
    assert ledger.services() == ["backend"]
    assert [one["release"] for one in ledger.read("backend")] == [
        "20260102-000000",
        "20260101-000000",
    ]
    assert len(ledger.damaged()) == 1
    assert documents.where("releases/backend/20260103-000000.json") in ledger.damaged()[0]
    ledger.update("backend", "20260103-000000", {"outcome": "running"}, write=True)
    assert ledger.damaged() == []
    assert documents.names("releases/backend")[-1] == "20260103-000000.json.damaged"
    ledger.prune(["backend"], keep=1)
    assert [one["release"] for one in ledger.read("backend")] == [
        "20260103-000000",
        "20260102-000000",
    ]


def test_what_is_written_by_one_run_is_read_by_the_next(
    standin: StandIn, tmp_path: pathlib.Path
) -> None:
    api = connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path)))
    first, second = (ClusterDocuments(api, "tagadodo") for _number in range(2))
    assert second.names("releases") == []
    first.write("releases/backend/r1.json", "one")
    second.write("releases/backend/r1.json", "two")  # it was read before the first wrote
    assert ClusterDocuments(api, "tagadodo").read("releases/backend/r1.json") == "two"
    assert ClusterDocuments(api, "another").names("releases") == []
    first.remove("releases/backend/r1.json")
    second.write("releases/backend/r1.json", "three")
    assert ClusterDocuments(api, "tagadodo").read("releases/backend/r1.json") == "three"
    assert len(standin.of("configmaps")) == 1


def test_what_is_not_asked_for_is_not_read(standin: StandIn, tmp_path: pathlib.Path) -> None:
    """A gate looks every few seconds, and a ledger is large."""
    api = connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path)))
    first = ClusterDocuments(api, "tagadodo")
    for path in ("releases/backend/r1.json", "gate/r1/0000.jsonl", "gate/r2/0000.jsonl"):
        first.write(path, path)
    first.write("gate/control.json", "{}")
    standin.requests.clear()
    again = ClusterDocuments(api, "tagadodo")
    assert again.read("gate/control.json") == "{}"
    assert again.names("gate/r2") == ["0000.jsonl"]
    assert again.read("gate/r2/0000.jsonl") == "gate/r2/0000.jsonl"
    with pytest.raises(FileNotFoundError):
        again.read("gate/r2/0001.jsonl")
    assert len(standin.requests) == 2
    assert again.names("gate") == ["control.json", "r1", "r2"]
    assert again.names("gate/r1") == ["0000.jsonl"]
    assert len(standin.requests) == 3
    assert set(again._known) == {"gate/control.json", "gate/r1/0000.jsonl", "gate/r2/0000.jsonl"}


def test_a_cluster_that_refuses_says_so_in_one_line(
    standin: StandIn, tmp_path: pathlib.Path
) -> None:
    api = connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path)))
    standin.refused["/api/v1/namespaces/tagadodo/configmaps"] = 403
    with pytest.raises(KubeError, match="the cluster refuses GET .*configmaps: refused") as refused:
        ClusterDocuments(api, "tagadodo").names("releases")
    assert "\n" not in str(refused.value)


def test_where_no_cluster_is_known_what_to_set_is_said(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "none"
    with pytest.raises(KubeError, match="no cluster is known .*set kubeconfig, or K8S_AUTH"):
        connect(Cluster("tagadodo", kubeconfig=str(missing)))
    monkeypatch.setenv("K8S_AUTH_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "made-up")
    with pytest.raises(KubeError, match="the cluster does not answer GET /version"):
        connect(Cluster("tagadodo")).now()


def test_a_failed_write_leaves_the_old_text_and_nothing_else(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r1.json"
    write_whole(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r1.json"]
