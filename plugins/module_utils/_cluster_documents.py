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
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    Manifest,
    label_value,
    owned_labels,
)

TEXT = "document"  # key of the text
PATH = f"{DOMAIN}path"
# By which those of a folder are listed: the first part of their path, and all but the last.
ROOT, FOLDER = f"{DOMAIN}root", f"{DOMAIN}folder"
LONGEST = 253


class ClusterDocuments:
    """Texts in ConfigMaps. One that is asked for by its path is read alone, and those of a folder in one call.

    Args:
        project: of the installation; two may share a namespace.
    """

    def __init__(self, api: Api, project: str) -> None:
        self._api = api
        self._labels = {**owned_labels(project), f"{DOMAIN}kind": "document"}
        self._project = project
        self._known: t.Dict[str, str] = {}
        self._listed: t.Set[str] = set()

    def where(self, path: str) -> str:
        return f"ConfigMap {self._api.namespace}/{self._name(path)}"

    def read(self, path: str) -> str:
        if path not in self._known:
            listed = {root_of(path), folder_of(path)} & self._listed
            found = None if listed else self._api.find("v1", "ConfigMap", self._name(path))
            if found is None:
                raise FileNotFoundError(f"{self.where(path)} is not there")
            self._known[path] = _text(found)
        return self._known[path]

    def write(self, path: str, text: str) -> None:
        wanted = self._manifest(path, text)
        try:
            (self._api.replace if path in self._known else self._api.create)(wanted)
        except KubeError as error:
            # It was not read before; or somebody has removed it, or made it, since it was.
            if error.status not in (404, 409):
                raise
            (self._api.create if error.status == 404 else self._api.replace)(wanted)
        self._known[path] = text

    def move(self, path: str, to: str) -> None:
        self.write(to, self.read(path))
        self.remove(path)

    def remove(self, path: str) -> None:
        self._known.pop(path, None)
        if not self._api.delete("v1", "ConfigMap", self._name(path)):
            raise FileNotFoundError(f"{self.where(path)} is not there")

    def names(self, folder: str) -> t.List[str]:
        self._list(folder)
        inside = folder.rstrip("/") + "/"
        below = (path[len(inside) :] for path in self._known if path.startswith(inside))
        return sorted({rest.partition("/")[0] for rest in below})

    def _list(self, folder: str) -> None:
        """Read what is in a folder, unless that was done."""
        if {root_of(folder + "/"), folder} & self._listed:
            return
        label = ROOT if "/" not in folder else FOLDER
        chosen = {**self._labels, label: label_value(folder.replace("/", "."))}
        for one in self._api.list("v1", "ConfigMap", chosen):
            path = (one["metadata"].get("annotations") or {}).get(PATH)
            if path:
                self._known[path] = _text(one)
        self._listed.add(folder)

    def _manifest(self, path: str, text: str) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self._name(path),
                "namespace": self._api.namespace,
                "labels": {
                    **self._labels,
                    ROOT: label_value(root_of(path)),
                    FOLDER: label_value(folder_of(path).replace("/", ".")),
                },
                "annotations": {PATH: path},
            },
            "data": {TEXT: text},
        }

    def _name(self, path: str) -> str:
        """For people to find, and another one for any other path: not every path is a name."""
        told = hashlib.sha256(path.encode()).hexdigest()[:8]
        plain = re.sub(r"[^a-z0-9-]+", ".", path.lower()).strip(".-")
        return f"{self._project}.{plain}"[: LONGEST - 9].rstrip(".-") + f"-{told}"


def root_of(path: str) -> str:
    return path.partition("/")[0]


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _text(document: Manifest) -> str:
    return str((document.get("data") or {}).get(TEXT, ""))
