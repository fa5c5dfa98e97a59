"""The search's answer against brute force, with the simulator and an estimator of its own; benchmarks/power_brute_force.py has more."""

import numpy as np

from withintask.tests_of_model.harness.power.lab import ModelLab, Visit
from withintask.tests_of_model.harness.power.search import Effort, search
from withintask.tests_of_model.harness.power.study import PowerStudy
from withintask.tests_of_model.harness.replicate import replicate

STUDY = PowerStudy(
    effect="average_effect_log=40%",
    settings=("n_tasks=8", "n_items=1", "n_firms=12"),
    vary={"workers": [48, 108, 240]},
    costs={"worker": 50.0},
)
N = 100


def test_the_design_found_has_the_power_by_brute_force_and_none_cheaper_has():
    lab = ModelLab(
        params=STUDY.params, choose=STUDY.choose, run=lambda study, stage: replicate(study)
    )
    designs = [STUDY.space.design(k) for k in range(len(STUDY.space))]
    visits = [Visit(design=design, first=0, last=N, seed=77) for design in designs]
    power = np.array([results.rejects().mean() for results in lab(visits)])
    effort = Effort(explore=25, confirm=N, neighbour=25)
    answer = search(STUDY.space, lab, STUDY.target, seed=1, effort=effort)
    # A hundred replicates may be too few to show coverage; what is large enough is what is compared.
    large = [c for c in (answer.winner, *answer.rejected) if c is not None]
    found = min(large, key=lambda candidate: candidate.cost).number
    # Four errors of the difference of two shares of N at the goal, 1 in 16,000 each.
    margin = 4 * np.sqrt(2 * STUDY.power * (1 - STUDY.power) / N)
    assert power[found] > STUDY.power - margin
    assert (power[STUDY.space.cost < STUDY.space.cost[found]] < STUDY.power + margin).all()
    assert power[0] < STUDY.power - margin
