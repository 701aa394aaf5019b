# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An execution environment as ``execution-environment.yml`` describes it, of what is installed here: Ansible, ansible-runner,
the collections that ours depends on, and nothing of this project."""

from __future__ import annotations

import contextlib
import importlib.util
import pathlib
import shutil
import tempfile
import typing as t

import docker
import yaml
from stack import ROOT
from stand_ins import run

# Python 3.13: what every Ansible that is pinned runs on. It has ssh.
BASE = "tagadodo/testhost:debian13"
PACKAGES = (
    *("ansible", "jinja2", "markupsafe", "packaging", "resolvelib", "yaml"),
    *("ansible_runner", "daemon", "lockfile", "pexpect", "ptyprocess"),
)
PROGRAMS = {"ansible-playbook": "ansible.cli.playbook", "ansible-runner": "ansible_runner.__main__"}
PROGRAM = "#!/usr/bin/python3\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n"
DOCKERFILE = f"""FROM {BASE}
COPY packages /opt/ansible
COPY collections /usr/share/ansible/collections
COPY programs /usr/local/bin
ENV PYTHONPATH=/opt/ansible LANG=C.UTF-8
"""

NOT_NEEDED = shutil.ignore_patterns("tests", "docs", "changelogs", "__pycache__")


def place_of(package: str) -> pathlib.Path:
    """Where it is installed here."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, package
    return pathlib.Path(str(spec.origin)).parent


@contextlib.contextmanager
def execution_environment(image: str) -> t.Iterator[str]:
    """Build and push it under that name."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for package in PACKAGES:
            shutil.copytree(place_of(package), folder / "packages" / package)
        # Ansible asks which version of a package is installed.
        for found in {place_of(package).parent for package in PACKAGES}:
            for metadata in found.glob("*.dist-info"):
                shutil.copytree(metadata, folder / "packages" / metadata.name, dirs_exist_ok=True)
        for collection in yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]:
            path = f"ansible_collections/{collection.replace('.', '/')}"
            place = place_of("ansible").parent / path
            shutil.copytree(place, folder / "collections" / path, ignore=NOT_NEEDED)
        (folder / "programs").mkdir()
        for program, module in PROGRAMS.items():
            (folder / "programs" / program).write_text(PROGRAM.format(module=module))
            (folder / "programs" / program).chmod(0o755)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        run("docker", "build", "--quiet", f"--tag={image}", folder)
    try:
        run("docker", "push", "--quiet", image)
        yield image
    finally:
        docker.from_env().images.remove(image, force=True)
