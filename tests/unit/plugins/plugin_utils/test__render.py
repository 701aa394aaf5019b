# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render writes: one slot anew and the other as it was, and never a file of others or a secret."""

from __future__ import annotations

import pathlib
import typing as t
from dataclasses import dataclass, replace

import pytest
import yaml

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster, ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Service,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render import Rendering, rendered
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render_before import Files, mark
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._rendered_files import (
    check_ours,
    differences,
    found_files,
    write_rendered,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

DESCRIBED: dict[str, dict[str, t.Any]] = {
    "backend": {
        "image": "tagadodo/backend",
        "port": 3000,
        "instances": 2,
        "hostnames": ["api.example.com"],
        "env": {"LEVEL": "info"},
        "secrets": {"JWT_SECRET": "", "MONGO_URI": ""},
        "migrations": {"status": ["m", "status"], "up": ["m", "up"], "timeout": 90},
    },
    "frontend": {"image": "tagadodo/frontend", "port": 8080, "hostnames": ["www.example.com"]},
}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}


@dataclass
class Directory:
    """A directory that is rendered to, and what is asked each time."""

    path: pathlib.Path

    def render(
        self,
        version: str,
        services: t.Mapping[str, t.Any] | None = None,
        only: str = "",
        cluster: t.Mapping[str, t.Any] | None = None,
        **asked: t.Any,
    ) -> Files:
        described = parse_services({**(DESCRIBED if services is None else services)})
        chosen = select_services(described, only, version)
        found = found_files(self.path)
        rendering = Rendering(
            Cluster.parse(GATEWAY if cluster is None else cluster, "tagadodo"),
            Installation(),
            found=found,
            **asked,
        )
        rendering.check(chosen)
        wanted = rendered(rendering, chosen, described)
        check_ours(self.path, found, wanted)
        write_rendered(self.path, found, wanted)
        assert found_files(self.path) == wanted
        return wanted

    def names(self) -> set[str]:
        return {str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file()}

    def read(self, name: str) -> list[dict[str, t.Any]]:
        return list(yaml.safe_load_all((self.path / name).read_text()))

    def weights(self) -> dict[str, int]:
        (route,) = self.read("backend/route.yaml")
        (rule,) = route["spec"]["rules"]
        return {one["name"]: one["weight"] for one in rule["backendRefs"]}

    def live(self) -> str:
        return str(
            self.read("backend/shared.yaml")[0]["spec"]["selector"]["deploy.tagadodo.com/slot"]
        )

    def image(self, slot: str) -> str:
        (made,) = (one for one in self.read(f"backend/{slot}.yaml") if one["kind"] == "Deployment")
        return str(made["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.fixture
def directory(tmp_path: pathlib.Path) -> Directory:
    return Directory(tmp_path / "manifests")


def settings_of(directory: Directory) -> set[str]:
    return {name for name in directory.names() if name.startswith("backend/env-")}


def test_the_first_version_has_all_requests(directory: Directory) -> None:
    directory.render("1.0.0")
    (settings,) = settings_of(directory)
    assert directory.names() == {
        "README.md",
        "kustomization.yaml",
        settings,
        *(
            f"backend/{name}.yaml"
            for name in ("blue", "kustomization", "migrations", "route", "shared")
        ),
        *(f"frontend/{name}.yaml" for name in ("blue", "kustomization", "route", "shared")),
    }
    assert directory.read("kustomization.yaml")[0]["resources"] == ["backend", "frontend"]
    assert directory.read("backend/kustomization.yaml")[0]["resources"] == [
        "blue.yaml",
        settings.partition("/")[2],
        "route.yaml",
        "shared.yaml",
    ]
    assert directory.weights() == {"tagadodo-backend-blue": 100}
    assert directory.live() == "blue"


def test_a_version_comes_beside_the_one_before_share_by_share(directory: Directory) -> None:
    directory.render("1.0.0")
    before = (directory.path / "backend/blue.yaml").read_text()
    for share, live in ((0, "blue"), (10, "blue"), (100, "green")):
        directory.render("1.1.0", slot="green", share=share)
        assert directory.weights() == {
            "tagadodo-backend-blue": 100 - share,
            "tagadodo-backend-green": share,
        }
        assert directory.live() == live
    assert (directory.path / "backend/blue.yaml").read_text() == before
    assert directory.image("green") == "docker.io/tagadodo/backend:1.1.0"
    resources = directory.read("backend/kustomization.yaml")[0]["resources"]
    assert {"blue.yaml", "green.yaml"} < set(resources)


def test_each_slot_keeps_its_settings_as_long_as_it_is_there(directory: Directory) -> None:
    def described(level: str) -> dict[str, t.Any]:
        return {**DESCRIBED, "backend": {**DESCRIBED["backend"], "env": {"LEVEL": level}}}

    directory.render("1.0.0", described("info"))
    first = settings_of(directory)
    for share in (0, 100):
        directory.render("1.1.0", described("debug"), slot="green", share=share)
    assert len(settings_of(directory)) == 2
    assert first < settings_of(directory)
    directory.render("1.2.0", described("debug"), slot="blue", share=0)
    assert len(settings_of(directory)) == 1
    assert not first & settings_of(directory)


def test_a_slot_that_somebody_has_deleted_is_gone_from_all_else(directory: Directory) -> None:
    directory.render("1.0.0")
    for share in (0, 100):
        directory.render("1.1.0", slot="green", share=share)
    (directory.path / "backend/blue.yaml").unlink()
    directory.render("1.1.0", slot="green")
    assert "blue.yaml" not in directory.read("backend/kustomization.yaml")[0]["resources"]
    assert directory.weights() == {"tagadodo-backend-green": 100}


def test_the_same_again_changes_nothing(directory: Directory) -> None:
    wanted = directory.render("1.0.0")
    assert differences(directory.path, found_files(directory.path), wanted) == []
    assert directory.render("1.0.0") == wanted


def test_what_is_not_asked_for_stays_as_it_was(directory: Directory) -> None:
    directory.render("1.0.0")
    before = (directory.path / "frontend/blue.yaml").read_text()
    directory.render("1.1.0", only="backend")
    assert (directory.path / "frontend/blue.yaml").read_text() == before
    assert directory.image("blue") == "docker.io/tagadodo/backend:1.1.0"
    assert directory.read("kustomization.yaml")[0]["resources"] == ["backend", "frontend"]


def test_what_is_described_no_more_is_removed(directory: Directory) -> None:
    directory.render("1.0.0")
    bare = {key: value for key, value in DESCRIBED["backend"].items() if key != "migrations"}
    (directory.path / "frontend/mine.yaml").write_text("kind: Mine\n")
    directory.render("1.0.0", {"backend": bare}, cluster={})
    assert not {"backend/migrations.yaml", "backend/route.yaml"} & directory.names()
    assert {name for name in directory.names() if name.startswith("frontend")} == {
        "frontend/mine.yaml"
    }


def test_a_directory_of_which_nothing_is_left_is_removed(directory: Directory) -> None:
    directory.render("1.0.0")
    directory.render("1.0.0", {"backend": DESCRIBED["backend"]})
    assert not (directory.path / "frontend").exists()


def test_copies_and_files_of_others_stay(directory: Directory) -> None:
    directory.render("1.0.0")
    others = {
        "overlay/blue.yaml": (directory.path / "backend/blue.yaml").read_text(),
        "backend/patch.yaml": "kind: Patch\n",
        "notes.md": "notes",
        "backend/image.bin": "\udcff",
    }
    for name, text in others.items():
        path = directory.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode(errors="surrogateescape"))
    directory.render("1.1.0", {"backend": DESCRIBED["backend"]})
    assert set(others) <= directory.names()


@pytest.mark.parametrize("name", ["kustomization.yaml", "backend/blue.yaml", "README.md"])
def test_a_file_of_others_that_is_in_the_way_is_told(directory: Directory, name: str) -> None:
    path = directory.path / name
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    with pytest.raises(ClusterError, match=rf"render_dir: .*{name} is not one that render.yml"):
        directory.render("1.0.0")
    assert directory.names() == {name}


def test_a_digest_takes_the_place_of_the_tag(directory: Directory) -> None:
    digest = "sha256:" + "0a" * 32
    directory.render("1.0.0", only="backend", digest=digest)
    assert directory.image("blue") == f"docker.io/tagadodo/backend@{digest}"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"digest": "sha256:" + "0a" * 32},
            "digest: it is of one image, and backend, frontend are rendered; name one with -e service=…",
        ),
        (
            {"digest": "latest", "only": "backend"},
            "digest: 'latest' is not sha256: and 64 hexadecimal digits",
        ),
        ({"share": 101}, "share: 101 is not between 0 and 100"),
        (
            {"share": 10, "cluster": {}},
            "share: 10 needs deploy_kubernetes.gateway; a Service leads to one slot alone",
        ),
        (
            {"share": 10},
            "share: 90 % would be left to green of backend, which is not rendered; render what is live now with"
            " -e slot=green first, or leave share out",
        ),
    ],
)
def test_what_cannot_be_is_told_and_nothing_written(
    directory: Directory, asked: dict[str, t.Any], told: str
) -> None:
    with pytest.raises(ClusterError) as error:
        directory.render("1.0.0", **asked)
    assert str(error.value) == told
    assert not directory.path.exists()


