"""vault.py - the vault's figures: filling, durable edits, opening, beside their floors.

Each is the time of whole calls on the machine's disk (build/ lies on it) divided by the bare work
of as many bytes or records (floor.c), in turns. No printing and no targets in here.
"""

import statistics
from pathlib import Path

from compare import Figure, Setting, alternate

SMALL, LARGE = 1_000, 100_000


def fresh(setting: Setting, name: str) -> Path:
    """A path at which nothing of an earlier run is left."""
    for old in setting.programs.glob(f"{name}*"):
        old.unlink()
    return setting.programs / name


def fill(setting: Setting, count: int) -> tuple[Path, float]:
    """A vault of so many credentials, and the seconds that the one transaction took."""
    path = fresh(setting, f"figures-{count}.vault")
    took = setting.figures(setting.programs / "vault", "fill", path, count)["seconds"]
    return path, float(took)


def durable(setting: Setting, key: str, path: Path, edits: int) -> Figure:
    """An edit ÷ the bare write, fsync, rename, fsync of a file of that size."""
    size, beside = path.stat().st_size, setting.programs / "floor.bytes"

    def ours() -> float:
        return float(
            setting.figures(setting.programs / "vault", "put", path, edits)["median_ms"] * 1e3
        )

    def bare() -> float:
        words = (setting.programs / "floor", "replace", beside, size, edits)
        return float(setting.figures(*words)["median_ms"] * 1e3)

    ratio, detail = alternate(setting.pairs, ours, bare)
    return Figure(key, ratio, detail | {"bytes": size, "edits": edits})


def small(setting: Setting) -> list[Figure]:
    path, _ = fill(setting, SMALL)
    return [durable(setting, "vault.put_vs_fsync_1k", path, 30)]


def large(setting: Setting) -> list[Figure]:
    pairs = max(2, setting.pairs // 2)

    def seal() -> float:
        return float(setting.figures(setting.programs / "floor", "seal", LARGE)["seconds"]) * 1e6

    imports, import_detail = alternate(pairs, lambda: fill(setting, LARGE)[1] * 1e6, seal)
    path, _ = fill(setting, LARGE)
    added: list[float] = []

    def opened() -> float:
        found = setting.figures(setting.programs / "vault", "open", path, 1)
        added.append(float(found["added_mb"]))
        return float(found["seconds"]) * 1e6

    def read() -> float:
        return float(setting.figures(setting.programs / "floor", "read", path)["seconds"]) * 1e6

    opens, open_detail = alternate(setting.pairs, opened, read)
    inside = setting.figures(setting.programs / "figures", "lookup", path)
    figures = [
        Figure("vault.import_vs_seal", imports, import_detail),
        Figure("vault.open_vs_read", opens, open_detail),
        Figure("vault.rss_100k_mb", statistics.median(added), {"worst": max(added)}),
        durable(setting, "vault.put_vs_fsync_100k", path, 5),
        Figure(
            "vault.foreign_vs_unknown",
            inside["foreign_p50_us"] / inside["unknown_p50_us"],
            {
                "welch_t": inside["foreign_t"],
                "foreign_us": inside["foreign_p50_us"],
                "lookup_p99_us": inside["lookup_p99_us"],
                "lend_p99_us": inside["lend_p99_us"],
            },
        ),
    ]
    fresh(setting, "figures-")
    return figures
