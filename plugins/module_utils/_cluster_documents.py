# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Documents in a cluster: a ConfigMap for each, in the namespace of the installation.

A ConfigMap is replaced whole, as a file is. It holds a mebibyte at most: a hundred times what a release leaves.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
    Manifest,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import DOMAIN, MANAGER

TEXT = "document"  # key of the text
LABELS = {"app.kubernetes.io/managed-by": MANAGER, f"{DOMAIN}kind": "document"}
PATH = f"{DOMAIN}path"
LONGEST = 253


class ClusterDocuments:
    """Texts in ConfigMaps; the first question reads all of them in one call.

    Args:
        project: of the installation; two may share a namespace.
    """

    def __init__(self, api: Api, project: str) -> None:
        self._api = api
        self._labels = {**LABELS, f"{DOMAIN}project": project}
        self._project = project
        self._known: t.Optional[t.Dict[str, str]] = None

    def where(self, path: str) -> str:
        return f"ConfigMap {self._api.namespace}/{self._name(path)}"

    def read(self, path: str) -> str:
        known = self._all()
        if path not in known:
            raise FileNotFoundError(f"{self.where(path)} is not there")
        return known[path]

    def write(self, path: str, text: str) -> None:
        known = self._all()
        wanted = self._manifest(path, text)
        try:
            (self._api.replace if path in known else self._api.create)(wanted)
        except KubeError as error:
            # Somebody has removed it, or made it, since all were read.
            if error.status not in (404, 409):
                raise
            (self._api.create if error.status == 404 else self._api.replace)(wanted)
        known[path] = text

    def move(self, path: str, to: str) -> None:
        self.write(to, self.read(path))
        self.remove(path)

    def remove(self, path: str) -> None:
        known = self._all()
        if not self._api.delete("v1", "ConfigMap", self._name(path)):
            raise FileNotFoundError(f"{self.where(path)} is not there")
        known.pop(path, None)

    def names(self, folder: str) -> t.List[str]:
        inside = folder.rstrip("/") + "/"
        below = (path[len(inside) :] for path in self._all() if path.startswith(inside))
        return sorted({rest.partition("/")[0] for rest in below})

    def _all(self) -> t.Dict[str, str]:
        if self._known is None:
            found = self._api.list("v1", "ConfigMap", self._labels)
            self._known = {
                one["metadata"]["annotations"][PATH]: (one.get("data") or {}).get(TEXT, "")
                for one in found
                if PATH in (one["metadata"].get("annotations") or {})
            }
        return self._known

    def _manifest(self, path: str, text: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self._name(path),
                "namespace": self._api.namespace,
                "labels": self._labels,
                "annotations": {PATH: path},
            },
            "data": {TEXT: text},
        }

    def _name(self, path: str) -> str:
        """For people to find, and another one for any other path: not every path is a name."""
        told = hashlib.sha256(path.encode()).hexdigest()[:8]
        plain = re.sub(r"[^a-z0-9-]+", ".", path.lower()).strip(".-")
        return f"{self._project}.{plain}"[: LONGEST - 9].rstrip(".-") + f"-{told}"
