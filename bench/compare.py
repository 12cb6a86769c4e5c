"""compare.py - each figure of `make bench`: which programs run, how often, and what is divided.

Every comparison alternates the two sides within one run and takes the median of the ratios of
neighbours: what else the machine does meets both. No printing and no targets in here.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from make_reply import reply, search_reply
from serve import Server

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
IN_FLIGHT = 128
ACCOUNTS = 1000
#: No single program may take longer, in seconds.
PATIENCE = 120
SDK_MODES = ("async http/1.1", "async http/2", "async aiohttp", "threads")


@dataclass(frozen=True)
class Figure:
    """One measured value and how it came about."""

    key: str
    value: float
    detail: dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What the programs run against, and how long."""

    library: Path
    programs: Path
    server: Server
    pairs: int
    requests: int
    #: The Python of the SDK's environment; both sides of a Python comparison use it.
    python: Path

    def run(self, *command: str | Path | int) -> str:
        """Run a program to its end; its own words when it fails."""
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            name = Path(str(command[0])).name
            raise RuntimeError(f"{name} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def figures(self, *command: str | Path | int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*command))
        return found

    def environment(self) -> dict[str, str]:
        # Installed packages have their bytecode; so must ours, which runs from its sources.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return inherited | {
            "TRACEVAULT_LIBRARY": str(self.library),
            "LD_LIBRARY_PATH": str(self.library.parent),
            "PYTHONPATH": str(ROOT / "bindings/python/src"),
            "SSL_CERT_FILE": str(self.server.ca_file),
        }

    def load(self, program: str, in_flight: int, requests: int, *more: str) -> dict[str, Any]:
        """Run one of the two C programs."""
        server = self.server
        return self.figures(
            self.programs / program, server.origin, server.ca_file, in_flight, requests, *more
        )


def alternate(
    pairs: int, left: Callable[[], float], right: Callable[[], float]
) -> tuple[float, dict[str, Any]]:
    """The median of left ÷ right over `pairs` neighbours, after one round that does not count."""
    left(), right()
    rows: list[tuple[float, float]] = []
    for number in range(pairs):
        if number % 2 == 0:
            first = left()
            rows.append((first, right()))
        else:
            second = right()
            rows.append((left(), second))
    ratios = [a / b for a, b in rows]
    detail = {
        "left": statistics.median(a for a, _ in rows),
        "right": statistics.median(b for _, b in rows),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "pairs": pairs,
    }
    return statistics.median(ratios), detail


# ---- Loading --------------------------------------------------------------------------------


def so_stripped(setting: Setting) -> list[Figure]:
    stripped = setting.programs / "stripped.so"
    setting.run("strip", "--strip-unneeded", "-o", stripped, setting.library)
    size = stripped.stat().st_size
    return [Figure("load.so_stripped_mb", size / 1e6, {"bytes": size})]


def dlopen(setting: Setting) -> list[Figure]:
    """libcurl is loaded first: what it costs is the other side of the figure."""
    program = (
        "import ctypes, sys, time\n"
        "began = time.perf_counter()\n"
        "ctypes.CDLL('libcurl.so.4')\n"
        "between = time.perf_counter()\n"
        "ctypes.CDLL(sys.argv[1])\n"
        "print((time.perf_counter() - between) / (between - began))\n"
    )
    ratios = [
        float(setting.run(sys.executable, "-c", program, setting.library))
        for _ in range(max(21, 4 * setting.pairs))
    ]
    detail = {"min": min(ratios), "max": max(ratios), "processes": len(ratios)}
    return [Figure("load.dlopen_vs_libcurl", statistics.median(ratios), detail)]


# ---- One reply ------------------------------------------------------------------------------


def reading(setting: Setting) -> list[Figure]:
    body = reply()
    stored = setting.programs / "reply.json"
    stored.write_bytes(body)

    def python() -> float:
        return timeit.timeit(lambda: json.loads(body), number=5000) / 5000 * 1e6

    def library(figure: str) -> Callable[[], float]:
        return lambda: float(setting.figures(setting.programs / "decode", stored, 10_000)[figure])

    # A fifth of a second each, so there may be many.
    pairs = 3 * setting.pairs
    read, read_detail = alternate(pairs, python, library("decode_us"))
    view, view_detail = alternate(pairs, python, library("view_us"))
    read_detail["reply_bytes"] = len(body)
    return [
        Figure("json.read_vs_python", read, read_detail),
        Figure("model.view_vs_python_json", view, view_detail),
    ]


def c_binding(setting: Setting) -> list[Figure]:
    """The program takes turns itself: what it prints are medians of one run."""
    stored = setting.programs / "reply.json"
    stored.write_bytes(reply())
    took = setting.figures(setting.programs / "binding", stored, 60 * setting.pairs)
    times = {key: round(value, 2) for key, value in took.items()}
    return [
        Figure("binding.c_vs_jansson", took["structs_us"] / took["jansson_us"], times),
        Figure("binding.c_vs_yyjson_class", took["structs_us"] / took["simdjson_us"], {}),
    ]


