"""vault.py - the vault's figures: filling, durable edits, opening, looking up, lending.

Times are wall times of whole calls on the machine's disk (build/ lies on it), medians of several
runs where a run is short. No printing and no targets in here.
"""

import statistics
from pathlib import Path

from compare import Figure, Setting

SMALL, LARGE = 1_000, 100_000


def fresh(setting: Setting, name: str) -> Path:
    """A path at which nothing of an earlier run is left."""
    for old in setting.programs.glob(f"{name}*"):
        old.unlink()
    return setting.programs / name


def filled(setting: Setting, count: int) -> tuple[Path, float]:
    """A vault of so many credentials, and the seconds that the one transaction took."""
    path = fresh(setting, f"figures-{count}.vault")
    took = setting.figures(setting.programs / "vault", "fill", path, count)["seconds"]
    return path, float(took)


def durable(setting: Setting, path: Path, edits: int) -> tuple[float, dict[str, float]]:
    found = setting.figures(setting.programs / "vault", "put", path, edits)
    return float(found["median_ms"]), {"worst_ms": found["worst_ms"], "edits": edits}


def small(setting: Setting) -> list[Figure]:
    path, _ = filled(setting, SMALL)
    value, detail = durable(setting, path, 30 * setting.pairs)
    return [Figure("vault.put_1k_ms", value, detail)]


def large(setting: Setting) -> list[Figure]:
    imports: list[float] = []
    for _ in range(max(1, setting.pairs // 2)):
        path, took = filled(setting, LARGE)
        imports.append(took)
    opened = [
        setting.figures(setting.programs / "vault", "open", path, 1) for _ in range(setting.pairs)
    ]
    seconds = [float(each["seconds"]) for each in opened]
    added = [float(each["added_mb"]) for each in opened]
    put_ms, put_detail = durable(setting, path, 5 * setting.pairs)
    inside = setting.figures(setting.programs / "figures", "lookup", path)
    figures = [
        Figure("vault.import_100k_s", statistics.median(imports), {"worst": max(imports)}),
        Figure("vault.open_100k_s", statistics.median(seconds), {"worst": max(seconds)}),
        Figure("vault.rss_100k_mb", statistics.median(added), {"worst": max(added)}),
        Figure("vault.put_100k_ms", put_ms, put_detail),
        Figure("vault.lookup_p99_us", inside["lookup_p99_us"], {"p50": inside["lookup_p50_us"]}),
        Figure("vault.lend_p99_us", inside["lend_p99_us"], {"p50": inside["lend_p50_us"]}),
        Figure(
            "vault.foreign_vs_unknown",
            inside["foreign_p50_us"] / inside["unknown_p50_us"],
            {"welch_t": inside["foreign_t"], "foreign_us": inside["foreign_p50_us"]},
        ),
    ]
    fresh(setting, "figures-")
    return figures
