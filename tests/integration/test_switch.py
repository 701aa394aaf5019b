"""The switch with instance counts, on a real nginx: who is in traffic answers, nobody else is asked."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import pathlib
import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field

import docker
import pytest
import yaml
from clients import Connection, lost_requests
from stack import Stack
from traffic import Target, Traffic, TrafficThread

from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    Nginx,
    Shifter,
    TrafficDirectory,
)

API, ADMIN = "api.localhost", "admin.localhost"
COUNT, PORT = 5, 3000
CHANGING = 10  # seconds
PLAYBOOK = [
    {
        "name": "Set up the proxy",
        "hosts": "proxy",
        "gather_facts": False,
        "roles": ["tagadodo.deploy.nginx"],
    }
]

# An instance that says its name, has a hashed file that only its slot has, and counts what it executes.
INSTANCE = """
const { appendFileSync, statSync } = require('node:fs');
const [slot] = process.env.NAME.split('-');
const answers = {
  '/version': JSON.stringify({ version: process.env.NAME }),
  '/index.html': `page of ${slot}`,
  [`/assets/${slot}-Ab12Cd34.js`]: `file of ${slot}`,
};
require('node:http').createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.method === 'POST') {
    const file = `/executed/${JSON.parse(Buffer.concat(parts)).id}`;
    appendFileSync(file, '.');
    return response.end(JSON.stringify({ version: process.env.NAME, executions: statSync(file).size }));
  }
  const [path] = request.url.split('?');
  if (!(path in answers)) response.statusCode = 404;
  response.end(answers[path] ?? '');
}).on('upgrade', (request, socket) => {
  socket.end(`HTTP/1.1 418 ${process.env.NAME}\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n`);
}).listen(Number(process.env.PORT));
"""


@dataclass
class Site:
    """One nginx with an api and a page, both served by the same instances, which tests run and stop."""

    stack: Stack
    version: str
    executed: pathlib.Path
    instances: dict[str, t.Any] = field(default_factory=dict)

    def address(self, name: str) -> str:
        slot, number = name.split("-")
        return f"{self.stack.subnet.rsplit('.', 2)[0]}.{1 + (slot == 'green')}.{number}"

    @property
    def routes(self) -> list[dict[str, t.Any]]:
        upstreams = {
            slot: [f"{self.address(f'{slot}-{n}')}:{PORT}" for n in range(1, COUNT + 1)]
            for slot in ("blue", "green")
        }
        both = {"upstreams": upstreams, "rate_limit": 0}
        api = {"service": "backend", "hostnames": [API], "websocket": ["/ws"], **both}
        return [api, {"service": "frontend", "kind": "spa", "hostnames": [ADMIN], **both}]

    def set_up(self, routes: list[dict[str, t.Any]]) -> None:
        playbook = self.stack.work / "proxy"
        playbook.with_suffix(".yml").write_text(yaml.safe_dump(PLAYBOOK))
        image = f"{self.stack.registry}/nginx:{self.version}"
        run = self.stack.play(str(playbook), nginx_image=image, nginx_routes=routes)
        assert run.code == 0, run.output

    def run(self, *names: str) -> None:
        """Have these instances, and no others, running."""
        for name in [name for name in self.instances if name not in names]:
            self.instances.pop(name).remove(force=True)
        for name in names:
            if name not in self.instances:
                self._start(name)

    def _start(self, name: str) -> None:
        client = docker.from_env()
        container = client.containers.create(
            f"{self.stack.registry}/node:24",
            ["node", "-e", INSTANCE],
            name=f"{self.stack.name}-{name}",
            environment={"PORT": PORT, "NAME": name},
            volumes=[f"{self.executed}:/executed"],
        )
        client.networks.get(self.stack.name).connect(container, ipv4_address=self.address(name))
        container.start()
        self.instances[name] = container
        deadline = time.monotonic() + 30
        while not self._answers(name):
            assert time.monotonic() < deadline, f"{name} does not answer"
            time.sleep(0.05)

    def _answers(self, name: str) -> bool:
        with (
            contextlib.closing(
                http.client.HTTPConnection(self.address(name), PORT, timeout=1)
            ) as connection,
            contextlib.suppress(OSError),
        ):
            connection.request("GET", "/version")
            return connection.getresponse().status == 200
        return False

    def shift(self, service: str, share: int, blue: int = 0, green: int = 0) -> None:
        """Percent on green, and instances; what the module does, in this process, as it is done often."""
        control = Nginx(f"http://127.0.0.1:{self.stack.control_port}")
        directory = TrafficDirectory.of(self.stack.state_dir)
        shifter = Shifter(directory, control, 5, time.monotonic, time.sleep)
        shifter.shift({service: share}, {service: {"blue": blue, "green": green}})
        control.close()

    def control(self, path: str) -> str:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.stack.control_port, timeout=5)
        ) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode().strip()

    def log(self, service: str, since: float) -> list[dict[str, t.Any]]:
        path = self.stack.log_dir / f"nginx/{service}.access.json"
        lines = map(json.loads, path.read_text().splitlines())
        return [line for line in lines if line["time"] >= since]


@pytest.fixture(scope="module", params=["1.30", "1.22"])
def site(empty: Stack, work: pathlib.Path, request: pytest.FixtureRequest) -> t.Iterator[Site]:
    executed = work / f"executed-{request.param}"
    executed.mkdir()
    site = Site(empty, request.param, executed)
    client = docker.from_env()
    if not client.networks.list(names=[f"^{empty.name}$"]):
        pool = docker.types.IPAMPool(subnet=empty.subnet)
        client.networks.create(empty.name, ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    client.images.pull(f"{empty.registry}/node:24")
    site.set_up(site.routes)
    for service in ("backend", "frontend"):
        site.shift(service, 0)
    yield site
    site.run()


@pytest.fixture(scope="module")
def probe(site: Site) -> dict[str, str]:
    token = (site.stack.state_dir / "nginx/probe_token").read_text().strip()
    return {"X-Probe-Token": token, "X-Probe-Slot": "green"}


@pytest.fixture(autouse=True)
def no_instance_was_asked_in_vain(site: Site) -> t.Iterator[None]:
    """nginx names all that it asked for an answer; one that does not run would cost its user three seconds."""
    since = time.time()
    yield
    for service in ("backend", "frontend"):
        assert [line for line in site.log(service, since) if "," in line["upstream_addr"]] == []


def names(slot: str, count: int) -> list[str]:
    return [f"{slot}-{number}" for number in range(1, count + 1)]


def ask(
    site: Site, hostname: str, path: str, source: str = "127.0.0.1", **sent: t.Any
) -> tuple[http.client.HTTPResponse, str]:
    """Answer and body of one request."""
    with contextlib.closing(Connection(site.stack, hostname, source)) as connection:
        connection.request(sent.pop("method", "GET"), path, **sent)
        response = connection.getresponse()
        return response, response.read().decode()


def load(site: Site) -> TrafficThread:
    here = f"127.0.0.1:{site.stack.https_port}"
    url = f"https://{API}:{site.stack.https_port}"
    targets = [
        Target("get", f"{url}/version", "api", here),
        Target("post", f"{url}/visits", "api", here, executions="executions"),
    ]
    return TrafficThread(Traffic(targets, ca=str(site.stack.ca_file), seconds=600, rate=100))


def nothing_went_wrong(site: Site, clients: TrafficThread, since: float) -> None:
    """Every request was answered, by the first instance that it was sent to, and executed once."""
    totals = clients.report["totals"]
    gap = clients.report["largest_gap"]["seconds"]
    print(f"{totals['sent']} requests, {totals['lost']} lost, longest gap {gap:.2f} s")
    assert lost_requests(clients.report) == 0, clients.report["events"]
    assert (totals["wrong"], totals["executed_twice"]) == (0, 0)
    assert totals["ok"] == totals["sent"] > 500
    lines = site.log("backend", since)
    assert {line["upstream_status"] for line in lines} == {"200"}
    sizes = {file.stat().st_size for file in site.executed.iterdir()}
    assert sizes == {1}


def test_nginx_says_how_many_instances_it_knows_and_uses(site: Site) -> None:
    for service, slot in itertools.product(("backend", "frontend"), ("blue", "green")):
        assert site.control(f"/servers/{service}/{slot}") == str(COUNT)
        assert site.control(f"/instances/{service}/{slot}") == "all"
    for count in range(1, COUNT):
        site.shift("backend", 0, blue=count, green=COUNT - count)
        assert site.control("/instances/backend/blue") == str(count)
        assert site.control("/instances/backend/green") == str(COUNT - count)
    site.shift("backend", 0)
    assert "404 Not Found" in site.control("/instances/backend/red")


def test_more_instances_than_there_are_is_a_mistake(site: Site) -> None:
    with pytest.raises(AssertionError, match=f"6 asked for, but nginx knows {COUNT}"):
        site.stack.ask(
            "traffic_shift",
            state_dir=str(site.stack.state_dir),
            control_url=f"http://127.0.0.1:{site.stack.control_port}",
            instances={"backend": {"green": COUNT + 1}},
        )


def test_a_slot_with_one_instance_has_traffic_without_an_error_or_a_delay(site: Site) -> None:
    site.run(*names("blue", COUNT), "green-1")
    site.shift("backend", 30, green=1)
    clients = [f"127.0.{third}.{fourth}" for third in (1, 2) for fourth in range(1, 101)]
    answers = [ask(site, API, "/version", source=client) for client in clients]
    assert {response.status for response, _body in answers} == {200}
    versions = Counter(json.loads(body)["version"] for _response, body in answers)
    assert set(versions) == {*names("blue", COUNT), "green-1"}
    assert 0.15 < versions["green-1"] / len(clients) < 0.45
    site.shift("backend", 0)


@pytest.mark.parametrize("count", [1, 2])
def test_the_secret_header_reaches_the_first_instances_at_0_percent(
    site: Site, probe: dict[str, str], count: int
) -> None:
    site.run("blue-1", *names("green", count))
    site.shift("backend", 0, blue=1, green=count)
    answers = [ask(site, API, "/version", headers=probe) for _time in range(10)]
    assert {json.loads(body)["version"] for _response, body in answers} == set(
        names("green", count)
    )
    assert json.loads(ask(site, API, "/version")[1])["version"] == "blue-1"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", **probe}
    opened = {ask(site, API, "/ws", headers=upgrade)[0].reason for _time in range(10)}
    assert opened == set(names("green", count))
    site.shift("backend", 0)


def test_a_page_and_the_files_of_both_slots_come_from_the_first_instances(site: Site) -> None:
    site.run("blue-1", *names("green", 3))
    site.shift("frontend", 0, blue=1, green=3)
    for _time in range(6):
        for path, text in {
            "/index.html": "page of blue",
            "/users/42?tab=1": "page of blue",
            "/assets/blue-Ab12Cd34.js": "file of blue",
            "/assets/green-Ab12Cd34.js": "file of green",
        }.items():
            response, body = ask(site, ADMIN, path)
            assert (response.status, body) == (200, text), path
    assert ask(site, ADMIN, "/assets/none-Ab12Cd34.js")[0].status == 404
    assert ask(site, ADMIN, "/none.js")[0].status == 404
    site.shift("frontend", 0)


def test_instances_are_exchanged_one_by_one_and_back_under_load(site: Site) -> None:
    """Rolling: the new slot grows by its next instance while the old one shrinks, which then stops."""
    site.run(*names("blue", COUNT))
    site.shift("backend", 0)
    since = time.time()
    with load(site) as clients:
        time.sleep(1)
        for new in [*range(1, COUNT + 1), *range(COUNT - 1, -1, -1)]:
            old = COUNT - new
            site.run(*site.instances, *names("green", new), *names("blue", old))
            site.shift("backend", new * 100 // COUNT, green=new, blue=old)
            time.sleep(0.8)
            site.run(*names("green", new), *names("blue", old))
    nothing_went_wrong(site, clients, since)


def test_changes_without_a_pause_under_load_ask_no_instance_that_does_not_run(site: Site) -> None:
    """Also in the moment of a change, between the look for the slot and those for its instances."""
    site.run(*names("blue", 3), *names("green", 2))
    site.shift("backend", 0, blue=3)
    since, changes = time.time(), 0
    steps = [(40, 1), (40, 2), (100, 2), (60, 1), (0, 0), (20, 2), (0, 2), (0, 0)]
    # A slot without traffic counts as all of its instances, though most do not run.
    states = itertools.product(steps, (3, 2, 1, 2))
    with load(site) as clients:
        for (share, green), blue in itertools.cycle(states):
            site.shift("backend", share, green=green, blue=blue if share < 100 else 0)
            changes += 1
            if time.time() - since > CHANGING:
                break
    print(f"{changes} changes in {time.time() - since:.0f} s")
    nothing_went_wrong(site, clients, since)
    site.shift("backend", 0)


def test_the_number_of_instances_may_change_while_only_the_first_have_traffic(site: Site) -> None:
    """More instances of a service are declared in the middle of a canary; nobody gets to those."""
    site.run("blue-1", "green-1")
    routes = site.routes
    for slot in routes[0]["upstreams"]:
        routes[0]["upstreams"][slot] = routes[0]["upstreams"][slot][:2]
    site.set_up(routes)
    site.shift("backend", 50, blue=1, green=1)
    site.set_up(site.routes)
    assert site.control("/servers/backend/green") == str(COUNT)
    answers = [ask(site, API, "/version", source=f"127.0.3.{n}") for n in range(1, 41)]
    assert {json.loads(body)["version"] for _response, body in answers} == {"blue-1", "green-1"}
