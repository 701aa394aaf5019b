# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixed client load on this machine's own https endpoints, and what became of every request.

The measuring instrument behind "no lost request". Load goes to loopback addresses only.

Clients
    get      HTTP/1.1 GET on keep-alive connections (8)
    post     HTTP/1.1 POST on keep-alive connections (4); each body carries a unique id
    h2_get   HTTP/2 GET, streams of one connection per host
    h2_post  HTTP/2 POST, streams of that same connection
    new      HTTP/1.1 GET, each on a new connection (``Connection: close``)
    websocket  connections that stay open (10 per target) and have a message echoed each second
Requests start on a fixed schedule (open loop): request n of a client is due at start + n/rate,
whatever became of those before it. If all connections of a client are busy it opens more, up to
eight times as many, then requests wait. So a stall shows as late answers, not as fewer requests.
Connections come from several loopback addresses (`sources`), as those of several users would.

What is counted; every request ends as exactly one of ok, lost, wrong, limited, refused_streams,
unfinished, so that sent is their sum
    sent      the request's due time has come
    answered  a complete answer came, of whatever status
    ok        answered below 400 (a websocket: the handshake, or an echo holding the message's id)
    lost      answered 5xx (502, 503, 504 or any other), or no complete answer: see reasons
    limited   answered 429
    wrong     answered any other 4xx (a websocket handshake: any other status than 101 and 5xx)
    refused_streams  HTTP/2 only, and only where the server itself says that it did not process the
              stream: above the last id of a GOAWAY, or RST_STREAM with REFUSED_STREAM. Real clients
              repeat these unseen, so they are not lost; they are not repeated here.
    unfinished  still open when a second signal ended the run
    executed_twice  (beside the above) a POST's answer says that its id was executed more than once
Reasons of lost
    connect_refused, connect_reset, connect_timeout, connect_tls, connect_no_http2, connect_failed
    closed_new, closed_reused, closed_partial   closed before any answer on a connection's first
              request, on a later one, or in the middle of the answer; reset_… the same by RST
    stream_reset, broken_answer, handshake, cut (a websocket message whose connection was closed)
    timeout   no complete answer within `timeout` of the due time, whether or not it was written
    status_5xx
Nothing is ever repeated: a request is written at most once, and when its answer never comes it is
lost, also where a browser would have tried again. A keep-alive connection that the server closes
*between* requests loses none: after an answer with ``Connection: close`` (ended_answer), a FIN
(ended_fin), an RST (ended_reset) or a GOAWAY (ended_goaway) the next request opens a new one. What
the kernel holds when a request is about to be written counts as seen; a FIN that comes later does
not. A HTTP/2 stream at or below the last id of a GOAWAY still has to be answered.
A websocket cut is a close by the server, with its code (1006: without a close frame), the age of
the connection, and the seconds since each mark. A cut is not a loss; an echo that never comes is.

Times are seconds since `started`; latencies run from the due time to the last byte of an ok answer,
the opening of a connection included, and so hold up to 1 ms of this process's own timer. A gap is
the longest time without an ok answer, counted from the start and up to the end of the schedule;
the overall one is over HTTP requests, a client's own cannot be shorter than 1/rate.

Report (JSON)
    run, started (UTC), unix, seconds, ended ("complete", "stopped" or "abandoned")
    totals {sent, answered, ok, lost, wrong, limited, refused_streams, unfinished, executed_twice}
    reasons {reason: n}, latency_ms {p50, p95, p99, max}, largest_gap {seconds, from, to}
    versions {version: {answers, first, last}}         "?": an ok answer without one
    clients {"get NAME": {kind, target, rate, all of the above, statuses}}
    websockets {opened, reconnects, cuts: [{at, target, code, reason, age, after: {mark: seconds}}]}
    connections {opened, ended_…}, marks [{name, at}]
    timeline [{second, sent, ok, lost, wrong, limited, refused_streams, unfinished, cuts,
               versions, slowest_ms, marks}]
    events [{at, client, outcome, reason, what}]       the first 500 that were not ok
    load {cpu_seconds, cpu_share, latest_start_ms}     of this process: share of one core, and how
                                                       late it started a request at worst

As a program: ``python scripts/lib/traffic.py --help``. As a library::

    with TrafficThread(Traffic([Target("get", url)], ca=ca, seconds=60)) as traffic:
        traffic.mark("shift")
    traffic.report["totals"]["lost"]
"""

from __future__ import annotations

from _traffic.run import MIX, Traffic, TrafficThread
from _traffic.target import Target

__all__ = ["MIX", "Target", "Traffic", "TrafficThread"]

if __name__ == "__main__":
    from _traffic.cli import main

    raise SystemExit(main())
