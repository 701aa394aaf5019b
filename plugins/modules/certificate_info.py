#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
version_added: 0.2.0
short_description: Ask a server which certificates it shows, and how long they are good
description:
  - Makes a TLS handshake for each name, without verifying it, and reads the certificate that is shown. What a server
    shows may be older than what is in its files.
  - Can fail where one has fewer days left than asked for, so that nothing is begun that it may not outlive.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.INFO
options:
  names:
    description: Host names to ask for.
    type: list
    elements: str
    required: true
  address:
    description: Where the server listens.
    type: str
    default: 127.0.0.1
  port:
    description: Its port.
    type: int
    default: 443
  minimum_days:
    description: Fail where a certificate has fewer days left. V(0) only fails where none is shown.
    type: float
    default: 0
  timeout:
    description: Seconds a handshake may take.
    type: float
    default: 5
requirements:
  - cryptography for Python on the host
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Refuse to release while a certificate is about to end
  tagadodo.deploy.certificate_info:
    names: [api.example.com]
    minimum_days: 7
"""

RETURN = r"""
certificates:
  description: What is shown, by name.
  returned: success
  type: dict
  sample: {api.example.com: {names: [api.example.com], issuer: "CN=E7,O=Let's Encrypt,C=US", days_left: 59.9}}
"""

import functools
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificate_facts import (
    Facts,
    shown_facts,
    soon_ending,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 443},
            "minimum_days": {"type": "float", "default": 0},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    params = module.params
    ask: t.Callable[[str], Facts] = functools.partial(
        shown_facts, params["address"], params["port"], timeout=params["timeout"]
    )
    now = time.time()
    try:
        found = {name: ask(name) for name in params["names"]}
    except CertificateError as error:
        module.fail_json(msg=str(error), exception=None)
    problem = soon_ending(found, params["minimum_days"], now)
    told = {name: facts.as_dict(now) for name, facts in found.items()}
    if problem:
        module.fail_json(msg=problem, certificates=told, exception=None)
    module.exit_json(changed=False, certificates=told)


if __name__ == "__main__":
    main()
