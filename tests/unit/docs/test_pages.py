# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation is true: what it has people type exists, what it quotes is said, what it describes is accepted."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml
from checks import CHECKS, blocks, codes, commands, links, messages, paths
from known import ROOT
from pages import Page, written_pages

Check = t.Callable[[Page], t.Iterable[str]]


@pytest.mark.parametrize("path", written_pages(), ids=lambda path: path.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_page_says_what_is_so(path: pathlib.Path, check: Check) -> None:
    assert list(check(Page.read(path))) == []


# A mistake of each kind, and what is said of it. These are the mistakes that pages make when the code goes on.
MISTAKES: list[tuple[Check, str, str]] = [
    (commands, "```console\n$ ansible-playbook depoly.yml\n```\n", "there is no depoly.yml"),
    (commands, "Type `ansible-playbook depoly.yml -i inventories/prod`.", "there is no depoly.yml"),
    (commands, "`ansible-playbook site.yml -i inventories/prdo`", "there is no inventories/prdo"),
    (commands, "`ansible-playbook site.yml --chekc`", "--chekc is not an option"),
    (
        commands,
        "`ansible-playbook deploy.yml -e verison=1.0.0`",
        "nothing takes the variable verison",
    ),
    (commands, "```console\n$ ./scripts/dmeo\n```\n", "there is no ./scripts/dmeo"),
    (codes, "`-e lock_wiat=600`", "nothing takes the variable lock_wiat"),
    (codes, """`-e '{"deploy_verions": {}}'`""", "nothing takes the variable deploy_verions"),
    (codes, "See `rollbakc.yml`.", "there is no such file"),
    (codes, "`deploy_images_keep`", "no role has this setting"),
    (codes, "`canary.maximum_wait`", "a service has no such setting"),
    (codes, "`strategy: canry`", "value of strategy must be one of"),
    (codes, "`nginx_tls: letsencrypt`", "value of nginx_tls must be one of"),
    (links, "[there](nowhere.md)", "nowhere.md: there is no such file"),
    (links, "# Here\n\n[there](#hree)", "has no such heading"),
    (links, "[there](ci.md#hree)", "ci.md has no such heading"),
    (messages, "| message | |\n|---|---|\n| `…: the lokc is taken` | |\n", "nothing says so"),
    (messages, "| message | |\n|---|---|\n| `locked: it is late` | |\n", "nothing says so"),
    (messages, "| message | |\n|---|---|\n| something | |\n", "quotes no message"),
    (paths, "`/var/lib/tagadodo/lokc/holder.json`", "nothing is called lokc"),
    (
        paths,
        "```console\n$ cat /var/lib/tagadodo/lock/hodler.json\n```\n",
        "nothing is called hodler.json",
    ),
    (blocks, "```yaml\na: [\n```\n", "a block is no YAML"),
    (
        blocks,
        "```yaml\nservices: {backend: {instnaces: 2}}\n```\n",
        "services.backend.instnaces: not known; did you mean instances?",
    ),
    (
        blocks,
        "```yaml\n{apiVersion: v1, kind: Service, spec: {port: 80}}\n```\n",
        "Service: Additional properties are not allowed ('port' was unexpected)",
    ),
    (blocks, "```yaml\nbake: 100000\n```\n", "services.one.bake: 100000 is not between"),
    (blocks, "```yaml\ndeploy_notices: {telex: {}}\n```\n", "telex"),
    (blocks, "```yaml\nall: {children: {web: {hosts: {}}}}\n```\n", "no group of this name"),
    (blocks, "```yaml\nprxoy: {hosts: {one: {}}}\n```\n", "no group of this name"),
    (blocks, "```yaml\nnginx_tsl: certbot\n```\n", "nginx_tsl: nothing takes this variable"),
]


@pytest.mark.parametrize(("check", "text", "told"), MISTAKES)
def test_a_mistake_is_found(check: Check, text: str, told: str) -> None:
    (found,) = check(Page(ROOT / "docs/planted.md", text))
    assert told in found


def test_a_mistake_in_a_page_that_is_right_is_found() -> None:
    path = ROOT / "docs/runbook.md"
    page = Page.read(path)
    wrong = Page(path, page.text.replace("pause.yml", "puase.yml", 1))
    (found,) = commands(wrong)
    assert "there is no puase.yml" in found


def test_every_page_is_in_the_index() -> None:
    index = Page.read(ROOT / "docs/README.md")
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= set(index.links)
    assert "docs/README.md" in Page.read(ROOT / "README.md").links


def test_every_playbook_is_in_a_page() -> None:
    named = {code for path in (ROOT / "docs").glob("*.md") for code in _words(path)}
    playbooks = {one.name for one in ROOT.glob("*.yml") if "import_playbook" in one.read_text()}
    assert "deploy.yml" in playbooks
    assert playbooks - named == set()


def _words(path: pathlib.Path) -> list[str]:
    return re.findall(r"[\w.]+\.yml", path.read_text())


def test_the_vault_of_the_first_deploy_has_the_secrets_that_it_asks_for() -> None:
    files = Page.read(ROOT / "docs/first-deploy.md").files
    vault = "inventories/mine/group_vars/all/vault.yml"
    asked = {name for path in files if path != vault for name in _vaulted(files[path])}
    assert asked == set(yaml.safe_load(files[vault]))


def _vaulted(text: str) -> list[str]:
    return re.findall(r"vault_\w+", text)
