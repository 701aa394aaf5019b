"""Certificates of an authority: the first ones, renewed ones, and an authority that is down."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import threading
import typing as t

import pytest
from audit import drheader, scan, sslyze
from authority import Authority, served
from clients import Connection, load, lost_requests
from described import QUICK, services_with
from figures import keep
from stack import Run, Stack

NAMES = ("api.localhost", "admin.localhost")
KID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="module")
def authority(empty: Stack) -> t.Iterator[Authority]:
    authority = Authority(empty.work / "authority", empty.http_port, accounts={KID: KEY})
    with authority.running():
        yield authority


@pytest.fixture(scope="module")
def certified(empty: Stack, authority: Authority) -> Stack:
    """1.0.0 is live, with certificates of the authority."""
    roots = empty.work / "roots.pem"
    roots.write_text(authority.root())
    empty.extra.update(
        nginx_tls="certbot",
        certbot_server=authority.directory,
        certbot_ca_file=str(authority.server_ca),
        certbot_eab={"kid": KID, "hmac_key": KEY},
        certbot_email="ops@tagadodo.com",
        deploy_ca_file=str(roots),
    )
    run = empty.play("site", services=QUICK)
    assert run.code == 0, run.output
    return empty


def shown(stack: Stack, authority: Authority) -> list[str]:
    """Serial numbers of what nginx shows, verified by the authority's root."""
    found = [served(stack.https_port, name, authority.root()) for name in NAMES]
    for name, certificate in zip(NAMES, found, strict=True):
        assert certificate["subjectAltName"] == (("DNS", name),)
    return [certificate["serialNumber"] for certificate in found]


def test_the_first_certificates_are_there_before_the_first_release(
    certified: Stack, authority: Authority
) -> None:
    assert len(set(shown(certified, authority))) == len(NAMES)
    tree = certified.config_dir / "letsencrypt/live"
    assert sorted(path.name for path in tree.iterdir() if path.is_dir()) == sorted(NAMES)
    for private in (certified.config_dir / "certbot").iterdir():
        assert private.stat().st_mode & 0o77 == 0, private


@pytest.mark.parametrize("name", NAMES)
def test_tls_is_what_mozilla_calls_intermediate(certified: Stack, name: str) -> None:
    told = sslyze(certified.https_port, name, certified.ca_file)
    assert "OK - Compliant" in told, told


# What testssl.sh has to say, and why that stays.
TLS_FINDINGS = {
    # Of the tool itself: the distribution's OpenSSL has no GOST.
    "engine_problem": "No engine or GOST support via engine with your /usr/bin/openssl",
    # It asks for no name, and is shown nothing then. sslyze, which names one, finds it supported.
    "secure_renego": "OpenSSL handshake didn't succeed",
    # The authority of the tests has neither; Let's Encrypt names a list.
    "cert_revocation": "Neither CRL nor OCSP URI provided",
}


def test_a_second_scanner_finds_nothing_weak_in_tls(certified: Stack) -> None:
    """Protocols, ciphers, key exchange, certificate, headers, and each attack that has a name."""
    checks = ("-p", "-s", "-f", "-S", "-h", "-U")
    found = scan(certified.https_port, "api.localhost", certified.ca_file, *checks)
    assert found == TLS_FINDINGS


