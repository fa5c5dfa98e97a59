"""The search's answer against brute force on three small problems with the simulator and its own estimators.

Brute force draws N replicates of every design of a problem, and takes the cheapest whose power reaches the goal; the search may
choose among the same designs, by the same test, with replicates of its own. Prints the table of docs/power.md; the seeds are
77 of brute force, 1 to 3 of the search.

    python benchmarks/power_brute_force.py [REPLICATES] [PROBLEM]
"""

import sys
import time

import numpy as np

from withintask.tests_of_model.harness.power.lab import ModelLab, Visit, wilson
from withintask.tests_of_model.harness.power.search import Effort, search
from withintask.tests_of_model.harness.power.space import describe_values
from withintask.tests_of_model.harness.power.study import PowerStudy
from withintask.tests_of_model.harness.replicate import replicate

COSTS = {"firm": 500.0, "worker": 50.0, "item": 1.0}
QUIET = ("n_tasks=4", "output_noise=0.2", "noise_persistence=0")
PROBLEMS = {
    "average effect +40 %, workers assigned": PowerStudy(
        effect="average_effect_log=40%", settings=("n_tasks=8", "n_items=1", "n_firms=12"),
        vary={"workers": [48, 72, 96, 132, 192]}, costs={"worker": 50.0},
    ),
    "compression −30 %, firms assigned": PowerStudy(
        effect="delta_log_sd=-30%", settings=(*QUIET, "n_items=3", "treatment=randomized_firms"),
        vary={"firms": [6, 8, 10, 12], "workers_by_firm": [4, 6, 8]}, costs=COSTS,
    ),
    "compression −30 %, workers assigned": PowerStudy(
        effect="delta_log_sd=-30%", settings=(*QUIET, "n_firms=6"),
        vary={"workers": [40, 60, 80, 120], "items": [2, 4]}, costs=COSTS,
    ),
}  # fmt: skip
EFFORT = Effort(explore=300, confirm=400, neighbour=50)


def brute_force(study, lab, n):
    """Power of every design, by cost."""
    designs = (study.space.design(k) for k in range(len(study.space)))
    visits = [Visit(design=design, first=0, last=n, seed=77) for design in designs]
    return np.array([results.rejects().mean() for results in lab(visits)])


def answer(study, number, power, n):
    """A design, its cost, and its power with the interval."""
    low, high = wilson(power * n, n)
    words = describe_values(study.space.values(number))
    return f"{words}; {study.space.cost[number]:,.0f}; {power:.3f} ({low:.3f} to {high:.3f}, {n})"


def solve(name, n):
    """Print both answers to one problem, as a row of a table."""
    study = PROBLEMS[name]
    study.check()
    lab = ModelLab(
        params=study.params, choose=study.choose, run=lambda part, stage: replicate(part)
    )
    start = time.process_time()
    power = brute_force(study, lab, n)
    middle = time.process_time()
    found = search(study.space, lab, study.target, seed=1, effort=EFFORT)
    winner, end = found.winner, time.process_time()
    enough = np.flatnonzero(power >= study.power)
    best = answer(study, enough[0], power[enough[0]], n) if enough.size else "none"
    note = ""
    if winner is None and found.rejected:
        winner = min(found.rejected, key=lambda candidate: candidate.cost)
        note = ", large enough, but not shown valid"
    if winner is None:
        print(f"| {name} ({len(study.space)}) | {best} | none | |", flush=True)
        return
    there = power[winner.number]
    low, high = wilson(there * n, n)
    print(
        f"| {name} ({len(study.space)}) | {best} | {answer(study, winner.number, winner.power, winner.n)}{note} "
        f"| {there:.3f} ({low:.3f} to {high:.3f}) |",
        flush=True,
    )
    drawn = found.n_explored + found.n_confirmed
    print(
        f"{middle - start:.0f} s for {n * len(study.space):,} panels, {end - middle:.0f} s for {drawn:,}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(
        "| problem (designs) | brute force: design; cost; power (95 %, replicates) | search | by brute force there |"
    )
    print("|---|---|---|---|")
    for problem in [p for p in PROBLEMS if len(sys.argv) < 3 or p.startswith(sys.argv[2])]:
        solve(problem, replicates)
