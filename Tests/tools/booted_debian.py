"""booted_debian: a real systemd in a folder with a Debian, as the first process of namespaces of its own.

Needs root. It shares the machine's network, so that it reaches servers on loopback, and its kernel, whose
settings it can only read.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from engine_scene import until

#: What would touch the machine itself, or waits for a terminal that is not there.
MASKED = (
    "console-getty", "systemd-modules-load", "systemd-random-seed", "systemd-remount-fs",
    "systemd-sysctl", "systemd-udevd", "systemd-update-utmp",
)  # fmt: skip
BOOT = """
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $place; done
chmod 1777 tmp
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    numbers="${device#*:}"
    mknod -m 666 "dev/${device%%:*}" c "${numbers%:*}" "${numbers#*:}"
done
mkdir -p dev/shm dev/pts before
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . before
umount -l /before
# What a service mounts for itself has to reach systemd, as it does on a machine.
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=journal --show-status=false
"""

System = Callable[..., str]


@contextlib.contextmanager
def booted(root: Path) -> Iterator[System]:
    """A systemd that runs; `system("systemctl", "start", "x")` runs a command beside it."""
    for name in MASKED:
        mask = root / f"etc/systemd/system/{name}.service"
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    spaces = ("--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
    process = subprocess.Popen(["unshare", *spaces, "sh", "-euc", BOOT, "boot", root])

    def first() -> str:
        """The first process in there: the child of the one that made the namespaces."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return children.read_text().strip()

    def entered(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", "--target", first(), "--mount", "--uts", "--ipc", "--pid", "--cgroup", *words],
            capture_output=True, text=True,
        )  # fmt: skip

    def system(*words: str) -> str:
        done = entered(*words)
        if done.returncode != 0:
            journal = entered("journalctl", "--boot", "--lines=60", "--no-pager").stdout
            raise AssertionError(done.stdout + done.stderr + journal)
        return done.stdout

    def runs() -> bool:
        assert process.poll() is None, "systemd did not begin"
        try:
            return "running" in system("systemctl", "is-system-running")
        except AssertionError:
            return False

    try:
        until(runs, "systemd does not come to run")
        yield system
    finally:
        process.kill()
        process.wait()
