# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""render.yml: what it writes, kubectl builds and takes, and nobody asks a cluster for it."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

import kubernetes_validate
import pytest
import yaml
from api_names import api_of_names
from stack import ROOT

Run = t.Callable[..., "subprocess.CompletedProcess[str]"]
REGISTRY = os.environ.get("REGISTRY", "")
VALIDATOR = pathlib.Path(__file__).parent / "gateway_api"
GATEWAY = {"name": "public", "namespace": "gateways", "section": "https"}
SCALED = {"requests": {"cpus": 0.25}, "autoscale": {"most": 5}, "allowed_from": ["shop"]}
KINDS = {
    "ConfigMap",
    "Deployment",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """render.yml over the hosts of inventories/prod, none of which there is, for clusters of this version."""
    folder = tmp_path_factory.mktemp("asked")
    services = yaml.safe_load((ROOT / "inventories/common/services.yml").read_text())["services"]
    services["backend"]["kubernetes"] = SCALED

    def render(
        directory: pathlib.Path, *more: str, version: str = "1.29", gateway: bool = True
    ) -> t.Any:
        cluster = {"version": version, **({"gateway": GATEWAY} if gateway else {})}
        asked = folder / "asked.json"
        asked.write_text(json.dumps({"deploy_kubernetes": cluster, "services": services}))
        program = pathlib.Path(sys.executable).parent / "ansible-playbook"
        command = [str(program), "render.yml", "-i", "inventories/prod", "-e", f"@{asked}"]
        return subprocess.run(
            [*command, "-e", f"render_dir={directory}", *more],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return render


@pytest.fixture(scope="module")
def directory(run: Run, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A version that has 10 % of the traffic beside the one before."""
    made = tmp_path_factory.mktemp("rendered") / "manifests"
    green = ["version=v1.1.0", "slot=green"]
    for asked in (["version=v1.0.0"], [*green, "share=0"], [*green, "share=10"]):
        done = run(made, *(word for one in asked for word in ("-e", one)))
        assert done.returncode == 0, done.stdout
    return made


@pytest.fixture(scope="module")
def kubectl() -> str:
    program = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if not program:
        pytest.fail("there is no kubectl: run these tests with ./scripts/test")
    return program


def built(kubectl: str, directory: pathlib.Path) -> list[dict[str, t.Any]]:
    done = subprocess.run(
        [kubectl, "kustomize", str(directory)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_kustomize_builds_it(kubectl: str, directory: pathlib.Path) -> None:
    made = built(kubectl, directory)
    assert {one["kind"] for one in made} == KINDS
    named = [(one["kind"], one["metadata"]["name"]) for one in made]
    assert len(named) == len(set(named))
    assert {one["metadata"]["namespace"] for one in made} == {"tagadodo"}
    images = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in made
        if one["kind"] == "Deployment" and "backend" in one["metadata"]["name"]
    }
    assert images == {"docker.io/tagadodo/backend:v1.0.0", "docker.io/tagadodo/backend:v1.1.0"}


def test_kubectl_takes_it(kubectl: str, directory: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Its own look at them, before they would be sent; nothing is."""
    with api_of_names() as (url, asked):
        for source in (["-k", str(directory)], ["-f", str(directory / "backend/migrations.yaml")]):
            done = subprocess.run(
                [
                    kubectl,
                    f"--server={url}",
                    "apply",
                    "--dry-run=client",
                    "--validate=false",
                    *source,
                ],
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            )
            assert done.returncode == 0, done.stderr
            told = done.stdout.splitlines()
            assert all(line.endswith(" created (dry run)") for line in told), told
            assert len(told) == (1 if source[0] == "-f" else len(built(kubectl, directory)))
        assert asked == []


@pytest.mark.parametrize("gateway", [True, False], ids=["gateway", "no gateway"])
@pytest.mark.parametrize("version", ["1.29", "newest"])
def test_every_file_is_valid(run: Run, tmp_path: pathlib.Path, version: str, gateway: bool) -> None:
    known = (
        kubernetes_validate.latest_version().rpartition(".")[0] if version == "newest" else version
    )
    done = run(tmp_path / "m", "-e", "version=v1.0.0", version=known, gateway=gateway)
    assert done.returncode == 0, done.stdout
    seen = set()
    for path in (tmp_path / "m").glob("*/*.yaml"):
        for manifest in yaml.safe_load_all(path.read_text()):
            seen.add(manifest["kind"])
            if manifest["kind"] not in ("Kustomization", "HTTPRoute"):
                kubernetes_validate.validate(manifest, known, strict=True)
    expected = {*KINDS, "Job", "Kustomization"}
    assert seen == (expected if gateway else expected - {"HTTPRoute"})


def test_a_check_tells_the_truth(run: Run, tmp_path: pathlib.Path) -> None:
    made = tmp_path / "manifests"
    check = run(made, "-e", "version=v1.0.0", "--check", "--diff")
    assert not made.exists()
    written = run(made, "-e", "version=v1.0.0", "--diff")
    told = [done.stdout.partition("TASK [Write the manifests]")[2] for done in (check, written)]
    assert told[0] == told[1]
    assert "+++ after: " in told[0]
    again = run(made, "-e", "version=v1.0.0", "--diff")
    assert "changed=0" in again.stdout
    assert "@@" not in again.stdout


def test_no_secret_is_read(run: Run, directory: pathlib.Path) -> None:
    """The vault of inventories/prod is not there: reading one value would fail."""
    assert not (ROOT / "inventories/prod/group_vars/all/vault.yml").exists()
    told = (directory / "README.md").read_text()
    assert "- `MONGO_URI`" in told
    assert "tagadodo-backend-secrets" in told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            ("version=1.0.0",),
            "services.backend.version: 1.0.0 may not be released here; deploy_versions takes release",
        ),
        (
            ("version=v1.0.0", "share=20"),
            "share: 80 % would be left to green of backend, which is not rendered",
        ),
        (("version=v1.0.0", "slto=green"), "slto: not known; did you mean slot?"),
        (
            ("version=v1.0.0", "service=api"),
            "service: api is not described; known services: backend, frontend",
        ),
    ],
)
def test_a_mistake_is_told_and_nothing_written(
    run: Run, tmp_path: pathlib.Path, asked: tuple[str, ...], told: str
) -> None:
    done = run(tmp_path / "m", *(word for one in asked for word in ("-e", one)))
    assert done.returncode != 0
    assert told in done.stdout
    assert not (tmp_path / "m").exists()


