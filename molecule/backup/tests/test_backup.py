# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule on a host where systemd runs, by the Python of the distribution."""

from __future__ import annotations

import json
import typing as t

testinfra_hosts = ["ansible://equipped"]


def test_the_timer_waits_for_its_time(host: t.Any) -> None:
    told = host.check_output(
        "systemctl show --property ActiveState,UnitFileState,TimersCalendar tagadodo-backup.timer"
    )
    assert "ActiveState=active" in told
    assert "UnitFileState=enabled" in told
    assert "OnCalendar=*-*-* 03:17:00" in told


def test_what_it_starts_makes_a_backup(host: t.Any) -> None:
    assert host.run("systemctl start tagadodo-backup.service").rc == 0
    last = json.loads(host.check_output("cat /var/lib/tagadodo/backup/last.json"))
    assert (last["ok"], last["problem"]) == (True, "")
    assert "machine 1 files" in last["msg"]
    assert last["msg"] in host.check_output("journalctl --unit tagadodo-backup --output cat")


def test_one_that_fails_is_a_failed_unit_with_a_reason(host: t.Any) -> None:
    host.check_output("mv /var/backups/tagadodo /var/backups/away")
    try:
        assert host.run("systemctl start tagadodo-backup.service").rc == 1
    finally:
        host.check_output("mv /var/backups/away /var/backups/tagadodo")
    told = host.check_output("journalctl --unit tagadodo-backup --output cat")
    assert "there is no repository; run site.yml, which makes one" in told
