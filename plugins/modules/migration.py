#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: migration
version_added: 0.1.0
short_description: Apply the pending migrations of a service, or revert those of a release
description:
  - Runs the migration commands of a service in one-off containers of O(image), before traffic
    moves to that image.
  - What was applied is never taken from an exit code. The module asks for the status, applies what
    is pending if anything is, asks again, and fails unless everything that was pending is applied
    now.
  - With O(commands.lease) all of that happens under a lease in the service's database, so that no
    two hosts or controllers apply migrations at once. A process of the image holds it, and the
    commands run beside that process in its container, so that they end when the lease is lost. When
    the module is killed, a command that runs goes on under the lease to its end, and the lease is
    given back some seconds later.
  - With O(state_dir) and O(release) the ledger says what is being done before it is done, so that
    a run that was killed in between can be gone on with, or reverted.
  - A container of a migration gets the environment, user and limits of the service, but no
    capabilities, no way to new privileges and no restart. It is removed whatever happens. What a
    killed run left is removed by the next one, which first waits for a migration that is still at
    work.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.LOCK
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
      - V(status) only tells what is applied and what is pending. It needs no lease.
      - V(reverted) reverts O(names), newest first and one at a time, checks each step by the status,
        and stops at the first surprise. Nothing is touched where O(image) lacks one of them, where
        something else was applied since, or where one is labelled irreversible and there is no
        O(reason). What is not applied any more is left out, so that it can be run again.
    type: str
    choices: [present, status, reverted]
    default: present
  names:
    description: The migrations to revert, oldest first; all that the release applied.
    type: list
    elements: str
    default: []
  before:
    description: What was applied before the release. Required with O(state=reverted).
    type: list
    elements: str
  reason:
    description:
      - Why something is done that would be refused for its label (contract or irreversible). It is
        recorded.
    type: str
    default: ""
  old_version_runs:
    description:
      - Whether users are served by an older version while migrations are applied. Pending migrations
        that are labelled contract are refused then, unless there is a O(reason).
    type: bool
    default: false
  wait:
    description: Seconds to wait for a lease that somebody alive holds.
    type: int
    default: 60
  by:
    description: Who asks, for whoever meets the lease. By default the user that runs the module.
    type: str
    default: ""
  state_dir:
    description: Where this installation keeps its state on the host. Required with O(release).
    type: path
  release:
    description:
      - Name of the release to which the migrations belong, whose record in the ledger gets
        C(migrations) (C(image), C(state), C(before), C(applied), C(reverted), C(reason)). C(applied)
        adds up over all attempts of a release, and C(before) is what was applied before its first.
      - C(state) is C(running), then C(applied), C(partial) or C(unknown); or C(reverting), then
        C(reverted) or C(revert_failed).
    type: str
  commands:
    description:
      - The C(migrations) of the service. What to run in a container of the image; the commands
        replace the image's entry point.
    type: dict
    required: true
    suboptions:
      status:
        description:
          - Prints the migrations, oldest first, and nothing else on standard output, as one JSON
            object C({"migrations":[{"name":"001-users","applied":true}]}). For C(applied) it may
            also give the time, or null.
          - A migration may also have C("missing":true) (it is applied, but the image has no file for
            it), C("kind":"contract") or C("expand"), and C("reversible":false).
        type: list
        elements: str
        required: true
      up:
        description: Applies everything that is pending, in order.
        type: list
        elements: str
        required: true
      down:
        description:
          - Reverts one migration. C({name}) in an argument is replaced by its name. Without that it
            has to be the last one applied, as the order of the status has it.
        type: list
        elements: str
      timeout:
        description: Seconds a command may take. After that it is told to stop, then killed.
        type: int
        default: 600
      parse:
        description:
          - How to read a status that is no JSON. Colours are taken out, and lines that are not found
            are left out.
        type: dict
        suboptions:
          line:
            description:
              - Regular expression that finds one migration in a line, with the groups C(name) and
                C(applied).
            type: str
            required: true
          pending:
            description: What C(applied) is where a migration is pending; text or regular expression.
            type: str
            required: true
          empty:
            description:
              - Regular expression that finds what is printed where there are no migrations at all.
                Without it a status in which no line is found is an error.
            type: str
            default: ""
      labels:
        description: Labels for migrations whose tool cannot report them, by their names.
        type: dict
        suboptions:
          contract:
            description: Regular expressions for migrations that older versions may not work with.
            type: list
            elements: str
            default: []
          irreversible:
            description: Regular expressions for migrations that cannot be reverted.
            type: list
            elements: str
            default: []
      lease:
        description:
          - The lease in the service's database, a document of the collection C(deploy_lease). The
            image needs Node.js and the package C(mongodb) or C(mongoose). Without this setting
            nothing but the lock of the deploy keeps two runs apart.
        type: dict
        suboptions:
          uri:
            description: Name of the environment variable that holds the URI of the database.
            type: str
            required: true
          seconds:
            description:
              - How long the lease of a holder lasts that is no more, 3 to 600. One that cannot renew it for two
                thirds of that ends, and the command with it.
            type: int
            default: 30
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

