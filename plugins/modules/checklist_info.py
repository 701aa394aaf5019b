#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checklist_info
version_added: 0.2.0
short_description: Look at what the checklist of a release asks of a host
description:
  - Looks at disks, clock, certificates, backups and monitoring, each where its option is given, and never fails for what it finds.
  - What becomes of it is decided by M(tagadodo.deploy.release_checklist).
extends_documentation_fragment:
  - tagadodo.deploy._deploy.INFO
options:
  disk:
    description: Whether the file systems that a release writes to have room.
    type: dict
    suboptions:
      paths:
        description: Paths on them.
        type: list
        elements: path
        default: []
      engine:
        description: Whether that of the engine's images counts too.
        type: bool
        default: true
      minimum_percent:
        description: How much of each is to be free, bytes and inodes.
        type: float
        default: 10
  clock:
    description: >-
      Whether the clock agrees with a time server, or with that of the controller where none is named, by as much as the
      way there and back allows to say.
    type: dict
    suboptions:
      server:
        description: A server that speaks NTP, C(host) or C(host:port).
        type: str
        default: ""
      maximum_seconds:
        description: How far they may be apart.
        type: float
        default: 2
  certificates:
    description: Whether the certificates that nginx shows are good for long enough.
    type: dict
    suboptions:
      names:
        description: Host names to ask for.
        type: list
        elements: str
        required: true
      address:
        description: Where nginx listens.
        type: str
        default: 127.0.0.1
      port:
        description: Its port.
        type: int
        default: 443
      minimum_days:
        description: Days that are to be left.
        type: float
        default: 7
  backup:
    description: Whether there is a recent backup.
    type: dict
    suboptions:
      settings:
        description: File that says what is backed up and where to, written by P(tagadodo.deploy.backup#role).
        type: path
        required: true
      max_age:
        description: Hours that the newest may be old.
        type: float
        default: 24
  monitoring:
    description: Whether the monitoring is ready, and no alert of the services fires.
    type: dict
    suboptions:
      prometheus:
        description: URL of Prometheus.
        type: str
        default: ""
      alertmanager:
        description: URL of Alertmanager.
        type: str
        default: ""
      services:
        description: Names of the services.
        type: list
        elements: str
        default: []
      label:
        description: Label of an alert that names its service.
        type: str
        default: service
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Look at the disks
  tagadodo.deploy.checklist_info:
    disk: {paths: [/var/lib/tagadodo], minimum_percent: 20}
"""

RETURN = r"""
findings:
  description: What was found of each item that was asked for.
  returned: success
  type: list
  elements: dict
  contains:
    item: {description: Name of the item., type: str, returned: success}
    state: {description: "V(pass), V(fail), or V(open) where it could not be looked at.", type: str, returned: success}
    evidence: {description: What was seen., type: str, returned: success}
  sample: [{item: disk, state: pass, evidence: 42 % of /var/lib/docker is free}]
now:
  description: The time of day on the host, seconds since 1970.
  returned: success
  type: float
  sample: 1795938961.5
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist_looks import LOOKS

ARGUMENTS = {
    "disk": {
        "type": "dict",
        "options": {
            "paths": {"type": "list", "elements": "path", "default": []},
            "engine": {"type": "bool", "default": True},
            "minimum_percent": {"type": "float", "default": 10},
        },
    },
    "clock": {
        "type": "dict",
        "options": {
            "server": {"type": "str", "default": ""},
            "maximum_seconds": {"type": "float", "default": 2},
        },
    },
    "certificates": {
        "type": "dict",
        "options": {
            "names": {"type": "list", "elements": "str", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 443},
            "minimum_days": {"type": "float", "default": 7},
        },
    },
    "backup": {
        "type": "dict",
        "options": {
            "settings": {"type": "path", "required": True},
            "max_age": {"type": "float", "default": 24},
        },
    },
    "monitoring": {
        "type": "dict",
        "options": {
            "prometheus": {"type": "str", "default": ""},
            "alertmanager": {"type": "str", "default": ""},
            "services": {"type": "list", "elements": "str", "default": []},
            "label": {"type": "str", "default": "service"},
        },
    },
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    now = time.time()
    given = {name: module.params[name] for name in LOOKS if module.params[name] is not None}
    if given.get("clock", {}).get("server") == "":
        del given["clock"]  # the controller compares
    findings = [LOOKS[name](params).as_data() for name, params in given.items()]
    module.exit_json(changed=False, findings=findings, now=now)


if __name__ == "__main__":
    main()
