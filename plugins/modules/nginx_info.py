#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
version_added: 0.1.0
short_description: Read which nginx an image holds and which configuration nginx serves
description:
  - Returns the versions of nginx and OpenSSL in an image, from which a configuration is written that both know.
  - Returns the revision of the configuration that the running nginx serves, and waits for one if told to.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.INFO
options:
  image:
    description: Image of nginx. Where it is not on the host, the versions are empty.
    type: str
    required: true
  container:
    description: Name of the container nginx runs in.
    type: str
    required: true
  control_url:
    description: Where the control server of nginx listens.
    type: str
    default: http://127.0.0.1:10080
  revision:
    description:
      - Wait until nginx serves this revision. Fails with the reason nginx gives when it ends, or does not serve it
        within O(timeout) seconds.
    type: str
  timeout:
    description: Seconds to wait for O(revision).
    type: int
    default: 15
requirements:
  - Docker SDK for Python (C(docker)) on the host
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Ask the image for its versions
  tagadodo.deploy.nginx_info:
    image: docker.io/nginx:1.30
    container: tagadodo-nginx
  register: nginx
"""

RETURN = r"""
nginx:
  description: Version of nginx in the image. Empty where the image is not on the host.
  returned: success
  type: str
  sample: 1.30.6
openssl:
  description: Version of OpenSSL that it runs with. Empty where it uses another library.
  returned: success
  type: str
  sample: 3.6.5
revision:
  description: Revision of the configuration nginx serves. Empty where it does not answer.
  returned: success
  type: str
  sample: 0123456789abcdef
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import (
    Mark,
    NginxContainer,
    NginxError,
    Versions,
    Waiter,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import TrafficError


def read(params: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """What image and container say."""
    container = NginxContainer(connect(), params["container"], params["image"])
    waiter = Waiter(
        container, params["control_url"], params["timeout"], time.monotonic, time.sleep, time.time
    )
    if params["revision"]:
        waiter.wait(params["revision"], Mark(int(time.time()) - params["timeout"]))
    versions = container.versions() if container.image_id() else Versions()
    return {"nginx": versions.nginx, "openssl": versions.openssl, "revision": waiter.served()}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "control_url": {"type": "str", "default": "http://127.0.0.1:10080"},
            "revision": {"type": "str"},
            "timeout": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **read(module.params))
    except (EngineError, NginxError, TrafficError) as error:
        module.fail_json(msg=str(error), exception=error)


if __name__ == "__main__":
    main()