- name: Apply them with an account in the ledger, and nobody else at it
  tagadodo.deploy.migration:
    name: backend
    image: tagadodo/backend:1.1.0
    release: 20261122-231530-1.1.0
    state_dir: /var/lib/tagadodo
    old_version_runs: true
    commands:
      status: [node, dist/migrations/cli.js, status]
      up: [node, dist/migrations/cli.js, run]
      lease: {uri: MONGO_URI}

- name: Revert what that release applied, from the image that holds it
  tagadodo.deploy.migration:
    state: reverted
    name: backend
    image: tagadodo/backend:1.1.0
    names: [002-add-user-status]
    before: [001-users]
    release: 20261122-231530-1.1.0
    state_dir: /var/lib/tagadodo
    commands:
      status: [node, dist/migrations/cli.js, status]
      up: [node, dist/migrations/cli.js, run]
      down: [node, dist/migrations/cli.js, revert, "{name}"]
      lease: {uri: MONGO_URI}

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
  description:
    - All migrations as they are now (in check mode too), oldest first. C(missing), C(kind) and
      C(reversible) are left out where they are V(false), V(expand) and V(true).
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
  description: What this call applied, or would apply in check mode.
  returned: success, and failure if the status is known
  type: list
  elements: str
  sample: [002-add-user-status]
own:
  description: What the release applied in all its attempts, oldest first.
  returned: O(state=present) with O(release), if the status is known
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
reverted:
  description: What this call reverted, or would revert in check mode, newest first.
  returned: O(state=reverted), if the status is known
  type: list
  elements: str
  sample: [002-add-user-status]
not_reverted:
  description: What of O(names) is still applied, oldest first.
  returned: O(state=reverted), if the status is known
  type: list
  elements: str
  sample: []
lease:
  description: The lease under which it was done.
  returned: with O(commands.lease), once the lease is held
  type: dict
  contains:
    taken_over_from:
      description:
        - C(owner) and C(since) of a holder that was no more and had not given it back; null where
          nobody held it.
      type: dict
  sample: {taken_over_from: null}
