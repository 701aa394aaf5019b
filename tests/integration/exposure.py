# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows and keeps, as docs/security.md says it, and as it is. The page's tables are read, not repeated."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import typing as t
from dataclasses import dataclass

from host import Host, run
from stack import ROOT

PAGE = ROOT / "docs/security.md"
RULES = ROOT / "examples/host"
SSHD = "/etc/ssh/sshd_config.d/10-tagadodo.conf"
EVERYWHERE = {"0.0.0.0", "[::]", "*"}
# Of a host that is a container itself: the engine outside answers its questions for names, and leads it to the registry.
OUTSIDE = {("127.0.0.11", ""), ("127.0.0.1", "systemd")}
DISKS = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def table(heading: str) -> list[list[str]]:
    """The rows of the page's table below a heading, without its head."""
    _before, _heading, after = PAGE.read_text().partition(f"\n## {heading}\n")
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert len(lines) > 2, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@dataclass(frozen=True)
class Listener:
    """Where something may listen on hosts of a kind, as a row of the page has it."""

    kind: str
    ports: range
    at: str
    program: str

    @classmethod
    def parse(cls, row: t.Sequence[str]) -> Listener:
        kind, port, at, program, *_who = (cell.replace("`", "") for cell in row)
        first, _to, last = port.partition(" to ")
        return cls(kind, range(int(first), int(last or first) + 1), at, program)

    def fits(self, host: Host, address: str, port: int, program: str) -> bool:
        addresses = {"every address": EVERYWHERE, "deploy_address": {host.address}}
        there = address in addresses.get(self.at, {self.at})
        return there and port in self.ports and program == self.program


def listening(host: Host) -> set[tuple[str, int, str]]:
    """Address, port and program, of TCP and UDP."""
    found = set()
    for line in host.do("ss", "-H", "-tulnp").splitlines():
        _net, _state, _received, _sent, local, _peer, *users = line.split()
        address, _colon, port = local.rpartition(":")
        program = re.search(r'\(\("([^"]+)"', " ".join(users))
        found.add((address, int(port), program[1] if program else ""))
    return {one for one in found if (one[0], one[2]) not in OUTSIDE}


def listens_as_described(host: Host, *kinds: str) -> None:
    """Each socket of a host is in the page's table for its kinds, and each row of those is there."""
    rows = [Listener.parse(row) for row in table("Open ports")]
    mine = [row for row in rows if row.kind in ("every host", *kinds)]
    found = listening(host)
    unheard = [one for one in found if not any(row.fits(host, *one) for row in mine)]
    unseen = [row for row in mine if not any(row.fits(host, *one) for one in found)]
    assert (unheard, unseen) == ([], []), host.name


def guard(host: Host, rules: str, **addresses: t.Sequence[str]) -> None:
    """Load the example's firewall on a host, with addresses of its own in place of those of the example."""
    text = (RULES / rules).read_text()
    for name, own in addresses.items():
        text, replaced = re.subn(
            f"(?m)^define {name} = .*$", f"define {name} = {{ {', '.join(own)} }}", text
        )
        assert replaced == 1, (rules, name)
    process = run("docker", "inspect", "--format={{.State.Pid}}", host.name).strip()
    run("nsenter", f"--target={process}", "--net", "nft", "--file", "-", input=text)


def harden_sshd(host: Host) -> None:
    run("docker", "cp", str(RULES / "sshd.conf"), f"{host.name}:{SSHD}")
    host.do("sshd", "-t")
    host.do("systemctl", "reload", "ssh")


def keeps_as_described(host: Host, secrets: t.Mapping[str, str]) -> None:
    """Each secret rests in the files that the page's table names for it and in no other, and is root's alone there."""
    described = {
        row[0].strip("`"): re.findall(r"`(/[^`]+)`", row[2]) for row in table("Secrets at rest")
    }
    # What an engine writes beside a file, to put it in its place at once, does not rest there.
    once, again = (_holding(host, secrets.values(), DISKS) for _time in range(2))
    for name, value in secrets.items():
        patterns = described[name]
        held = sorted(_holding(host, [value], once & again))
        strange = [p for p in held if not any(fnmatch.fnmatch(p, one) for one in patterns)]
        unseen = [one for one in patterns if not fnmatch.filter(held, one)]
        assert (name, strange, unseen) == (name, [], [])
        for path in held:
            assert host.do("stat", "--format=%U", path) == "root\n", path
            assert not _others_read(host, path), path


def _holding(host: Host, values: t.Iterable[str], places: t.Collection[str]) -> set[str]:
    """Files in those places of a host that hold one of these texts, which are in no command line."""
    script = 'grep -rlF -f - --exclude-dir=overlay2 /dev/null "$@" 2>/dev/null || test $? -le 2'
    told = run(
        *("docker", "exec", "--interactive", host.name, "sh", "-c", script, "grep", *places),
        input="\n".join(values),
    )
    return set(told.split())


def _others_read(host: Host, path: str) -> bool:
    command = ["docker", "exec", host.name, *NOBODY, "test", "-r", path]
    return subprocess.run(command, check=False).returncode == 0