@pytest.mark.parametrize("cluster", [GATEWAY, {}], ids=["gateway", "no gateway"])
def test_no_request_goes_where_there_are_no_pods_yet(
    directory: Directory, cluster: dict[str, t.Any]
) -> None:
    def render(version: str, slot: str, share: int) -> None:
        directory.render(version, cluster=cluster, slot=slot, share=share)

    render("1.0.0", "blue", 100)
    render("1.0.1", "blue", 100)  # the Deployment replaces pods one by one
    with pytest.raises(ClusterError) as error:
        render("1.1.0", "green", 100)
    assert str(error.value) == (
        "share: green of backend is another version or has other settings now, and would get 100 % before its pods are"
        " there; render it with -e share=0 first"
    )
    render("1.1.0", "green", 0)
    with pytest.raises(ClusterError):
        render("1.1.1", "green", 100)
    render("1.1.0", "green", 100)
    with pytest.raises(ClusterError):
        render("1.2.0", "blue", 100)
    render("1.0.1", "blue", 100)  # back to what still runs


def test_without_a_gateway_the_service_is_the_switch(directory: Directory) -> None:
    directory.render("1.0.0", cluster={})
    directory.render("1.1.0", cluster={}, slot="green", share=0)
    assert directory.live() == "blue"
    directory.render("1.1.0", cluster={}, slot="green")
    assert directory.live() == "green"
    assert "backend/route.yaml" not in directory.names()


