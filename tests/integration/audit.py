# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools that others have written say of what was set up: their findings, by the tools' own names for them.

Their whole reports are in ``build/audit/``. What a finding that stays is good for is said where it is expected.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import yaml
from host import DOCKER, Host, run
from stack import ROOT

REPORTS = ROOT / "build/audit"
HARMLESS = ("OK", "INFO")
UNSEEN = "check failed because of connect problem"
LOOKED_AT = 30  # findings that are fine, of a scan that has looked
# It asks drHEADer as a library: its program cannot be told at which address a name is.
JUDGE_HEADERS = """
import dataclasses, json, sys
from drheader import Drheader
findings = Drheader(headers=json.load(sys.stdin)).analyze()
print(json.dumps([dataclasses.asdict(finding) for finding in findings]))
"""
LYNIS = ("/usr/sbin/lynis", "/usr/share/lynis", "/etc/lynis")
# Of what the roles touch. The rest, such as passwords and the kernel's modules, is the distribution's and its owner's.
LYNIS_GROUPS = (
    *("containers", "crypto", "file_permissions", "filesystems", "firewalls", "homedirs"),
    *("insecure_services", "logging", "networking", "scheduling", "ssh", "webservers"),
)


def report(name: str, text: str) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / name).write_text(text)


def tool(name: str, program: str = "") -> str:
    """A program of ``ensure_tool``."""
    return str(pathlib.Path(sys.prefix) / "tools" / name / "bin" / (program or name))


def sslyze(port: int, name: str, ca_file: pathlib.Path) -> str:
    """Its report on what 127.0.0.1 shows for a name, measured against Mozilla's intermediate profile."""
    command = [tool("sslyze"), "--mozilla_config=intermediate", f"--certinfo_ca_file={ca_file}"]
    where = ["--sni", name, f"127.0.0.1:{port}"]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    report(f"sslyze-{name}-{port}.txt", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scan(port: int, name: str, ca_file: pathlib.Path, *checks: str) -> dict[str, str]:
    """What testssl.sh finds above its levels OK and INFO.

    Args:
        checks: options that choose what it looks at.

    Returns:
        its words by the finding's name.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"testssl-{name}.json"
    path.unlink(missing_ok=True)
    # Its status counts connections that failed; what it could not look at stands among its findings.
    command = (
        *("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none"),
        *("--ip", "127.0.0.1", "--add-ca", str(ca_file), "--jsonfile", str(path), *checks),
        f"{name}:{port}",
    )
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    report(f"testssl-{name}.txt", printed)
    looked = json.loads(path.read_text())
    assert sum(one["severity"] == "OK" for one in looked) > LOOKED_AT, printed
    found = {one["id"]: one["finding"] for one in looked if one["severity"] not in HARMLESS}
    # At times its second connection of one session fails; sslyze asks for sessions too.
    return {one: text for one, text in found.items() if text != UNSEEN}


def drheader(name: str, headers: t.Mapping[str, str]) -> dict[str, str]:
    """What drHEADer says of the headers of an answer, by its rule."""
    done = run(tool("drheaderplus", "python"), "-c", JUDGE_HEADERS, input=json.dumps(dict(headers)))
    report(f"drheader-{name}.json", done)
    return {one["rule"]: one["message"] for one in json.loads(done)}


def compose_lint(containers: t.Mapping[str, t.Any], work: pathlib.Path) -> dict[str, set[str]]:
    """The rules of compose-lint that each container breaks.

    Args:
        containers: of the engine, by name; also ones that were never started.
    """
    path = work / "compose.yml"
    path.write_text(yaml.safe_dump({"services": {n: _composed(c) for n, c in containers.items()}}))
    command = [tool("compose-lint"), "check", "--format=json", "--no-env", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    broken: dict[str, set[str]] = {name: set() for name in containers}
    for finding in json.loads(done.stdout)["findings"]:
        broken[finding["service"]].add(finding["rule_id"])
    return broken


def _composed(container: t.Any) -> dict[str, t.Any]:
    """A container as a compose file describes it: what compose-lint looks at."""
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    described = {
        "image": config["Image"],
        "user": config["User"],
        "environment": config["Env"],
        "privileged": host["Privileged"],
        "read_only": host["ReadonlyRootfs"],
        "cap_add": host["CapAdd"],
        "cap_drop": host["CapDrop"],
        "security_opt": host["SecurityOpt"],
        "network_mode": host["NetworkMode"],
        "pid": host["PidMode"],
        "uts": host["UTSMode"],
        "ipc": host["IpcMode"],
        "userns_mode": host["UsernsMode"],
        "devices": [
            f"{device['PathOnHost']}:{device['PathInContainer']}"
            for device in host["Devices"] or ()
        ],
        "volumes": [
            {
                "type": mount["Type"],
                "source": mount.get("Name") or mount.get("Source", ""),
                "target": mount["Destination"],
                "read_only": not mount["RW"],
                **(
                    {"bind": {"propagation": mount["Propagation"]}}
                    if mount.get("Propagation")
                    else {}
                ),
            }
            for mount in container.attrs["Mounts"]
        ],
        "tmpfs": [f"{place}:{options}" for place, options in (host.get("Tmpfs") or {}).items()],
        "ports": [
            f"{binding['HostIp'] or '0.0.0.0'}:{binding['HostPort']}:{port.partition('/')[0]}"
            for port, bindings in (host["PortBindings"] or {}).items()
            for binding in bindings
        ],
        "logging": {"driver": host["LogConfig"]["Type"]},
        "mem_limit": host["Memory"],
        "pids_limit": host["PidsLimit"],
        "cpus": host["NanoCpus"] / 1e9,
        "restart": host["RestartPolicy"]["Name"],
    }
    return {key: value for key, value in described.items() if value}


def lynis(host: Host, name: str) -> set[str]:
    """The names of the warnings and suggestions of lynis, with what they are about, on a host."""
    for place in LYNIS:
        run(DOCKER, "cp", place, f"{host.name}:{place}")
    where = f"/tmp/lynis-{name}.dat"
    host.do(
        *("lynis", "audit", "system", "--quick", "--quiet", "--no-colors"),
        *("--tests-from-group", " ".join(LYNIS_GROUPS)),
        *("--logfile", f"/tmp/lynis-{name}.log", "--report-file", where),
    )
    told = host.do("cat", where)
    report(f"lynis-{name}.txt", told)
    assert "lynis_tests_done=" in told, told
    findings = set()
    for line in told.splitlines():
        kind, _equals, words = line.partition("[]=")
        if kind in ("warning", "suggestion"):
            number, _about, details, *_more = words.split("|")
            findings.add(f"{number} {details}".removesuffix(" -").strip())
    return findings
