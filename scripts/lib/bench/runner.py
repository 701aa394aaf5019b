# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Round after round, every contender in its turn."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field

from traffic import Traffic

from bench.contender import Contender, Unavailable
from bench.measure import measure
from bench.report import Failure, Sample
from bench.shell import CommandFailed
from bench.site import LOGS, NEW, OLD

Load = t.Callable[..., Traffic]  # of a port, then as measure wants it


@dataclass
class Results:
    """What is known so far."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def rounds(
    contenders: t.Sequence[Contender],
    load: Load,
    count: int,
    results: Results,
    say: t.Callable[[str], None],
) -> None:
    """Let each contender deploy and roll back once in every round, and fill ``results``.

    A round begins with another contender than the one before, so that nobody always comes after the
    same. Who cannot run here is left out from then on; a failure costs a turn.
    """
    left = list(contenders)
    for number in range(1, count + 1):
        first = (number - 1) % len(contenders)
        for contender in [*contenders[first:], *contenders[:first]]:
            if contender not in left:
                continue
            try:
                _turn(contender, load, number, results, say)
            except Unavailable as missing:
                left.remove(contender)
                results.failures.append(Failure(contender.name, 0, str(missing)))
                say(f"{contender.name} is left out: {missing}")
            except CommandFailed as failed:
                results.failures.append(Failure(contender.name, number, str(failed)))
                _keep_output(contender.name, number, failed.output)
                say(f"round {number}  {contender.name} FAILED: {failed}")


def _turn(
    contender: Contender,
    load: Load,
    number: int,
    results: Results,
    say: t.Callable[[str], None],
) -> None:
    with contender.serving(OLD) as port:
        for operation, change, old, new in (
            ("deploy", contender.deploy, OLD, NEW),
            ("rollback", contender.rollback, NEW, OLD),
        ):
            load_of = functools.partial(load, port)
            measured = measure(load_of, functools.partial(change, new), old, new)
            results.samples.append(Sample(contender.name, operation, number, measured))
            say(
                f"round {number}  {contender.name:<16} {operation:<9} {measured.wall:6.2f} s,"
                f" {measured.lost} of {measured.sent} lost,"
                f" last old answer after {measured.last_old:.2f} s"
            )


def _keep_output(contender: str, number: int, output: str) -> None:
    (LOGS / f"bench-{contender}-{number}.log").write_text(output)
