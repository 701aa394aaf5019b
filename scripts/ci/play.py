# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook in a pipeline. What to run and with what comes from environment variables.

``PLAYBOOK``, ``INVENTORY`` (one a line), ``VERSION``, ``SERVICE``, ``MIGRATIONS``, ``ATTEST``, ``LOCK_WAIT`` (seconds): what an
operator types; an empty one was not typed. ``IMAGE``: the execution environment; without one ``.venv`` is used.
``GITHUB_ACTOR``: who asks for it. ``SSH_PRIVATE_KEY``, ``SSH_KNOWN_HOSTS``, ``ANSIBLE_VAULT_PASSWORD``: become files that end
with the run. Ansible has the rest of the environment too; in a container, what inventories look up there.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAYBOOKS = ("deploy", "rollback")
# Names of extra variables, and where their values are.
ASKED = {
    "version": "VERSION",
    "service": "SERVICE",
    "migrations": "MIGRATIONS",
    "lock_wait": "LOCK_WAIT",
    "attest": "ATTEST",
    "operator": "GITHUB_ACTOR",
}
FILES = {
    "SSH_PRIVATE_KEY": "key",
    "SSH_KNOWN_HOSTS": "known_hosts",
    "ANSIBLE_VAULT_PASSWORD": "vault",
}
LOOKED_UP = re.compile(r"lookup\('ansible\.builtin\.env', '(\w+)'")
FAILURE = re.compile(r"(fatal|failed): \[")
MESSAGE = re.compile(r"^ +msg: (?P<text>.*)$")
# The head of a text in YAML whose lines follow.
BLOCK = re.compile(r"[|>][+-]?[0-9]*")
LONGEST = 500  # characters of a reason


class Refused(Exception):
    """What is asked for makes no sense; nothing was run."""


def arguments(environment: t.Mapping[str, str]) -> list[str]:
    """What to type, after the name of the program."""
    playbook = environment.get("PLAYBOOK", "")
    if playbook not in PLAYBOOKS:
        raise Refused(f"PLAYBOOK={playbook}: it is one of {', '.join(PLAYBOOKS)}")
    inventories = environment.get("INVENTORY", "").split()
    if not inventories:
        raise Refused("INVENTORY is empty: which hosts are meant?")
    if playbook == "deploy" and not environment.get("VERSION"):
        raise Refused("VERSION is empty: which one is to be released?")
    extra = {name: environment[key] for name, key in ASKED.items() if environment.get(key)}
    typed = [word for inventory in inventories for word in ("-i", inventory)]
    # As JSON: a value with a space in it does not become two.
    return [f"{playbook}.yml", *typed, "-e", json.dumps(extra)]


def settings(environment: t.Mapping[str, str], folder: pathlib.Path) -> dict[str, str]:
    """The environment that Ansible gets. Keys and passwords become files in ``folder``, which others cannot read."""
    # A secret that is not set reaches a step as an empty text.
    given = {name: value for name, value in environment.items() if name not in FILES and value}
    paths = {}
    for variable, name in FILES.items():
        if environment.get(variable):
            paths[variable] = folder / name
            paths[variable].touch(mode=0o600)
            # ssh takes no key without a newline at its end.
            paths[variable].write_text(environment[variable].rstrip("\n") + "\n")
    if "SSH_PRIVATE_KEY" in paths:
        given["ANSIBLE_PRIVATE_KEY_FILE"] = str(paths["SSH_PRIVATE_KEY"])
    if "SSH_KNOWN_HOSTS" in paths:
        known = f"-o UserKnownHostsFile={paths['SSH_KNOWN_HOSTS']}"
        given["ANSIBLE_SSH_COMMON_ARGS"] = f"{known} -o StrictHostKeyChecking=yes"
    if "ANSIBLE_VAULT_PASSWORD" in paths:
        given["ANSIBLE_VAULT_PASSWORD_FILE"] = str(paths["ANSIBLE_VAULT_PASSWORD"])
    return given


