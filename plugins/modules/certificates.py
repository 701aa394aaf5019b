#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
version_added: 0.2.0
short_description: Have certificates of an ACME authority, and let nginx serve them
description:
  - Asks the authority by certbot for certificates that are missing, have other names, or are due.
  - What certbot has is put where nginx reads it, by one rename. nginx tests it, loads it and confirms that it serves it,
    under the lock of releases. Where it refuses, the certificates before are put back.
  - One certificate that is not to be had keeps no other from being had.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CHANGES
options:
  settings:
    description: File on the host that says which and from where, written by P(tagadodo.deploy.certbot#role).
    type: path
    required: true
  planned:
    description: What that file is going to say. It is read instead in check mode, where nothing is written before.
    type: dict
  force:
    description: Whether to have new ones although they are not due.
    type: bool
    default: false
  dry_run:
    description: Whether only to ask the authority if it would give them. Nothing is changed.
    type: bool
    default: false
requirements:
  - Docker SDK for Python (C(docker)) on the host
  - cryptography for Python on the host
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Have the certificates, and let nginx serve them
  tagadodo.deploy.certificates:
    settings: /etc/tagadodo/certbot/settings.json

- name: See whether they could be renewed
  tagadodo.deploy.certificates:
    settings: /etc/tagadodo/certbot/settings.json
    dry_run: true
"""

RETURN = r"""
given:
  description: Names of the certificates that nginx was given (in check mode, would be asked for).
  returned: success
  type: list
  elements: str
  sample: [api.example.com]
certificates:
  description: What nginx serves, by name.
  returned: success
  type: dict
  sample: {api.example.com: {names: [api.example.com], issuer: "CN=E7,O=Let's Encrypt,C=US", days_left: 59.9}}
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificate_facts import (
    Facts,
    read_facts,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificates import (
    Certificates,
    certificates_by,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._signals import end_by_signal
from ansible_collections.tagadodo.deploy.plugins.module_utils._tls_store import CHAIN


def had(certificates: Certificates) -> dict[str, Facts]:
    """What certbot has, by name."""
    found = {}
    for name in certificates.settings.certificates:
        chain = certificates.settings.tree / "live" / name / CHAIN
        if chain.exists():
            found[name] = read_facts(chain)
    return found


def wanted(certificates: Certificates, force: bool) -> list[str]:
    """Names of the certificates that would be asked for, or given to nginx."""
    known, now = had(certificates), time.time()
    asked = {
        name
        for name, names in certificates.settings.certificates.items()
        if force or name not in known or known[name].names != set(names) or known[name].due(now)
    }
    return sorted(asked | set(certificates.waiting()))


def served(certificates: Certificates) -> dict[str, dict[str, t.Any]]:
    """What nginx serves by now, by name."""
    told = {}
    for name in certificates.settings.certificates:
        chain = certificates.store.live(name) / CHAIN
        if chain.exists():
            told[name] = read_facts(chain).as_dict(time.time())
    return told


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "path", "required": True},
            "planned": {"type": "dict"},
            "force": {"type": "bool", "default": False},
            "dry_run": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    end_by_signal()
    try:
        planned = params["planned"] if module.check_mode else None
        certificates = certificates_by(params["settings"], connect(), planned)
        if module.check_mode:
            given = wanted(certificates, params["force"])
        else:
            given = certificates.ensure(params["dry_run"], params["force"])
        told = served(certificates)
    except (CertificateError, EngineError, OSError) as error:
        module.fail_json(msg=str(error), exception=None)
    module.exit_json(
        changed=bool(given),
        given=given,
        certificates=told,
        diff={"before": "", "after": "".join(f"{name}\n" for name in given)},
    )


if __name__ == "__main__":
    main()
