#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: manifests
version_added: 0.2.0
short_description: Render services as manifests for Kubernetes
description:
  - Writes for each service a directory of manifests that kustomize builds, and a C(kustomization.yaml) above them. No cluster is
    asked, and no file holds the value of a secret. A C(README.md) says which keys of which Secrets have to be there.
  - Each slot has a file of its own. A version that is rendered to one leaves the other as it is.
  - Replaces and removes only files that it has written. One of others that stands in the way is an error.
  - Runs on the controller.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  services:
    description: The services as the inventory describes them, without the values of secrets.
    type: dict
    required: true
  only:
    description: Names of services that are rendered, as list or text with commas. All when empty.
    type: raw
  version:
    description: Version that is asked for instead of the described ones, as text.
    type: raw
  project:
    description: What all names begin with (C(deploy_project)).
    type: str
    required: true
  registry:
    description: Registry of images that name none (C(deploy_registry)).
    type: str
    default: ""
  cluster:
    description: The cluster that they are for (C(deploy_kubernetes)).
    type: dict
    default: {}
  directory:
    description: Directory to write to, relative to the one that the playbook was started in.
    type: str
    required: true
  slot:
    description: Slot that the version goes to.
    type: str
    choices: [blue, green]
    default: blue
  share:
    description: Percent of requests that the slot gets. The other one, which has to be rendered already, gets the rest.
    type: int
    default: 100
  digest:
    description: Digest of the image, where one service is rendered. Its tag is the version where it is empty.
    type: str
    default: ""
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Render all services
  tagadodo.deploy.manifests:
    services: "{{ services | tagadodo.deploy.public_services }}"
    project: tagadodo
    version: 1.2.0
    directory: manifests
  run_once: true
"""

RETURN = r"""
directory:
  description: What C(kubectl apply -k) is given.
  returned: success
  type: str
  sample: /home/ada/manifests
written:
  description: Files below it that have changed.
  returned: success
  type: list
  elements: str
  sample: [README.md, backend/blue.yaml, backend/kustomization.yaml]
removed:
  description: Files that an earlier run has written and that are gone.
  returned: success
  type: list
  elements: str
  sample: [backend/env-0123456789abcdef.yaml]
"""
