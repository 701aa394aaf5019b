# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Ways by which people are told: the module that each takes, and its arguments."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import COLOURS, Notice

TIMEOUT = 10  # seconds that a release waits for one of them

Call = tuple[str, dict[str, t.Any]]
Settings = t.Mapping[str, t.Any]


def slack(notice: Notice, settings: Settings) -> Call:
    """https://docs.slack.dev/messaging/formatting-message-text says which characters are special."""
    fields = [
        {"title": _plain(label), "value": _plain(value), "short": True}
        for label, value in notice.facts
    ]
    attachment = {
        "color": COLOURS[notice.event],
        "fallback": _plain(notice.title),
        "title": _plain(notice.title),
        "text": _plain(notice.reason),
        "fields": fields,
    }
    return "community.general.slack", {
        **_given(settings, "token", "channel", "domain", "username", "validate_certs"),
        "attachments": [attachment],
    }


def webhook(notice: Notice, settings: Settings) -> Call:
    return "ansible.builtin.uri", {
        **_given(settings, "url", "headers", "validate_certs"),
        "method": "POST",
        "body_format": "json",
        "body": notice.as_data(),
        "status_code": [200, 201, 202, 204],
        "timeout": TIMEOUT,
    }


def mail(notice: Notice, settings: Settings) -> Call:
    return "community.general.mail", {
        **_given(settings, "host", "port", "username", "password", "from", "to", "secure"),
        "subject": notice.title,
        "body": notice.text,
        "charset": "utf-8",
        "timeout": TIMEOUT,
    }


CHANNELS: t.Mapping[str, t.Callable[[Notice, Settings], Call]] = {
    "slack": slack,
    "webhook": webhook,
    "mail": mail,
}


def _given(settings: Settings, *names: str) -> dict[str, t.Any]:
    return {name: settings[name] for name in names if settings.get(name) is not None}


def _plain(text: str) -> str:
    """Text in which Slack finds no command, link or mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
