"""shared.py - what hosts that share a vault and a quota pay, beside what they would pay alone.

`hosts.py` measures on real servers of its own. No printing and no targets in here.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from compare import HERE, IN_FLIGHT, ROOT, Figure, Setting, alternate

#: The Python that has the object store.
PYTHON = ROOT / "build/venv/bin/python"
#: Both sides go at the quota's pace, 1,710 a second: at another one a request costs something else.
QUOTA = ("budget.quota=20000", "budget.window_ms=10000")


def store(setting: Setting) -> list[Figure]:
    took = setting.figures(PYTHON, HERE / "hosts.py", "store", 30 * setting.pairs)

    def figure(key: str, name: str) -> Figure:
        left, right = took[name], took[f"http_{name}"]
        return Figure(key, left / right, {"us": round(left), "http_us": round(right)})

    return [figure("store.look_vs_http", "look"), figure("store.commit_vs_http", "commit")]


def questions(setting: Setting) -> list[Figure]:
    seen = setting.figures(PYTHON, HERE / "hosts.py", "questions", 4 * setting.pairs)
    return [
        Figure(f"redis.questions_{name}", seen[of], {})
        for name, of in (("alone", "of_1"), ("two", "of_2"), ("eight", "of_8"))
    ]


@contextmanager
def lender(setting: Setting) -> Iterator[str]:
    """The address of a Redis."""
    with subprocess.Popen(
        [str(PYTHON), str(HERE / "hosts.py"), "redis"],
        env=setting.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("no Redis: is redis-server installed?")
        yield str(json.loads(line)["address"])
        process.communicate()


def cpu(setting: Setting) -> list[Figure]:
    """Both sides spend from a quota of the same size; the Redis' own time is not theirs."""
    with lender(setting) as address:

        def side(*more: str) -> float:
            base = f"api.base_url={setting.server.origin}/quiet/client/v4"
            return float(
                setting.load("tracevault", IN_FLIGHT, setting.requests // 4, base, *QUOTA, *more)[
                    "cpu_us"
                ]
            )

        ratio, detail = alternate(
            setting.pairs, lambda: side(f"redis.addresses={address}"), lambda: side()
        )
    return [Figure("redis.cpu_vs_without", ratio, detail)]
