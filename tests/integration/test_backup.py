"""Backups of real servers: made while they are written to, restored elsewhere, rehearsed, and broken."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import itertools
import json
import pathlib
import shlex
import signal
import socket
import subprocess
import threading
import time
import typing as t

import pytest
from stack import ROOT, Run, Stack
from test_hardening import PEOPLE, Watcher, installed_files, leaks

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Settings,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_make import Backup
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_restore import Restore
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic

WRITTEN_BEFORE = 300  # writes of each load before the backup begins

# Each document names its number twice, so that one that is torn is seen.
WRITE_DOCUMENTS = """
import itertools, pymongo
numbers = pymongo.MongoClient("mongodb://127.0.0.1").shop.numbers
for n in itertools.count():
    numbers.insert_one({"n": n, "again": str(n) * 50})
    print(n, flush=True)
"""
FIRST_DOCUMENTS = """
import pymongo
shop = pymongo.MongoClient("mongodb://127.0.0.1").shop
shop.users.insert_many({"name": f"user {n}", "tags": ["a", {"deep": n / 7}]} for n in range(500))
shop.users.create_index([("name", 1)], name="by_name", unique=True)
"""
READ_DOCUMENTS = """
import json, pymongo
shop = pymongo.MongoClient("mongodb://127.0.0.1").shop
print(json.dumps({
    "numbers": sorted(d["n"] for d in shop.numbers.find() if d["again"] == str(d["n"]) * 50),
    "torn": [d["n"] for d in shop.numbers.find() if d["again"] != str(d["n"]) * 50],
    "users": [[d["name"], d["tags"]] for d in shop.users.find().sort("name")],
    "indexes": sorted(shop.users.index_information()),
}))
"""


def python_in(stack: Stack, program: str) -> str:
    """What a program prints in the container of MongoDB, which has a driver."""
    code, output = stack.containers()["mongodb"].exec_run(["python3", "-c", program])
    assert code == 0, output
    return str(output.decode())


def ask_redis(stack: Stack, *command: str) -> tuple[int, str]:
    """Exit status of the client, and what it says."""
    ask = f'read -r _ REDISCLI_AUTH < /etc/redis-server/password.conf; export REDISCLI_AUTH; redis-cli {shlex.join(command)}'  # fmt: skip
    code, output = stack.containers()["redis"].exec_run(["sh", "-c", ask])
    return int(code), str(output.decode()).strip()


def redis(stack: Stack, *command: str) -> str:
    code, output = ask_redis(stack, *command)
    assert code == 0, output
    return output


# All keys of a database with their values, in the order of their names.
READ_KEYS = """
local names, values = redis.call('KEYS', '*'), {}
table.sort(names)
for number, name in ipairs(names) do values[number] = redis.call('GET', name) end
return cjson.encode(values)
"""


def held(stack: Stack) -> dict[str, t.Any]:
    """All that the databases of an installation hold."""
    documents = json.loads(python_in(stack, READ_DOCUMENTS))
    keys = {
        f"redis {n}": json.loads(redis(stack, "-n", str(n), "EVAL", READ_KEYS, "0")) for n in (0, 3)
    }
    return {**documents, **keys}


@contextlib.contextmanager
def loads(stack: Stack) -> t.Iterator[dict[str, int]]:
    """Writers to both databases; how many of their writes were acknowledged."""
    acknowledged = {"mongodb": 0, "redis": 0}
    ended = threading.Event()
    command = ["docker", "exec", f"{stack.name}-mongodb", "python3", "-uc", WRITE_DOCUMENTS]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def documents() -> None:
        for line in t.cast(t.IO[str], writer.stdout):
            acknowledged["mongodb"] = int(line) + 1

    def keys() -> None:
        networks = stack.containers()["redis"].attrs["NetworkSettings"]["Networks"]
        password = (stack.work / "secrets/redis_password").read_text().strip()
        address = (networks[stack.name]["IPAddress"], 6379)
        with socket.create_connection(address) as connection, connection.makefile("rwb") as stream:
            for number in itertools.count(-1):
                said = f"AUTH {password}" if number < 0 else f"SET n:{number:06d} {number}"
                stream.write(f"{said}\r\n".encode())
                stream.flush()
                assert stream.readline() == b"+OK\r\n"
                acknowledged["redis"] = number + 1
                if ended.wait(0.01):
                    return

    threads = [threading.Thread(target=work) for work in (documents, keys)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        ended.set()
        # The client's end leaves the program in the container running; its own end is by its name.
        stack.containers()["mongodb"].exec_run(["sh", "-c", KILL_WRITER])
        writer.wait()
        for thread in threads:
            thread.join()


KILL_WRITER = 'for p in /proc/[0-9]*; do if grep -qs itertools $p/cmdline && [ $p != /proc/$$ ]; then kill ${p#/proc/}; fi; done'  # fmt: skip


@dataclasses.dataclass
class Made:
    """An installation, and a backup that was made of it while it was written to."""

    stack: Stack
    runs: dict[str, Run]
    acknowledged: dict[str, int]
    watcher: Watcher

    @property
    def settings_file(self) -> pathlib.Path:
        return self.stack.config_dir / "backup/settings.json"

    @property
    def settings(self) -> Settings:
        return Settings.read(str(self.settings_file))


@pytest.fixture(scope="module")
def made(empty: Stack) -> Made:
    empty.extra.update(backup_repository=str(empty.work / "repository"))
    watcher = Watcher()
    runs = {"first": empty.play("playbooks/foundation", "-vvv", "--diff")}
    assert runs["first"].code == 0, runs["first"].output
    tls = empty.config_dir / "nginx/tls"
    tls.mkdir(parents=True)
    (tls / "server.key").write_text("the key of nginx\n")
    (tls / "server.key").chmod(0o600)
    (tls / "now.pem").symlink_to("server.pem")
    record = {"service": "backend", "release": "20261124-1", "facts": {"version": "1.0.0"}}
    empty.ask("release", state_dir=str(empty.state_dir), outcome="succeeded", records=[record])
    python_in(empty, FIRST_DOCUMENTS)
    redis(empty, "-n", "3", "SET", "other", "kept")
    redis(empty, "SET", "gone", "soon", "EX", "3600")
    with loads(empty) as acknowledged:
        while min(acknowledged.values()) < WRITTEN_BEFORE:
            time.sleep(0.05)
        before = dict(acknowledged)
        with watcher.watching():
            runs["backup"] = empty.play("backup", "-vvv")
    assert runs["backup"].code == 0, runs["backup"].output
    return Made(empty, runs, before, watcher)


def backup_of(settings: Settings) -> Backup:
    return Backup(settings, Tools(connect(), settings), Restic(settings))


def restore_of(settings: Settings) -> Restore:
    return Restore(settings, Tools(connect(), settings), Restic(settings))


# --- a second environment


@pytest.fixture(scope="module")
def other(made: Made) -> t.Iterator[Stack]:
    """An installation with nothing in it, to which the first one's backup is brought."""
    work = made.stack.work / "other"
    work.mkdir()
    stack = Stack(name=f"{made.stack.name}2", registry=made.stack.registry, work=work)
    stack.extra.update(
        **made.stack.extra,
        backup_project=made.stack.name,
        dev_secrets_dir=str(made.stack.work / "secrets"),
    )
    try:
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="module")
def restored(other: Stack) -> Run:
    run = other.play("restore", "-vvv")
    assert run.code == 0, run.output
    return run


