# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a Slack channel how a job of a pipeline went. It decides nothing: a notice that is not delivered is a warning.

``STATUS`` (success, failure, cancelled), ``REASON``, ``PLAYBOOK``, ``ENVIRONMENT``, ``VERSION``, ``SERVICE`` say what to tell;
``SLACK_WEBHOOK`` whom.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t
import urllib.request

SIGNS = {"success": ":white_check_mark:", "failure": ":x:", "cancelled": ":warning:"}
TIMEOUT = 10  # seconds


def text(environment: t.Mapping[str, str]) -> str:
    """One line: what, where, how it ended and why, who, and where to read on."""
    get = environment.get
    status = get("STATUS", "")
    what = [get("PLAYBOOK"), get("SERVICE"), get("VERSION"), "on", get("ENVIRONMENT")]
    ended = f"{SIGNS.get(status, '')} {' '.join(filter(None, what))}: {status}".strip()
    run = (
        f"{get('GITHUB_SERVER_URL')}/{get('GITHUB_REPOSITORY')}/actions/runs/{get('GITHUB_RUN_ID')}"
    )
    reason = f" ({escaped(get('REASON', ''))})" if get("REASON") else ""
    return f"{ended}{reason}, by {get('GITHUB_ACTOR')}: {run}"


def escaped(message: str) -> str:
    """What Slack would read as a link or a mention is shown as it is."""
    return message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def send(webhook: str, message: str) -> None:
    """Post it.

    Raises:
        OSError: it was not delivered.
        ValueError: that is no address.
    """
    if not webhook.startswith(("https://", "http://")):
        raise ValueError("the secret SLACK_WEBHOOK is no address of the web")
    body = json.dumps({"text": message}).encode()
    request = urllib.request.Request(webhook, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT):
        pass


def main(environment: t.Mapping[str, str]) -> None:
    webhook, message = environment.get("SLACK_WEBHOOK", ""), text(environment)
    sys.stdout.write(f"{message}\n")
    if not webhook:
        sys.stdout.write("the secret SLACK_WEBHOOK is not set: nobody is told\n")
        return
    try:
        send(webhook, message)
    except (OSError, ValueError) as error:
        # Without its address, which is a secret.
        why = str(error).replace(webhook, "SLACK_WEBHOOK")
        sys.stdout.write(f"::warning::the notice was not delivered: {why}\n")


if __name__ == "__main__":
    main(os.environ)
