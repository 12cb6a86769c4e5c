"""scheduler.py - the scheduler's figures: cost and weight of a request, use of a quota.

`figures scheduler` measures inside the core; `simulation --budget` lives a day of full queues in
virtual time, so its figures do not depend on the machine. No printing and no targets in here.
"""

from compare import Figure, Setting


def cost(setting: Setting) -> list[Figure]:
    seen = setting.figures(setting.programs / "figures", "scheduler", setting.pairs)
    spread = {key: seen[key] for key in ("growth_min", "growth_max", "small_ns", "large_ns")}
    spread["scheduler_bytes"] = seen["bytes"]
    return [Figure("scheduler.cost_growth", seen["growth"], spread)]


def memory(setting: Setting) -> list[Figure]:
    seen = setting.figures(setting.programs / "queued", "900000", "10000")
    return [Figure("scheduler.bytes_per_queued", seen["bytes"], {})]


def bulk_day(setting: Setting) -> list[Figure]:
    seen = setting.figures(setting.programs / "simulation", "--budget")
    return [
        Figure("budget.utilisation", seen["utilisation"], {"sent": seen["sent"]}),
        Figure("budget.rejections", seen["rejections"], {}),
        Figure("budget.fairness", seen["fairness"], {"greedy_share": seen["greedy_share"]}),
    ]
