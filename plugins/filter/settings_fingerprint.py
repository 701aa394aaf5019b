# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter of the roles that run one container from settings with secrets in them."""

from __future__ import annotations

import functools
import hashlib
import json
import typing as t

DOCUMENTATION = r"""
name: settings_fingerprint
short_description: A text that changes with the settings and does not give them away
version_added: "0.1.0"
author: Taga Dodo deploy contributors (@tagadodo)
description:
  - Put into a label of a container, so that the container is made anew when its files changed,
    also when the run that wrote the files was ended before it came to the container.
  - Slow on purpose (about 0.1 s), so that a secret among the settings cannot be found by trying.
positional: salt
options:
  _input:
    description: Anything that can be written as JSON.
    type: raw
    required: true
  salt:
    description: Makes equal settings of different containers look different.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: Start a container anew when its password changes
  community.docker.docker_container:
    name: cache
    image: redis:8.0
    labels:
      settings: "{{ [maxmemory, password] | tagadodo.deploy.settings_fingerprint('cache') }}"
"""

RETURN = r"""
_value:
  description: 32 hexadecimal digits.
  type: str
"""


def settings_fingerprint(settings: t.Any, salt: str) -> str:
    return _derive(json.dumps(settings, sort_keys=True, default=str), salt)


@functools.lru_cache(maxsize=64)
def _derive(settings: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", settings.encode(), salt.encode(), 200_000, 16).hex()


class FilterModule:
    """Filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        return {"settings_fingerprint": settings_fingerprint}
