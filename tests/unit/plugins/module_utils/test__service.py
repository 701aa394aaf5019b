"""A service's description: every mistake has a one-line answer, and what follows from it is stable."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    BLOCKS,
    Installation,
    Service,
    ServiceError,
    image_repository,
    other_slot,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

GOOD = {
    "backend": {
        "image": "tagadodo/backend",
        "port": 3000,
        "hostnames": ["api.example.com"],
        "version": "1.0.0",
    },
    "frontend": {"image": "tagadodo/frontend", "port": 8080, "hostnames": ["admin.example.com"]},
}


def described(**changes: object) -> dict[str, dict[str, object]]:
    services = copy.deepcopy(GOOD)
    services["backend"].update(changes)
    return services


def test_defaults_are_filled_in_from_the_argument_specs() -> None:
    backend = parse_services(GOOD)[0]
    assert backend.settings["strategy"] == "blue_green"
    assert backend.settings["canary"]["shares"] == [10, 25, 50, 100]
    assert backend.settings["health"]["ready_probe"]["period"] == 5
    assert backend.settings["security"]["read_only"] is True


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"port": 70000}, "services.backend.port: 70000 is not between 1 and 65535"),
        ({"port": 0}, "services.backend.port: 0 is not between"),
        ({"port": "web"}, "services.backend: argument 'port' is of type"),
        ({"instances": 17}, "services.backend.instances: 17 is not between 1 and 16"),
        (
            {"strategy": "bluegreen"},
            "value of strategy must be one of: blue_green, canary, rolling, got: bluegreen",
        ),
        (
            {"canary": {"shares": [10, 150]}},
            "services.backend.canary.shares: 150 is not between 1 and 100",
        ),
        ({"canary": {"shares": [50, 10, 100]}}, "does not ascend"),
        ({"canary": {"shares": [10, 50]}}, "does not end with 100"),
        (
            {"hostnames": ["admin.example.com"]},
            "admin.example.com already belongs to services.backend",
        ),
        ({"hostnames": []}, "services.backend.hostnames: at least one"),
        ({"hostnames": ["https://api.example.com"]}, "is not a host name"),
        ({"hostnames": ["www.example.com", "*example.com"]}, "is not a host name"),
        ({"hostnames": ["*.example.com", "www.example.com"]}, "put one without * before it"),
        ({"image": "tagadodo/backend:1.0"}, "the tag is `version`"),
        ({"version": "v1 final"}, "is not a valid image tag"),
        ({"prot": 3000}, "services.backend.prot: not known; did you mean port?"),
        ({"health": {"ready": "ready"}}, "services.backend.health.ready: 'ready' must be a path"),
        ({"route": {"sticky": "ip"}}, "is not client, cookie:NAME or header:NAME"),
        ({"bake": -1}, "services.backend.bake: -1 is not between"),
        ({"address_block": 399}, "services.backend.address_block: 399 is not between"),
        ({"env": {"A": "1"}, "secrets": {"A": "2"}}, "env and secrets both set A"),
        (
            {"migrations": {"status": ["s"], "up": ["u"], "parse": {"line": "x", "pending": "P"}}},
            "services.backend.migrations.parse.line: 'x' has no group (?P<name>...)",
        ),
        (
            {"migrations": {"status": ["s"], "up": ["u"], "labels": {"contract": ["("]}}},
            "services.backend.migrations.labels.contract: '(' is no regular expression",
        ),
        (
            {"migrations": {"status": ["s"], "up": ["u"], "lease": {"uri": "MONGO_URI"}}},
            "services.backend.migrations.lease.uri: neither env nor secrets set MONGO_URI",
        ),
    ],
)
def test_each_mistake_is_told_in_one_line(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ServiceError) as error:
        parse_services(described(**changes))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("raw", [{}, None, [], "backend"])
def test_no_services_at_all(raw: object) -> None:
    with pytest.raises(ServiceError, match="none described"):
        parse_services(raw)


def test_a_missing_image_is_told() -> None:
    services = described()
    del services["backend"]["image"]
    with pytest.raises(ServiceError, match=r"services\.backend\.image: missing"):
        parse_services(services)


def test_two_services_with_one_block_are_told_how_to_part() -> None:
    services = described(address_block=7)
    services["frontend"]["address_block"] = 7
    with pytest.raises(
        ServiceError, match=r"same block \(7\) as services\.backend; set address_block"
    ):
        parse_services(services)


def test_an_unknown_service_and_a_missing_version_are_told() -> None:
    services = parse_services(GOOD)
    with pytest.raises(
        ServiceError, match="shop is not described; known services: backend, frontend"
    ):
        select_services(services, "shop", "")
    with pytest.raises(ServiceError, match=r"services\.frontend\.version: no version to deploy"):
        select_services(services, "", "")


def test_a_given_version_wins_and_names_may_have_commas() -> None:
    chosen = select_services(parse_services(GOOD), "backend, frontend", "2.0.0")
    assert [(one.name, one.settings["version"]) for one in chosen] == [
        ("backend", "2.0.0"),
        ("frontend", "2.0.0"),
    ]


@given(st.from_regex(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", fullmatch=True))
def test_addresses_of_a_service_are_distinct_and_outside_the_dynamic_range(name: str) -> None:
    service = Service(name, {"port": 80, "instances": 16})
    installation = Installation()
    places = {
        service.address(installation, slot, n) for slot in ("blue", "green") for n in range(1, 17)
    }
    ports = {service.published_port(slot, n) for slot in ("blue", "green") for n in range(1, 17)}
    assert len(places) == len(ports) == 32
    assert not any(place.startswith(("10.213.0.", "10.213.1.")) for place in places)
    assert min(ports) >= 20000
    assert max(ports) < 32768
    assert 0 <= service.block < BLOCKS


def test_addresses_do_not_depend_on_other_services() -> None:
    alone = parse_services({"frontend": GOOD["frontend"]})[0]
    beside = parse_services(GOOD)[1]
    assert alone.upstreams(Installation(), "blue") == beside.upstreams(Installation(), "blue")


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("tagadodo/backend", "mirror:5000/tagadodo/backend"),
        ("nginx", "mirror:5000/nginx"),
        ("ghcr.io/tagadodo/backend", "ghcr.io/tagadodo/backend"),
        ("localhost/backend", "localhost/backend"),
        ("registry:5000/backend", "registry:5000/backend"),
    ],
)
def test_the_registry_goes_in_front_unless_one_is_named(image: str, repository: str) -> None:
    assert image_repository(image, "mirror:5000") == repository


def test_public_settings_hold_the_names_of_secrets_only() -> None:
    service = parse_services(described(secrets={"TOKEN": "hush"}))[0]
    assert service.public_settings["secrets"] == ["TOKEN"]
    assert "hush" not in str(service.public_settings)


def test_other_slot() -> None:
    assert (other_slot("blue"), other_slot("green")) == ("green", "blue")
