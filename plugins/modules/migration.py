#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration
version_added: 0.1.0
short_description: Apply the pending migrations of a service, from its new image
description:
  - Runs the migration commands of a service in one-off containers of O(image), before traffic
    moves to that image.
  - What was applied is never taken from an exit code. The module asks for the status, applies what
    is pending if anything is, asks again, and fails unless everything that was pending is applied
    now.
  - A container of a migration gets the environment, user and limits of the service, but no
    capabilities, no way to new privileges and no restart. It is removed whatever happens. What a
    killed run left is removed by the next one, which first waits for a migration that is still at
    work.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.ENGINE
attributes:
  check_mode:
    support: partial
    description: >-
      Can run in C(check_mode) and return changed status prediction without modifying target.
    details:
      - The status command runs in check mode too, in a container that is removed. While the image
        is not on the host nobody can know what is pending; then C(changed) is V(true),
        RV(msg) says why, and nothing else is returned.
  diff_mode:
    support: full
    description: >-
      Will return details on what has changed (or possibly needs changing in C(check_mode)), when in
      diff mode.
options:
  name:
    description: Name of the service.
    type: str
    required: true
  image:
    description: Image that holds the migrations, by digest or id. It must be on the host already.
    type: str
    required: true
  state:
    description:
      - V(present) applies what is pending.
      - V(status) only tells what is applied and what is pending.
    type: str
    choices: [present, status]
    default: present
  commands:
    description:
      - What to run in a container of the image. The commands replace the image's entry point.
    type: dict
    required: true
    suboptions:
      status:
        description:
          - Prints the migrations, oldest first, and nothing else on standard output, as one JSON
            object C({"migrations":[{"name":"001-users","applied":true}]}). For C(applied) it may
            also give the time, or null.
        type: list
        elements: str
        required: true
      up:
        description: Applies everything that is pending, in order.
        type: list
        elements: str
        required: true
      down:
        description: Reverts one migration. Accepted so that a service can be given whole, not run.
        type: list
        elements: str
      timeout:
        description: Seconds a command may take. After that it is told to stop, then killed.
        type: int
        default: 600
  runtime:
    description:
      - Settings of the service that shape its containers, as M(tagadodo.deploy.instances) takes
        them. C(env), C(resources) with C(memory), C(cpus), C(pids), C(security) with C(user),
        C(read_only), C(tmpfs), and C(stop_timeout) are used.
    type: dict
    default: {}
  secrets:
    description: Secret environment of the container.
    type: dict
    default: {}
  network:
    description: Network in which the database is reached.
    type: str
    default: tagadodo
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Apply pending migrations from the new image
  tagadodo.deploy.migration:
    name: backend
    image: tagadodo/backend@sha256:6ca2c8ab2ba6e6a4a5a9c9d6e0f3e5a0f1f7f8f6c8f1a8d0a9f3e0b7c6d5e4f3
    commands:
      status: [node, dist/migrations/cli.js, status]
      up: [node, dist/migrations/cli.js, run]
    runtime:
      env: {MONGO_URI: "mongodb://mongodb:27017/tagadodo"}
      resources: {memory: 512m}
      security: {user: "1001:1001"}
    secrets:
      MONGO_PASSWORD: "{{ vault_mongo_password }}"

- name: See which migrations the database has
  tagadodo.deploy.migration:
    state: status
    name: backend
    image: tagadodo/backend:1.1.0
    commands:
      status: [node, dist/migrations/cli.js, status]
      up: [node, dist/migrations/cli.js, run]
"""

RETURN = r"""
msg:
  description: What was done in one line, or what went wrong.
  returned: always
  type: str
  sample: "backend: applied 002-add-user-status"
migrations:
  description: All migrations as they are now (in check mode too), oldest first.
  returned: success, and failure if the status is known
  type: list
  elements: dict
  sample: [{name: 001-users, applied: true}, {name: 002-add-user-status, applied: true}]
pending_before:
  description: What was pending, oldest first.
  returned: success, and failure if the status is known
  type: list
  elements: str
  sample: [002-add-user-status]
applied:
  description: What this call applied, or would apply in check mode. The release's own migrations.
  returned: success, and failure if the status is known
  type: list
  elements: str
  sample: [002-add-user-status]
pending_after:
  description: What is still pending. Empty after O(state=present), except in check mode.
  returned: success, and failure if the status is known
  type: list
  elements: str
  sample: []
seconds:
  description: How long the up command took. 0 if nothing was pending.
  returned: success, and failure if it ran
  type: float
  sample: 1.243
output:
  description: What the up command wrote, standard output first.
  returned: success, and failure if it ran
  type: list
  elements: str
  sample: ['{"applied":["002-add-user-status"]}']
"""

import signal
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    connect,
    has_image,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import (
    MigrationError,
    Migrator,
    planned,
    report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_runs import MigrationRuns

COMMANDS = {
    "status": {"type": "list", "elements": "str", "required": True},
    "up": {"type": "list", "elements": "str", "required": True},
    "down": {"type": "list", "elements": "str"},
    "timeout": {"type": "int", "default": 600},
}


def migrate(params: t.Mapping[str, t.Any], dry: bool) -> dict[str, t.Any]:
    """Bring the migrations to the state asked for, or tell what that would do."""
    client = connect()
    name, image = params["name"], params["image"]
    if not has_image(client, image):
        problem = f"{name}: image {image} is not on this host"
        if not dry:
            raise MigrationError(f"{problem}; pull it before its migrations run")
        return {"changed": True, "msg": f"{problem} yet, so what is pending cannot be known"}
    runs = MigrationRuns(
        client=client,
        project=params["project"],
        service=name,
        image=image,
        network=params["network"],
        runtime=params["runtime"],
        timeout=params["commands"]["timeout"],
        secrets=params["secrets"],
    )
    migrator = Migrator(name, params["commands"], runs.run)
    if params["state"] == "status" or dry:
        return planned(name, migrator.status(), apply=params["state"] == "present")
    runs.clear()
    return report(name, migrator.up())


def _end(number: int, frame: object) -> t.NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "image": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "status"], "default": "present"},
            "commands": {"type": "dict", "required": True, "options": COMMANDS},
            "runtime": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "project": {"type": "str", "default": "tagadodo"},
            "network": {"type": "str", "default": "tagadodo"},
        },
        supports_check_mode=True,
    )
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that the container is removed then too
        signal.signal(ending, _end)
    try:
        result = migrate(module.params, module.check_mode)
    # An exception object would be returned as it is, with secrets a command may have printed.
    except MigrationError as error:
        module.fail_json(msg=str(error), exception=None, **error.result)
    except EngineError as error:
        module.fail_json(msg=f"{module.params['name']}: {error}", exception=None)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
