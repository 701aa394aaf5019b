"""A play of a test's own over hosts that are all this machine."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import yaml


def command(folder: pathlib.Path, hosts: t.Iterable[str], play: t.Mapping[str, t.Any]) -> list[str]:
    """What to type at the repository's root to run it; its files are written into ``folder``."""
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"hosts": dict.fromkeys(hosts, here)}}
    whole = {"hosts": "all", "gather_facts": False, **play}
    for name, content in (("hosts.yml", inventory), ("play.yml", [whole])):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    program = pathlib.Path(sys.executable).parent / "ansible-playbook"
    return [str(program), "-i", str(folder / "hosts.yml"), str(folder / "play.yml")]
