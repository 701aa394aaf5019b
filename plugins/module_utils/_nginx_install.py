# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Installing a configuration of nginx: what it refers to, the file itself, and the running nginx."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import (
    STEADY,
    Configuration,
    NginxContainer,
    NginxError,
    Waiter,
    complaint,
    ensure_token,
    read_token,
    with_line,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._tls_store import Pair, Store
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    add_switches,
    missing_switches,
)


@dataclass(frozen=True)
class FirstCertificates:
    """What nginx serves under a name until an authority has issued its certificate.

    Attributes:
        pair: certificate and key.
    """

    store: Store
    names: t.Tuple[str, ...]
    pair: t.Tuple[Path, Path] = field(repr=False)

    @classmethod
    def parse(cls, raw: t.Optional[t.Mapping[str, t.Any]]) -> t.Optional[FirstCertificates]:
        if not raw:
            return None
        pair = (Path(raw["certificate"]), Path(raw["key"]))
        return cls(Store(Path(raw["dir"])), tuple(raw["names"]), pair)

    def missing(self) -> t.List[str]:
        return [name for name in self.names if not self.store.target(name)]

    def make(self) -> None:
        chain, key = self.pair
        for name in self.missing():
            pair = Pair(chain.read_bytes(), key.read_bytes())
            self.store.point(name, self.store.put(name, pair))


@dataclass(frozen=True)
class Request:
    """What is to be installed."""

    path: Path
    content: str = field(repr=False)
    token_file: Path
    state_dir: Path
    services: t.Tuple[str, ...]
    watched: t.Tuple[Path, ...]
    directories: t.Mapping[Path, int]
    first_certificates: t.Optional[FirstCertificates]
    volumes: t.Tuple[str, ...]
    capabilities: t.Tuple[str, ...]
    container: str

    @classmethod
    def parse(cls, params: t.Mapping[str, t.Any]) -> Request:
        """
        Raises:
            NginxError: a mode is not octal.
        """
        return cls(
            path=Path(params["path"]),
            content=params["content"],
            token_file=Path(params["token_file"]),
            state_dir=Path(params["state_dir"]),
            services=tuple(params["services"]),
            watched=tuple(map(Path, params["reload_on"])),
            directories={Path(one["path"]): _mode(**one) for one in params["directories"]},
            first_certificates=FirstCertificates.parse(params["first_certificates"]),
            volumes=tuple(params["volumes"]),
            capabilities=tuple(params["capabilities"]),
            container=params["container"],
        )

    def missing(self) -> t.List[Path]:
        """The directories that do not exist."""
        return [path for path in self.directories if not path.is_dir()]

    def make_directories(self) -> None:
        for path in self.missing():
            path.mkdir(parents=True)
            path.chmod(self.directories[path])


@dataclass(frozen=True)
class Install:
    """One installation: decided once, so that check mode and the real run agree."""

    request: Request
    container: NginxContainer
    waiter: Waiter

    def run(self, dry: bool) -> t.Dict[str, t.Any]:
        """Do it, or with ``dry`` only say what would be done.

        Raises:
            NginxError: the configuration is refused; the former one stays.
        """
        self.waiter.check()
        first = self.request.first_certificates
        self._configuration().check(dry or bool(first and first.missing()))
        actions = self._preparations()
        if not dry:
            self._prepare()
        configuration = self._configuration()
        before = configuration.live()
        writes = before != configuration.text
        reloads = self.container.runs_image() and (
            writes or self.waiter.served() != configuration.revision
        )
        if writes:
            actions.append(_action(self.request.path, "write"))
        if reloads:
            actions.append(_action(self.request.container, "reload"))
        if not dry:
            self._install(configuration, before, writes, reloads)
        return {
            "changed": bool(actions),
            "actions": actions,
            "revision": configuration.revision,
            "diff": {
                "before_header": str(self.request.path),
                "after_header": str(self.request.path),
                "before": configuration.without_secret(before),
                "after": configuration.without_secret(configuration.text),
            },
        }

    def _configuration(self) -> Configuration:
        request = self.request
        return Configuration(
            request.path, request.content, read_token(request.token_file), request.watched
        )

    def _preparations(self) -> t.List[t.Dict[str, str]]:
        request = self.request
        actions = [_action(path, "make directory") for path in request.missing()]
        if request.first_certificates:
            names = request.first_certificates.missing()
            actions += [_action(name, "serve a certificate of our own at first") for name in names]
        if not read_token(request.token_file):
            actions.append(_action(request.token_file, "make token"))
        switches = missing_switches(request.state_dir, request.services)
        return actions + [
            _action(service, "add switch, all traffic on blue") for service in switches
        ]

    def _prepare(self) -> None:
        self.request.make_directories()
        if self.request.first_certificates:
            self.request.first_certificates.make()
        ensure_token(self.request.token_file)
        add_switches(self.request.state_dir, self.request.services)

    def _install(
        self, configuration: Configuration, before: str, writes: bool, reloads: bool
    ) -> None:
        if writes:
            self._try(configuration)
            configuration.swap()
        if reloads:
            self._reload(configuration, before if writes else None)

    def _try(self, configuration: Configuration) -> None:
        request = self.request
        configuration.stage()
        said = "it was not tested"
        try:
            said = self.container.test(configuration.staged, request.volumes, request.capabilities)
        finally:
            if said:
                configuration.unstage()
        if said:
            said = with_line(complaint(said), configuration.text)
            said = said.replace(str(configuration.staged), str(configuration.path))
            raise NginxError(
                "nginx refuses the new configuration, the old one stays:"
                f" {configuration.without_secret(said)}"
            )

    def _reload(self, configuration: Configuration, before: t.Optional[str]) -> None:
        former, mark = self.waiter.served(), self.waiter.mark()
        self.container.reload()
        try:
            self.waiter.wait(configuration.revision, mark)
        except NginxError as error:
            if before is None:
                raise
            configuration.restore(before)
            raise NginxError(f"{error}. {self._put_back(former)}") from error

    def _put_back(self, former: str) -> str:
        """Let nginx read the former file again, and say what came of it."""
        mark = self.waiter.mark()
        self.container.reload()
        try:
            if former:
                self.waiter.wait(former, mark, STEADY)
        except NginxError as error:
            return f"The former configuration was put back, but {error}"
        return "The former configuration was put back"


def _mode(path: str, mode: str) -> int:
    try:
        return int(mode, 8)
    except ValueError:
        raise NginxError(
            f"directories: the mode {mode!r} of {path} is not an octal number such as '0755'; quote it"
        ) from None


def _action(what: t.Union[str, Path], action: str) -> t.Dict[str, str]:
    return {"what": str(what), "action": action}


def installer(params: t.Mapping[str, t.Any], client: t.Any) -> Install:
    """What installs by the arguments of the module ``nginx_config``.

    Args:
        client: a ``docker.DockerClient``.

    Raises:
        NginxError: a mode is not octal.
    """
    container = NginxContainer(client, params["container"], params["image"])
    waiter = Waiter(
        container, params["control_url"], params["timeout"], time.monotonic, time.sleep, time.time
    )
    return Install(Request.parse(params), container, waiter)