PAGE, ANSWER = "admin.localhost", "api.localhost"
# What drHEADer has to say, and why that stays.
HEADER_FINDINGS = {
    # Without a version. nginx cannot leave it out.
    "Server": {PAGE, ANSWER},
    # The page may be kept, but not used unasked. Whether an answer may be kept, the application says.
    "Cache-Control": {PAGE, ANSWER},
    # Of browsers and plug-ins that nobody has any more.
    "X-XSS-Protection": {PAGE, ANSWER},
    "X-Permitted-Cross-Domain-Policies": {PAGE, ANSWER},
    # Frameworks put styles into pages, and bundlers small pictures and fonts into styles. Scripts are files of the page's own.
    "Content-Security-Policy - style-src": {PAGE},
    "Content-Security-Policy - img-src": {PAGE},
    "Content-Security-Policy - font-src": {PAGE},
    # An API is there for pages of other origins. CORS of the application says which.
    "Cross-Origin-Resource-Policy": {ANSWER},
    # It is about what a page may use, and an answer is none: its policy has no source at all.
    "Permissions-Policy": {ANSWER},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_judge_of_headers_finds_what_is_meant_and_no_more(certified: Stack, name: str) -> None:
    with contextlib.closing(Connection(certified, name)) as connection:
        connection.request("GET", "/")
        headers = dict(connection.getresponse().getheaders())
    expected = {rule for rule, names in HEADER_FINDINGS.items() if name in names}
    assert set(drheader(name, headers)) == expected


def test_the_judge_of_headers_would_find_them_missing() -> None:
    nothing = set(drheader("nothing", {"Content-Type": "text/html"}))
    assert nothing >= {"Content-Security-Policy", "Strict-Transport-Security", "X-Frame-Options"}


def test_again_changes_nothing(certified: Stack) -> None:
    again = certified.play("site", services=QUICK)
    assert (again.code, again.changed) == (0, 0), again.output


def test_renewed_under_load_while_a_canary_is_watched(
    certified: Stack, authority: Authority
) -> None:
    before = shown(certified, authority)
    services = services_with(strategy="canary", bake=5)
    services["backend"]["canary"] = {"shares": [30, 100], "minimum": 10, "maximum": 90}
    released: list[Run] = []

    def release() -> None:
        released.append(certified.play("deploy", "-e", "version=1.1.0", services=services))

    with load(certified) as clients:
        releasing = threading.Thread(target=release)
        releasing.start()
        while certified.green_share("backend") not in (30, 70):
            assert releasing.is_alive(), released[0].output
        renewed = certified.play("certificates", "-e", "renew=yes")
        releasing.join()
    assert renewed.code == 0, renewed.output
    assert released[0].code == 0, released[0].output
    assert not set(before) & set(shown(certified, authority))
    lost, sent = lost_requests(clients.report), clients.report["totals"]["sent"]
    keep("certificates", "renewed while a canary is watched", {"sent": sent, "lost": lost})
    assert lost == 0, clients.report["events"][:5]


def test_a_reload_and_a_rotation_are_no_stop_by_hand(certified: Stack) -> None:
    """The engine would not start nginx when the host starts anew. Only its own file says so."""
    rotation = [f"/etc/logrotate.d/{certified.name}-nginx"]
    state = certified.work / "logrotate.state"
    subprocess.run(["logrotate", "-f", "-s", str(state), *rotation], check=True)
    container = certified.containers()["nginx"]
    root = pathlib.Path(certified.engine.info()["DockerRootDir"])
    known = json.loads((root / "containers" / container.id / "config.v2.json").read_text())
    assert not known["HasBeenManuallyStopped"]


def test_an_authority_that_is_down_changes_nothing_users_see(
    certified: Stack, authority: Authority
) -> None:
    before = shown(certified, authority)
    root = authority.root()
    authority.stop()
    try:
        run = certified.play("certificates", "-e", "renew=yes")
        assert run.code != 0
        assert "api.localhost: " in run.reason
        assert "admin.localhost: " in run.reason
        assert "\n" not in run.reason
        shows = [served(certified.https_port, name, root)["serialNumber"] for name in NAMES]
        assert shows == before
    finally:
        authority.start()


def test_the_program_of_the_schedule_renews_what_is_due(certified: Stack) -> None:
    schedule = pathlib.Path(f"/etc/cron.d/{certified.name}-certificates").read_text()
    command = schedule.splitlines()[-1].partition(" root ")[2].partition(" >>")[0]
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "new certificates: none was due\n"), done.stderr


def test_challenges_of_nobody_are_not_found(certified: Stack) -> None:
    connection = Connection(certified, "api.localhost")
    connection.request("GET", "/.well-known/acme-challenge/nothing")
    assert connection.getresponse().status == 404