def test_routes_are_what_gateway_api_takes(
    kubectl: str, directory: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Types and values, by the validators that are made from its sources; they do not look for fields there are none of."""
    routes = [one for one in built(kubectl, directory) if one["kind"] == "HTTPRoute"]
    assert len(routes) == 2
    wrong = json.loads(json.dumps(routes[0]))
    wrong["spec"]["rules"][0]["backendRefs"][0]["weight"] = -1
    asked = [*routes, wrong]
    assert problems_of(asked, tmp_path) == [
        "",
        "",
        "data/spec/rules/0/backendRefs/0/weight must be >= 0",
    ]


def problems_of(routes: list[dict[str, t.Any]], folder: pathlib.Path) -> list[str]:
    if not REGISTRY:
        pytest.fail("REGISTRY is not set: run these tests with ./scripts/test")
    for path in VALIDATOR.glob("*.*"):
        shutil.copy(path, folder)
    authority = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    trusted = ["--volume", f"{authority}:/ca.pem:ro", "--env", "NODE_EXTRA_CA_CERTS=/ca.pem"]
    proxies = [
        name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    ]
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--interactive", "--network", "host"),
            *(trusted if authority else []),
            *(word for name in proxies for word in ("--env", name)),
            *("--volume", f"{folder}:/validator", "--workdir", "/validator"),
            f"{REGISTRY}/node:24",
            *("sh", "-c", "npm ci --silent --no-audit --no-fund >&2 && node validate.mjs"),
        ],
        input=json.dumps(routes),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return t.cast("list[str]", json.loads(done.stdout))
