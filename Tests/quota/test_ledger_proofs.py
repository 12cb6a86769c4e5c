"""The budget ledger between real processes: eight at once, kills, files that cannot be used."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from c_programs import ROOT

KILLS = int(os.environ.get("TRACEVAULT_LEDGER_KILLS", "60"))
SEED = int(os.environ.get("TRACEVAULT_SEED", "11"))
#: Words of the header's page: the boot id is its third and fourth, the last use its ninth.
BOOT_ID_AT = 16
LAST_USE_AT = 64


@pytest.fixture(scope="module")
def program() -> Path:
    subprocess.run(
        ["swift", "build", "--configuration", "release", "--product", "ledger"],
        cwd=ROOT,
        check=True,
        timeout=500,
    )
    return ROOT / ".build/release/ledger"


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # On disk: a ledger refuses some of the file systems that /tmp may be.
    directory = Path("/var/tmp") / f"tracevault-proof-{os.getpid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    yield directory / "budget.ledger"
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


class Process:
    """One process of Tests/ledger/main.swift; what it writes goes to a file of its own."""

    count = 0

    def __init__(self, program: Path, path: Path, *arguments: object) -> None:
        Process.count += 1
        self.log = path.parent / f"log-{Process.count}"
        verb, *rest = arguments
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([program, str(verb), path, *map(str, rest)], stdout=out)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def lines(self) -> list[str]:
        self.process.wait(60)
        # A line that was cut short by a kill has no end.
        return [line[:-1] for line in self.log.read_text().splitlines(True) if line[-1] == "\n"]

    def times(self) -> list[int]:
        lines = self.lines()
        assert not lines or lines[0] == "shared", lines[0]
        return [int(line) for line in lines if line.isdigit()]


def violations(times: list[int], interval: int, tolerance: int) -> int:
    """How many requests come too early for a limiter that sees all in order: 0 exactly when no
    window of any length holds more than the quota allows."""
    arrival = count = 0
    for at in sorted(times):
        count += arrival > at + tolerance
        arrival = max(arrival, at) + interval
    return count


def test_the_judge_knows_too_many() -> None:
    assert violations([0, 0, 10, 20], 10, 10) == 0
    assert violations([0, 0, 0, 20], 10, 10) == 1


def test_eight_processes_share_one_quota(program: Path, path: Path) -> None:
    """Each spends as fast as it may for three seconds; the bound holds in every window of the log."""
    interval, tolerance = 2_000, 40_000
    processes = [
        Process(program, path, "spend", 4711, interval, tolerance, 3000, 1) for _ in range(8)
    ]
    each = [process.times() for process in processes]
    times = [at for one in each for at in one]
    window = max(times) - min(times)
    allowed = (window + tolerance) // interval + 1
    print(f"8 processes: {len(times)} of {allowed} requests, each {[len(one) for one in each]}")
    assert violations(times, interval, tolerance) == 0
    # And all of it is used: a ledger that permits nothing would pass as well.
    assert len(times) >= 0.9 * allowed
    assert all(process.lines()[-1] == "overflows 0" for process in processes)


@pytest.mark.skipif(KILLS <= 0, reason="TRACEVAULT_LEDGER_KILLS is 0")
def test_no_kill_invents_a_permit_or_leaves_the_lock(program: Path, path: Path) -> None:
    """Four processes spend while slots change hands; one is killed at random, again and again."""
    # The clock runs 100,000 times as fast: an interval is 20 s of it, 0.2 ms of ours.
    interval, tolerance = 20_000_000, 400_000_000
    arguments = ("spend", 4711, interval, tolerance, 600_000, 100_000)
    chance = random.Random(SEED)
    running = [Process(program, path, *arguments) for _ in range(4)]
    everyone = list(running)
    try:
        for _ in range(KILLS):
            time.sleep(chance.random() * 0.03)
            victim = chance.randrange(4)
            running[victim].kill()
            running[victim] = Process(program, path, *arguments)
            everyone.append(running[victim])
    finally:
        for process in running:
            process.kill()
    times = [at for process in everyone for at in process.times()]
    print(
        f"{KILLS} kills: {len(times)} requests over {(max(times) - min(times)) / 3.6e9:.0f} hours"
    )
    assert violations(times, interval, tolerance) == 0, f"seed {SEED}"
    assert len(times) > 10 * KILLS
    # The next one goes on: it gets slots, so the lock is free.
    last = Process(program, path, "spend", 4711, interval, tolerance, 300, 100_000)
    assert last.lines()[-1] == "overflows 0"
    assert len(last.times()) > 10


def boot_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def patch(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def spends(program: Path, path: Path) -> bool:
    return bool(Process(program, path, "spend", 4711, 1000, 0, 50, 1).times())


def test_a_parking_outlives_a_reboot(program: Path, path: Path) -> None:
    """The ledger was last used at an uptime that the clock has not reached: it began anew."""
    rest, ahead = 100_000_000, 3_600_000_000
    if boot_us() < rest + 40_000_000:
        pytest.skip("this host has been up for less than 140 s")
    cases = [(rest, True), (boot_us() + rest, False)]
    # Nothing is parked for longer than a day: on a host that is up for as long, the second is over.
    for left, may_spend in cases if boot_us() < 70_000_000_000 else cases[:1]:
        path.unlink(missing_ok=True)
        then = boot_us() + ahead
        Process(program, path, "park", 4711, then + left).lines()
        patch(path, LAST_USE_AT, then.to_bytes(8, "little"))
        patch(path, BOOT_ID_AT, bytes(16))
        # What was left then is left from the new clock's beginning on, which may be over.
        assert spends(program, path) is may_spend


def test_a_container_that_starts_anew_forgets_no_parking(program: Path, path: Path) -> None:
    """Each start has a boot id of its own, and the host's clock goes on."""
    Process(program, path, "park", 4711, boot_us() + 300_000_000).lines()
    for start in range(1, 6):
        patch(path, BOOT_ID_AT, bytes([start]) * 16)
        assert not spends(program, path)