def test_every_write_before_the_backup_is_restored_and_none_is_torn(
    made: Made, other: Stack, restored: Run
) -> None:
    told = " ".join(restored.output.split())
    assert "counts and checksums are those of the manifest" in told
    has = held(other)
    assert has["torn"] == []
    assert has["numbers"] == list(range(len(has["numbers"])))
    assert len(has["numbers"]) >= made.acknowledged["mongodb"]
    written = [value for value in has["redis 0"] if value != "soon"]
    assert written == [str(number) for number in range(len(written))]
    assert len(written) >= made.acknowledged["redis"]
    assert len(has["users"]) == 500
    assert has["indexes"] == ["_id_", "by_name"]
    assert has["redis 3"] == ["kept"]
    assert int(redis(other, "TTL", "gone")) > 0


def test_what_redis_got_back_survives_its_restart(other: Stack, restored: Run) -> None:
    before = held(other)
    other.containers()["redis"].restart()
    while "loading:0" not in ask_redis(other, "INFO", "persistence")[1]:
        time.sleep(0.1)
    assert held(other) == before
    assert "role:master" in redis(other, "INFO", "replication")
    assert redis(other, "CONFIG", "GET", "masterauth").split() == ["masterauth"]


def test_files_are_restored_with_their_modes(made: Made, other: Stack, restored: Run) -> None:
    for name in ("server.key", "now.pem"):
        there, here = (one.config_dir / "nginx/tls" / name for one in (made.stack, other))
        assert here.lstat().st_mode == there.lstat().st_mode
        assert here.is_symlink() or here.read_text() == there.read_text()
    assert other.records("backend") == made.stack.records("backend")