"""

import contextlib
import getpass
import signal
import socket
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import Lease
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import LedgerError
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import (
    Migrator,
    planned,
    report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
    Reader,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_record import (
    MigrationRecord,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_revert import Reverter
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_settings import (
    migration_problems,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import (
    MigrationRunner,
    Platform,
    at_work,
    ledger_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of

Data = t.Dict[str, t.Any]

PATTERNS = {"type": "list", "elements": "str", "default": []}
COMMANDS = {
    "status": {"type": "list", "elements": "str", "required": True},
    "up": {"type": "list", "elements": "str", "required": True},
    "down": {"type": "list", "elements": "str"},
    "timeout": {"type": "int", "default": 600},
    "parse": {
        "type": "dict",
        "options": {
            "line": {"type": "str", "required": True},
            "pending": {"type": "str", "required": True},
            "empty": {"type": "str", "default": ""},
        },
    },
    "labels": {"type": "dict", "options": {"contract": PATTERNS, "irreversible": PATTERNS}},
    "lease": {
        "type": "dict",
        "options": {
            "uri": {"type": "str", "required": True},
            "seconds": {"type": "int", "default": 30},
        },
    },
}


def migrate(platform: Platform, params: t.Mapping[str, t.Any], dry: bool) -> Data:
    """Bring the migrations to the state asked for, or tell what that would do."""
    for problem in migration_problems(params["commands"]):
        raise MigrationError(f"{params['name']}: migrations.{problem}")
    runs = platform.migration_runs(params, dry)
    name, image = params["name"], params["image"]
    if not runs.has_image():
        problem = f"{name}: image {image} is not on this host"
        if not dry:
            raise MigrationError(f"{problem}; pull it before its migrations run")
        return {"changed": True, "msg": f"{problem} yet, so what is pending cannot be known"}
    if params["state"] == "status" or dry:
        return _look(params, _migrator(platform, params, runs.run))
    runs.clear()
    with _leased(params, runs) as (run, lease):
        return {**_change(params, _migrator(platform, params, run)), **lease}


def _migrator(platform: Platform, params: t.Mapping[str, t.Any], run: t.Any) -> Migrator:
    ledger = ledger_of(platform) if params["state_dir"] else None
    record = MigrationRecord(ledger, params["name"], params["release"] or "", params["image"])
    commands = params["commands"]
    return Migrator(params["name"], commands, run, Reader.of(commands), record)


def _reverter(params: t.Mapping[str, t.Any], migrator: Migrator) -> Reverter:
    names, before = tuple(params["names"]), tuple(params["before"])
    return Reverter(migrator, names, before, params["reason"])


def _look(params: t.Mapping[str, t.Any], migrator: Migrator) -> Data:
    history = migrator.status()
    if params["state"] == "reverted":
        return _reverter(params, migrator).planned(history)
    if params["state"] == "present":
        migrator.refuse_contracts(history, params["old_version_runs"], params["reason"])
    return planned(params["name"], history, apply=params["state"] == "present")


def _change(params: t.Mapping[str, t.Any], migrator: Migrator) -> Data:
    if params["state"] == "reverted":
        return _reverter(params, migrator).revert()
    return report(params["name"], migrator.up(params["old_version_runs"], params["reason"]))


@contextlib.contextmanager
def _leased(
    params: t.Mapping[str, t.Any], runs: MigrationRunner
) -> t.Iterator[t.Tuple[t.Any, Data]]:
    """What runs commands, and what is to be told of the lease they run under; without one nothing."""
    described = params["commands"]["lease"]
    if not described:
        yield runs.run, {}
        return
    who = params["by"] or getpass.getuser()
    owner = f"release {params['release'] or 'without a name'} on {socket.gethostname()} by {who}"
    with runs.under(Lease(described["uri"], described["seconds"], params["wait"], owner)) as held:
        told: Data = {"lease": {"taken_over_from": held.taken_over_from}}
        try:
            yield held.run, told
        except MigrationError as error:
            error.result.update(told)
            raise


def _report_revert(module: AnsibleModule, platform: Platform) -> None:
    """The release that is taken back has ended before; what its report says of its migrations is old by now."""
    params = module.params
    if params["state"] == "reverted" and params["state_dir"] and not module.check_mode:
        problem = platform.report_changed([f"{params['name']}/{params['release']}"])
        if problem:
            module.warn(problem)


def _end(number: int, frame: object) -> t.NoReturn:
    raise SystemExit(128 + number)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "image": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "status", "reverted"],
                "default": "present",
            },
            "names": {"type": "list", "elements": "str", "default": []},
            "before": {"type": "list", "elements": "str"},
            "reason": {"type": "str", "default": ""},
            "old_version_runs": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 60},
            "by": {"type": "str", "default": ""},
            "commands": {"type": "dict", "required": True, "options": COMMANDS},
            "runtime": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "project": {"type": "str", "default": "tagadodo"},
            "network": {"type": "str", "default": "tagadodo"},
            "state_dir": {"type": "path"},
            "release": {"type": "str"},
            "lock": {"type": "str", "default": "", "no_log": False},
            **CLUSTER,
        },
        required_together=[("state_dir", "release")],
        required_if=[("state", "reverted", ("before",))],
        supports_check_mode=True,
    )
    for ending in (signal.SIGTERM, signal.SIGHUP):  # so that the container is removed then too
        signal.signal(ending, _end)
    name, state_dir = module.params["name"], module.params["state_dir"]
    try:
        # What has no record of it, as a look does, is work that no lock is for.
        platform = platform_of(module.params)
        token = module.params["lock"] if state_dir else ""
        with at_work(platform, token):
            try:
                result = migrate(platform, module.params, module.check_mode)
            finally:
                _report_revert(module, platform)
    # An exception object would be returned as it is, with secrets a command may have printed.
    except MigrationError as error:
        module.fail_json(msg=str(error), exception=None, **error.result)
    except (ClusterError, EngineError, LedgerError, LockError, OSError) as error:
        module.fail_json(msg=f"{name}: {error}", exception=None)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
