#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_config
version_added: 0.1.0
short_description: Write, check, load and verify the configuration of nginx
description:
  - Writes a new configuration beside the live one and lets the image's own nginx test it. Only what passes replaces
    the live file, by one rename.
  - If nginx runs, it is told to reload, and then asked which revision it serves until the new one answers. When nginx
    refuses it, the former file is put back and nginx's reason is returned.
  - Also makes what the configuration refers to. The switch of every service (all traffic on blue; one that exists is
    never touched), the probe token and directories.
  - nginx that is not running, or runs another image, is not started or reloaded. That is for the task that runs the
    container.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.STATE
options:
  path:
    description: Where nginx reads its configuration, the same path on the host and in the container.
    type: path
    required: true
  content:
    description:
      - The configuration. C(@REVISION@) is replaced by its revision and must be served at C(/revision) of the control
        server, C(@PROBE_TOKEN@) by the token of O(token_file).
    type: str
    required: true
  reload_on:
    description: Certificates the configuration names. nginx is reloaded when one changes.
    type: list
    elements: path
    default: []
  directories:
    description: Directories to make where they are missing.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The directory., type: path, required: true}
      mode: {description: Mode it is made with., type: str, default: "0755"}
  first_certificates:
    description: What nginx serves under names that an authority has issued no certificate for yet.
    type: dict
    suboptions:
      dir:
        description: Directory of certificates. nginx reads C(live/NAME/fullchain.pem) and C(live/NAME/privkey.pem).
        type: path
        required: true
      names:
        description: The names. What is there for one of them already, stays.
        type: list
        elements: str
        required: true
      certificate: {description: The certificate., type: path, required: true}
      key: {description: Its key., type: path, required: true}
  keep:
    description:
      - File to keep these arguments in, for what lets nginx read a new certificate later. It holds no secret.
      - Without it they are not kept.
    type: path
  services:
    description: Services that need a switch.
    type: list
    elements: str
    default: []
  token_file:
    description: File with the secret that lets a probe choose its slot. Made when missing, readable by root alone.
    type: path
    required: true
  image:
    description: Image whose nginx tests the configuration.
    type: str
    required: true
  container:
    description: Name of the container nginx runs in.
    type: str
    required: true
  volumes:
    description: Volumes of that container.
    type: list
    elements: str
    default: []
  capabilities:
    description: Capabilities of that container.
    type: list
    elements: str
    default: []
  control_url:
    description: Where the control server of nginx listens.
    type: str
    default: http://127.0.0.1:10080
  timeout:
    description: Seconds nginx is given to serve a new configuration.
    type: int
    default: 15
attributes:
  check_mode:
    support: partial
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: A new configuration is not tested by nginx in check mode, because that needs a file and a container.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
requirements:
  - Docker SDK for Python (C(docker)) on the host
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Write, check and load the configuration
  tagadodo.deploy.nginx_config:
    path: /etc/tagadodo/nginx/nginx.conf
    content: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
    state_dir: /var/lib/tagadodo
    token_file: /var/lib/tagadodo/nginx/probe_token
    image: docker.io/nginx:1.30
    container: tagadodo-nginx
    volumes: ["/etc/tagadodo/nginx:/etc/tagadodo/nginx:ro"]
    services: [backend]
"""

RETURN = r"""
revision:
  description: Revision of the configuration. In check mode without a token on the host it is only a guess.
  returned: success
  type: str
  sample: 0123456789abcdef
actions:
  description: What was done (in check mode, would be done).
  returned: success
  type: list
  elements: dict
  sample: [{what: /etc/tagadodo/nginx/nginx.conf, action: write}, {what: tagadodo-nginx, action: reload}]
"""

import json
import pathlib
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import NginxError
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx_install import installer
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import TrafficError


def keep(params: t.Mapping[str, t.Any], dry: bool) -> bool:
    """Write the arguments down where they differ from what is there; whether they did."""
    path = pathlib.Path(params["keep"])
    text = json.dumps({name: value for name, value in params.items() if name != "keep"}, indent=1)
    differs = not path.exists() or path.read_text(encoding="utf-8") != text
    if differs and not dry:
        write_whole(path, text, mode=0o600)
    return differs


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "reload_on": {"type": "list", "elements": "path", "default": []},
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "mode": {"type": "str", "default": "0755"},
                },
            },
            "first_certificates": {
                "type": "dict",
                "options": {
                    "dir": {"type": "path", "required": True},
                    "names": {"type": "list", "elements": "str", "required": True},
                    "certificate": {"type": "path", "required": True},
                    "key": {"type": "path", "required": True, "no_log": False},
                },
            },
            "keep": {"type": "path"},
            "state_dir": {"type": "path", "required": True},
            "services": {"type": "list", "elements": "str", "default": []},
            "token_file": {"type": "path", "required": True},
            "image": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "capabilities": {"type": "list", "elements": "str", "default": []},
            "control_url": {"type": "str", "default": "http://127.0.0.1:10080"},
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        done = installer(params, connect()).run(module.check_mode)
        if params["keep"] and keep(params, module.check_mode):
            done["changed"] = True
            done["actions"].append({"what": params["keep"], "action": "write"})
        module.exit_json(**done)
    except (EngineError, NginxError, TrafficError, OSError) as error:
        module.fail_json(msg=str(error), exception=error)


if __name__ == "__main__":
    main()