def test_what_is_there_is_replaced_only_when_that_is_asked_for(other: Stack, restored: Run) -> None:
    settings = Settings.read(str(other.config_dir / "backup/settings.json"))
    before = held(other)
    redis(other, "SET", "n:000001", "changed")
    with pytest.raises(
        BackupError, match=r"^not empty: mongodb has shop.numbers, shop.users; redis has \d+ keys; "
    ):
        restore_of(settings).restore("latest", [], overwrite=False, dry=False)
    would = restore_of(settings).restore("latest", ["redis"], overwrite=True, dry=True)
    assert would["msg"].startswith("would restore")
    assert redis(other, "GET", "n:000001") == "changed"
    done = restore_of(settings).restore("latest", ["redis"], overwrite=True, dry=False)
    assert done["differences"] == []
    assert held(other) == before


def test_a_second_setup_of_backups_changes_nothing(made: Made) -> None:
    again = made.stack.play("playbooks/foundation", "--tags", "backup")
    assert (again.code, again.changed) == (0, 0), again.output


# --- a rehearsal


def test_a_drill_compares_reports_and_leaves_nothing(made: Made) -> None:
    before = {name: one.id for name, one in made.stack.containers().items()}
    live = held(made.stack)
    run = made.stack.play("restore_drill")
    assert run.code == 0, run.output
    (report,) = (made.stack.state_dir / "backup/drills").iterdir()
    told = json.loads(report.read_text())
    assert told["ok"] is True
    assert told["differences"] == []
    assert set(told["sources"]) == {"mongodb", "redis", "tls", "ledger", "settings"}
    assert told["releases"] == {"backend": {"release": "20261124-1", "version": "1.0.0"}}
    assert {name: one.id for name, one in made.stack.containers().items()} == before
    assert not pathlib.Path(made.settings.staging_dir).exists()
    assert held(made.stack) == live


# --- the schedule