def test_no_value_of_a_secret_is_in_a_file(directory: Directory) -> None:
    """What is rendered gets none of them; if it did, they would stay out all the same."""
    backend = {**DESCRIBED["backend"], "secrets": {"JWT_SECRET": "hush-hush", "MONGO_URI": "hush"}}
    wanted = directory.render("1.0.0", {"backend": backend})
    assert not any("hush" in text for text in wanted.values())
    assert "kind: Secret" not in "".join(wanted.values())
    assert "`JWT_SECRET`" in wanted["README.md"]
    assert "kubectl create secret generic tagadodo-backend-secrets" in wanted["README.md"]


def test_a_migration_is_applied_by_itself(directory: Directory) -> None:
    wanted = directory.render("1.0.0")
    (job,) = directory.read("backend/migrations.yaml")
    assert "migrations.yaml" not in wanted["backend/kustomization.yaml"]
    assert f"--timeout=90s job/{job['metadata']['name']}" in wanted["backend/migrations.yaml"]
    again = replace_version(directory, "1.1.0")
    assert again["metadata"]["name"] != job["metadata"]["name"]


def replace_version(directory: Directory, version: str) -> dict[str, t.Any]:
    directory.render(version)
    (job,) = directory.read("backend/migrations.yaml")
    return job


def test_every_file_says_who_wrote_it(directory: Directory) -> None:
    for name, text in directory.render("1.0.0").items():
        assert mark(name) in text.splitlines()[0]


def test_differences_are_of_what_is_written_and_removed(directory: Directory) -> None:
    directory.render("1.0.0")
    found = found_files(directory.path)
    wanted = {name: text for name, text in found.items() if name != "README.md"}
    wanted["kustomization.yaml"] = "other"
    told = {
        pathlib.Path(one["before_header"]).name: (one["before"], one["after"])
        for one in differences(directory.path, found, wanted)
    }
    assert told == {
        "README.md": (found["README.md"], ""),
        "kustomization.yaml": (found["kustomization.yaml"], "other"),
    }


def test_a_rendering_without_anything_live_sends_nobody_nowhere() -> None:
    service = Service("backend", parse_services({**DESCRIBED})[0].settings)
    asked = Rendering(Cluster.parse(GATEWAY, "tagadodo"), Installation(), share=0)
    with pytest.raises(ClusterError):
        asked.check([service])
    replace(asked, found={"backend/green.yaml": ""}).check([service])