def test_without_descriptors_the_quota_stays_shared(program: Path, path: Path) -> None:
    shell = f'ulimit -n 64; "{program}" starve "{path}"'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "shared\nlost 0\n")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("damaged", "private: it is truncated or not a ledger"),
        ("truncated", "private: it is truncated or not a ledger"),
        ("link", "private: the file is a symbolic link"),
        ("open", "private: others may read or write it: chmod go= it"),
        ("readonly", "private: "),
        ("directory", "private: the file: EISDIR"),
        ("foreign", "private: it is truncated or not a ledger"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_and_named(
    program: Path, path: Path, kind: str, reason: str
) -> None:
    assert Process(program, path, "report").lines() == ["shared"]
    if kind == "damaged":
        with path.open("r+b") as file:
            file.write(b"garbage!")
    elif kind == "truncated":
        os.truncate(path, 5000)
    elif kind == "link":
        path.rename(path.with_suffix(".real"))
        path.symlink_to(path.with_suffix(".real"))
    elif kind == "open":
        path.chmod(0o666)
    elif kind == "readonly":
        path.chmod(0o400)
    elif kind == "directory":
        path.unlink()
        path.mkdir()
    elif kind == "foreign":
        path.write_text("somebody's notes\n")
    lines = Process(program, path, "report").lines()
    assert len(lines) == 1 and lines[0].startswith(reason)
    if kind == "directory":
        path.rmdir()


def test_a_limit_on_file_sizes_does_not_end_the_process(program: Path, path: Path) -> None:
    """Beyond RLIMIT_FSIZE the kernel would send SIGXFSZ."""
    shell = f'ulimit -f 1000; "{program}" report "{path}"'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "private: no room for it: EFBIG\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_directory_of_one_service_alone_is_told(program: Path, tmp_path: Path) -> None:
    """As systemd's PrivateTmp has it: a directory of the service's own over /var/tmp."""
    private = tmp_path / "systemd-private-0123-soc.service-xyz/tmp"
    private.mkdir(parents=True, mode=0o1777)
    private.chmod(0o1777)
    shell = f'mount --bind "{private}" /var/tmp && "{program}" report auto'
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", shell], capture_output=True, text=True, timeout=60
    )
    if "permitted" in done.stderr or "denied" in done.stderr:
        pytest.skip("no mounts here")
    alone = "private: its directory is of this service alone (PrivateTmp)\n"
    assert (done.returncode, done.stdout) == (0, alone), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
def test_the_default_place_is_this_users_alone(program: Path) -> None:
    """Run as a user that nobody is, so that its directory is this test's to spoil."""
    user = 54_321
    directory, own = Path(f"/var/tmp/tracevault-{user}"), Path(f"/run/user/{user}")

    def report() -> str:
        # The program lies where that user may not go: hand it over open.
        with program.open("rb") as opened:
            done = subprocess.run(
                [f"/proc/self/fd/{opened.fileno()}", "report", "auto"],
                pass_fds=[opened.fileno()],
                user=user,
                group=user,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                timeout=60,
            )
        return done.stdout

    assert not directory.exists()
    try:
        assert report() == "shared\n"
        ledger = directory / "budget-1.ledger"
        assert (directory.stat().st_mode & 0o777, ledger.stat().st_mode & 0o777) == (0o700, 0o600)
        assert report() == "shared\n"
        directory.chmod(0o755)
        assert report() == "private: its directory is open to others\n"
        ledger.unlink()
        directory.rmdir()
        directory.mkdir(0o755)
        assert report() == "private: its directory belongs to another user\n"
        # Where this user has a directory that only root can have made, it is used instead.
        own.mkdir(0o700, parents=True)
        os.chown(own, user, user)
        assert report() == "shared\n"
        assert (own / "tracevault/budget-1.ledger").stat().st_uid == user
        shutil.rmtree(own)
        directory.rmdir()
        directory.symlink_to("/var/tmp")
        assert report() == "private: its directory: ENOTDIR\n"
    finally:
        shutil.rmtree(own, ignore_errors=True)
        if directory.is_symlink():
            directory.unlink()
        elif directory.exists():
            for file in directory.iterdir():
                file.unlink()
            directory.rmdir()