def scheduled(made: Made) -> list[str]:
    (line,) = [
        line
        for line in pathlib.Path(f"/etc/cron.d/{made.stack.name}-backup").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert line.startswith("17 3 * * * root ")
    return shlex.split(line.removeprefix("17 3 * * * root ").partition(" >> ")[0])


def test_the_scheduled_program_makes_a_backup_after_one_that_was_killed(made: Made) -> None:
    """It runs with nothing but what the role put on the host."""
    before = len(Restic(made.settings).snapshots())
    bare = {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(scheduled(made), cwd="/", env=bare) as killed:
        while not any("-backup-" in c.name for c in made.stack.containers().values()):
            assert killed.poll() is None
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    done = subprocess.run(
        scheduled(made), cwd="/", env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("snapshot ")
    found = Restic(made.settings).snapshots()
    assert len(found) == before + 1
    assert "scheduled" in found[0].tags
    assert not any("backup" in name for name in made.stack.containers())


# --- before a release

PLAY = [
    {
        "name": "Release",
        "hosts": "app",
        "gather_facts": False,
        "vars_files": [str(ROOT / "playbooks/vars/plan.yml")],
        "roles": ["tagadodo.deploy.common"],
        "tasks": [
            {
                "name": f"Have a backup, {hours} hours old at most",
                "ansible.builtin.include_tasks": str(ROOT / "playbooks/tasks/backup.yml"),
                "vars": {"plan": {"backup_hours": hours}},
            }
            for hours in (24, None, 0)
        ],
    }
]


def test_a_release_has_a_recent_backup_or_makes_one(made: Made) -> None:
    before = Restic(made.settings).snapshots()
    (made.stack.work / "release.yml").write_text(json.dumps(PLAY))
    run = made.stack.play(str(made.stack.work / "release"))
    assert run.code == 0, run.output
    newest, *others = Restic(made.settings).snapshots()
    assert [one.id for one in others][:1] == [one.id for one in before][:1]
    assert "before-release" in newest.tags
    assert run.changed == 1


# --- what goes wrong


@contextlib.contextmanager
def small(place: pathlib.Path, size: str) -> t.Iterator[pathlib.Path]:
    """A file system of its own, soon full."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def refused(made: Made, work: t.Callable[[], object]) -> str:
    """Why something failed; what is live and what was stored before stays, and nothing is left over."""
    live, stored = held(made.stack), [one.id for one in Restic(made.settings).snapshots()]
    with pytest.raises(BackupError) as error:
        work()
    assert held(made.stack) == live
    assert [one.id for one in Restic(made.settings).snapshots()] == stored
    assert not pathlib.Path(made.settings.staging_dir).exists()
    assert not any("-backup-" in one.name for one in made.stack.containers().values())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_wrong_password_is_named(made: Made, tmp_path: pathlib.Path) -> None:
    (tmp_path / "password").write_text("another one\n")
    settings = dataclasses.replace(made.settings, password_file=str(tmp_path / "password"))
    told = refused(made, lambda: backup_of(settings).make())
    assert told.endswith(": the password is wrong; set backup_password to the one it was made with")


def test_half_a_backup_is_none(made: Made) -> None:
    """MongoDB was dumped when Redis refuses."""
    database = made.settings.redis
    assert database is not None
    wrong = dataclasses.replace(database, password="not-the-password")
    settings = dataclasses.replace(made.settings, redis=wrong)
    told = refused(made, lambda: backup_of(settings).make())
    assert told.startswith("redis: ")
    assert "not-the-password" not in told


@pytest.mark.parametrize("where", ["staging", "repository"])
def test_a_full_disk_is_named(made: Made, tmp_path: pathlib.Path, where: str) -> None:
    with small(tmp_path / "small", "200k" if where == "staging" else "64k") as place:
        if where == "staging":
            settings = dataclasses.replace(made.settings, staging_dir=str(place / "staging"))
        else:
            settings = dataclasses.replace(made.settings, repository=str(place / "repository"))
            Restic(settings).create()
        told = refused(made, lambda: backup_of(settings).make())
    assert "no space left" in told
    assert str(place) in told


@pytest.mark.parametrize("damage", ["flipped", "removed"])
def test_a_damaged_repository_restores_nothing(
    made: Made, tmp_path: pathlib.Path, damage: str
) -> None:
    copy = tmp_path / "repository"
    subprocess.run(["cp", "-r", made.settings.repository, str(copy)], check=True)
    packs = [path for path in copy.glob("data/*/*") if path.is_file()]
    pack = max(packs, key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.unlink()
    if damage == "flipped":
        pack.write_bytes(content)
    # What this host remembers of the repository is of the good one.
    state = tmp_path / "state"
    settings = dataclasses.replace(made.settings, repository=str(copy), state_dir=str(state))
    told = refused(
        made, lambda: restore_of(settings).restore("latest", [], overwrite=True, dry=False)
    )
    assert "damaged" in told
    assert str(copy) in told


def test_only_one_backup_is_at_work(made: Made) -> None:
    with (made.settings.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = refused(made, lambda: backup_of(made.settings).make())
    assert told.startswith("another backup or restore of ")


# --- secrets


@pytest.fixture(scope="module")
def secrets(made: Made) -> dict[str, str]:
    found = {p.name: p.read_text().split()[0] for p in (made.stack.work / "secrets").iterdir()}
    assert {"backup_password", "redis_password"} <= set(found)
    return found


def test_no_output_and_no_process_list_shows_a_secret(
    made: Made, restored: Run, secrets: dict[str, str]
) -> None:
    outputs = [run.output for run in made.runs.values()]
    assert leaks("\n".join([*outputs, restored.output]), secrets) == []
    for known in ("mongodump", "redis-cli", "restic"):
        assert any(known in line for line in made.watcher.lines), known
    assert leaks("\n".join(made.watcher.lines), secrets) == []


def test_files_with_secrets_are_roots_alone(made: Made, secrets: dict[str, str]) -> None:
    program = pathlib.Path("/usr/local/lib") / f"{made.stack.name}-backup"
    cron = pathlib.Path(f"/etc/cron.d/{made.stack.name}-backup")
    files = [*installed_files(made.stack), *program.rglob("*.py"), cron]
    holding = [path for path in files if leaks(path.read_text(errors="replace"), secrets)]
    assert {path.name for path in holding} == {"password", "settings.json", "password.conf"}
    for path in holding:
        assert not path.stat().st_mode & PEOPLE
        assert not path.parent.stat().st_mode & PEOPLE