def looked_up() -> set[str]:
    """Names of the environment variables that inventories of the project take secrets from."""
    files = ROOT.glob("inventories/**/*.yml")
    return {name for file in files for name in LOOKED_UP.findall(file.read_text())}


def command(
    typed: t.Sequence[str], image: str, given: t.Mapping[str, str], folder: pathlib.Path
) -> list[str]:
    """The whole command: in ``image``, where there is one."""
    if not image:
        return [str(ROOT / ".venv/bin/ansible-playbook"), *typed]
    wanted = looked_up()
    names = sorted(name for name in given if name in wanted or name.startswith("ANSIBLE_"))
    return [
        *("docker", "run", "--rm", "--network=host", f"--user={os.getuid()}:0", "--env=HOME=/tmp"),
        *(f"--volume={ROOT}:{ROOT}", f"--workdir={ROOT}", f"--volume={folder}:{folder}"),
        # By name: a value would be in the list of processes.
        *(f"--env={name}" for name in names),
        *(image, "ansible-playbook", *typed),
    ]


class Reason:
    """The last message of a failure in what a playbook prints: what an operator reads last."""

    def __init__(self) -> None:
        self._messages: list[list[str]] = []
        self._errors: list[str] = []
        self._failing = False
        self._indent = -1  # of the message that is being read

    def read(self, line: str) -> None:
        """Look at one more line."""
        text = line.strip()
        indent = len(line) - len(line.lstrip())
        if line.startswith("[ERROR]: "):
            self._errors.append(text.removeprefix("[ERROR]: "))
        if text and indent == 0:
            self._failing, self._indent = bool(FAILURE.match(line)), -1
        elif self._failing and 0 <= self._indent < indent:
            self._messages[-1].append(text)
        elif self._failing and (found := MESSAGE.match(line)):
            self._indent = indent
            self._messages.append([found["text"]])
        else:
            self._indent = -1

    @property
    def text(self) -> str:
        """In one line; nothing where no failure was printed."""
        if not self._messages:
            return self._errors[-1] if self._errors else ""
        first, *others = self._messages[-1]
        lines = others if BLOCK.fullmatch(first) else [first, *others]
        whole = " ".join(filter(None, lines))
        if whole[:1] in ("'", '"') and whole[-1:] == whole[:1]:
            whole = whole[1:-1].replace("''", "'").replace("\\ \\ ", " ").replace('\\"', '"')
        return whole[:LONGEST]


def tell(variable: str, text: str) -> None:
    """Append to the file that GitHub names by an environment variable."""
    if os.environ.get(variable):
        with pathlib.Path(os.environ[variable]).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def run(words: t.Sequence[str], given: t.Mapping[str, str]) -> tuple[int, str]:
    """Run it, show what it prints as it comes, and return how it ended and why it failed."""
    reason = Reason()
    with subprocess.Popen(
        words,
        cwd=ROOT,
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in t.cast(t.IO[str], process.stdout):
            sys.stdout.write(line)
            sys.stdout.flush()
            reason.read(line)
    return process.returncode, reason.text or f"ansible-playbook ended with {process.returncode}"


def main(environment: t.Mapping[str, str]) -> int:
    try:
        typed = arguments(environment)
    except Refused as refusal:
        code, why = 2, str(refusal)
    else:
        # Elsewhere than the project, which is a checkout; gone with the run.
        with tempfile.TemporaryDirectory(dir=environment.get("RUNNER_TEMP")) as name:
            given = settings(environment, pathlib.Path(name))
            image = environment.get("IMAGE", "")
            code, why = run(command(typed, image, given, pathlib.Path(name)), given)
    what = " ".join(filter(None, (environment.get(name) for name in ("PLAYBOOK", "VERSION"))))
    if code:
        sys.stdout.write(f"::error::{why}\n")
        tell("GITHUB_OUTPUT", f"reason={why}")
    tell("GITHUB_STEP_SUMMARY", f"**{what}**: {why if code else 'succeeded'}")
    return code


if __name__ == "__main__":
    sys.exit(main(os.environ))
