# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Ask Prometheus for one number, or for those of several series."""

from __future__ import annotations

import json
import math
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    Answer,
    Request,
    TargetError,
)

Value = t.Tuple[t.Optional[float], str]
Series = t.Tuple[t.Mapping[str, str], float]


@dataclass(frozen=True)
class Metric:
    """One query; its answer is a scalar, or a vector of one series."""

    name: str
    url: str
    query: str
    token: str = field(default="", repr=False)
    ca_file: str = ""
    validate_certs: bool = True
    where: str = ""

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any], where: str = "") -> Metric:
        """Make a metric of the module's arguments.

        Args:
            where: setting that describes it, for messages; ``metrics.NAME`` where it is not given.

        Raises:
            TargetError: the URL is none, or the file with the token cannot be read.
        """
        name, url = raw["name"], raw["url"].rstrip("/")
        where = where or f"metrics.{name}"
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise TargetError(f"{where}.url: {url!r} is not a URL such as http://127.0.0.1:9090")
        token = _token(f"{where}.token_file", raw.get("token_file") or "")
        validate = raw.get("validate_certs", True)
        return cls(name, url, raw["query"], token, raw.get("ca_file") or "", validate, where)

    def request(self, timeout: float, at: t.Optional[float] = None) -> Request:
        """
        Args:
            at: time of day that is asked about, seconds; now where it is not given.
        """
        asked = {"query": self.query, **({} if at is None else {"time": f"{at:.3f}"})}
        query = urllib.parse.urlencode(asked)
        return Request(
            url=f"{self.url}/api/v1/query?{query}",
            timeout=timeout,
            headers={"Authorization": f"Bearer {self.token}"} if self.token else {},
            ca_file=self.ca_file,
            validate_certs=self.validate_certs,
        )

    def value(self, answer: Answer) -> Value:
        """The number; None where Prometheus has none at present, with a reason if that is wrong."""
        try:
            value = _number(answer)
        except _NoNumber as error:
            return None, f"{self.where}: Prometheus {error}"
        return (value if math.isfinite(value) else None), ""

    def series(self, answer: Answer) -> t.Tuple[t.List[Series], str]:
        """The labels and the number of every series; with a reason if there are none that can be read."""
        try:
            data = _data(answer)
            found = [(dict(one["metric"]), float(one["value"][1])) for one in data["result"]]
            return [one for one in found if math.isfinite(one[1])], ""
        except _NoNumber as error:
            return [], f"{self.where}: Prometheus {error}"
        except (ValueError, LookupError, TypeError, AttributeError):
            said = f"answers {answer.status} in words of its own: {answer.excerpt()}"
            return [], f"{self.where}: Prometheus {said}"


class _NoNumber(Exception):
    """The text says what there is instead, to be read after "Prometheus"."""


def _data(answer: Answer) -> t.Mapping[str, t.Any]:
    if answer.error:
        raise _NoNumber(answer.error)
    document = json.loads(answer.body)
    if document["status"] != "success":
        raise _NoNumber(f"answers {answer.status}: {document.get('error', '')}")
    return t.cast("t.Mapping[str, t.Any]", document["data"])


def _number(answer: Answer) -> float:
    try:
        return float(_sample(_data(answer))[1])
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _NoNumber(
            f"answers {answer.status} in words of its own: {answer.excerpt()}"
        ) from None


def _sample(data: t.Mapping[str, t.Any]) -> t.Sequence[t.Any]:
    """The time and value of the one sample; of a series without any, what is no number."""
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return t.cast("t.Sequence[t.Any]", result)
    if kind != "vector":
        raise _NoNumber(f"answers a {kind}; write a query whose value is one number")
    if not result:
        return (0, "NaN")
    if len(result) > 1:
        raise _NoNumber(f"answers {len(result)} series; add them up, as by sum(…)")
    return t.cast("t.Sequence[t.Any]", result[0]["value"])


def _token(where: str, path: str) -> str:
    if not path:
        return ""
    try:
        with open(path, encoding="ascii") as file:
            token = file.read().strip()
    except (OSError, UnicodeError) as error:
        raise TargetError(f"{where}: {path} cannot be read ({error})") from error
    if not token or "\n" in token:
        raise TargetError(f"{where}: {path} must hold one line")
    return token
