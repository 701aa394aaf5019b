# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An execution environment: an image with Ansible and nothing of this project, of what is installed here."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import tempfile
import typing as t

import ansible
import docker
from stand_ins import run

# Python 3.13: what every Ansible that is pinned runs on. It has ssh.
BASE = "tagadodo/testhost:debian13"
PACKAGES = ("ansible", "jinja2", "markupsafe", "packaging", "resolvelib", "yaml")
PROGRAM = "#!/usr/bin/python3\nfrom ansible.cli.playbook import main\n\nmain()\n"
DOCKERFILE = f"""FROM {BASE}
COPY packages /opt/ansible
COPY ansible-playbook /usr/local/bin/ansible-playbook
ENV PYTHONPATH=/opt/ansible LANG=C.UTF-8
"""


@contextlib.contextmanager
def execution_environment(image: str) -> t.Iterator[str]:
    """Build and push it under that name."""
    installed = pathlib.Path(ansible.__file__).parents[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        # Ansible asks which version of a package is installed.
        metadata = [path.name for path in installed.glob("*.dist-info")]
        for package in (*PACKAGES, *metadata):
            shutil.copytree(installed / package, folder / "packages" / package)
        (folder / "ansible-playbook").write_text(PROGRAM)
        (folder / "ansible-playbook").chmod(0o755)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        run("docker", "build", "--quiet", f"--tag={image}", folder)
    try:
        run("docker", "push", "--quiet", image)
        yield image
    finally:
        docker.from_env().images.remove(image, force=True)