def python_binding(setting: Setting) -> list[Figure]:
    server, stored = setting.server, setting.programs / "reply.json"
    searched = setting.programs / "search.json"
    stored.write_bytes(reply())
    searched.write_bytes(search_reply())
    program = (setting.python, HERE / "reading.py", stored, 30 * setting.pairs)
    took = setting.figures(*program, server.origin, server.ca_file, searched)

    def figure(key: str, left: str, right: str) -> Figure:
        detail = {name: round(took[name], 1) for name in (left, right)}
        return Figure(key, took[left] / took[right], detail)

    return [
        figure("binding.python_lines_vs_json", "lines_us", "json_us"),
        figure("binding.python_all_vs_json", "all_us", "json_us"),
        figure("binding.python_search_vs_json", "search_us", "search_json_us"),
    ]


# ---- The engine against plain libcurl -------------------------------------------------------


def cpu(setting: Setting) -> list[Figure]:
    def side(program: str, *more: str) -> Callable[[], float]:
        return lambda: float(setting.load(program, IN_FLIGHT, setting.requests, *more)["cpu_us"])

    plain = side("curl_multi")
    raw, raw_detail = alternate(setting.pairs, side("tracevault", "raw"), plain)
    whole, whole_detail = alternate(setting.pairs, side("tracevault"), plain)
    return [
        Figure("engine.raw_cpu_vs_libcurl", raw, raw_detail),
        Figure("engine.cpu_vs_libcurl", whole, whole_detail),
    ]


def latency(setting: Setting) -> list[Figure]:
    def side(program: str) -> Callable[[], float]:
        return lambda: float(setting.load(program, 1, setting.requests // 10)["p50_us"])

    ratio, detail = alternate(setting.pairs, side("tracevault"), side("curl_multi"))
    return [Figure("engine.latency_vs_libcurl", ratio, detail)]


# ---- The engine against the official SDK ----------------------------------------------------


def throughput(setting: Setting) -> list[Figure]:
    server = setting.server

    def sdk(mode: str) -> float:
        program = (setting.python, HERE / "sdk.py", mode, server.origin)
        return float(setting.figures(*program, setting.requests // 20, IN_FLIGHT)["rps"])

    def c_host() -> float:
        return float(setting.load("tracevault", IN_FLIGHT, setting.requests)["rps"])

    def python_host() -> float:
        program = (setting.python, HERE / "ours.py", "batch", server.origin, server.ca_file)
        return float(setting.figures(*program, setting.requests // 2, IN_FLIGHT)["rps"])

    modes = {mode: sdk(mode) for mode in SDK_MODES}
    best = max(modes, key=lambda mode: modes[mode])
    ratio, detail = alternate(setting.pairs, c_host, lambda: sdk(best))
    detail |= {"sdk_mode": best, "sdk_modes_rps": modes}
    figures = [Figure("engine.rps_vs_sdk", ratio, detail)]
    ratio, detail = alternate(setting.pairs, python_host, lambda: sdk(best))
    return [*figures, Figure("python.batch_rps_vs_sdk", ratio, detail | {"sdk_mode": best})]


def imports(setting: Setting) -> list[Figure]:
    """In each process the start of the interpreter is the other side: what it took until then."""
    program = (
        "import time\n"
        "began = time.process_time()\n"
        "import ctypes, json, re, threading, typing\n"
        "library = time.process_time()\n"
        "import tracevault as tv\n"
        "tv.Vault, tv.RawKey, tv.Engine\n"
        "ended = time.process_time()\n"
        "print((ended - began) / began, (ended - library) / (ended - began))\n"
    )
    rows = [
        tuple(map(float, setting.run(setting.python, "-c", program).split()))
        for _ in range(max(21, 4 * setting.pairs))
    ]
    ratio, ours = (statistics.median(column) for column in zip(*rows, strict=True))
    detail = {"share_of_ours": round(ours, 2), "processes": len(rows)}
    return [Figure("python.import_vs_start", ratio, detail)]


def loop(setting: Setting) -> list[Figure]:
    """What 200 traces at once hold an event loop up, as a part of ten milliseconds."""
    server = setting.server
    program = (setting.python, HERE / "loop.py", server.origin, server.ca_file)
    took = setting.figures(*program, 10 * setting.pairs)
    detail = {key: round(value, 2) for key, value in took.items()}
    return [Figure("python.loop_held_vs_10ms", took["longest_ms"] / 10, detail)]


def first_trace(setting: Setting) -> list[Figure]:
    server, vault, key = setting.server, setting.programs / "bench.vault", setting.programs / "key"
    setting.run(setting.python, HERE / "ours.py", "vault", server.origin, vault, key, ACCOUNTS)
    ours = (setting.python, HERE / "first_trace_ours.py", server.origin, server.ca_file, vault, key)
    theirs = (setting.python, HERE / "first_trace_sdk.py", server.origin)
    ratio, detail = alternate(
        setting.pairs,
        lambda: until_printed(setting, "postfix/", *theirs),
        lambda: until_printed(setting, "postfix/", *ours),
    )
    return [Figure("python.first_trace_vs_sdk", ratio, detail | {"accounts": ACCOUNTS})]


def until_printed(setting: Setting, wanted: str, *command: str | Path, **variables: str) -> float:
    """How long a program takes to its first line, in milliseconds; the line must hold `wanted`."""
    began = time.perf_counter()
    with subprocess.Popen(
        [str(part) for part in command],
        env=setting.environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        took = time.perf_counter() - began
        if wanted not in line:
            raise RuntimeError(f"no {wanted}: {process.stderr.read().strip()[-300:]}")
        process.communicate(timeout=PATIENCE)
    return took * 1e3
