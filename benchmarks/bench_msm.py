"""Time one moment evaluation, a six-parameter fit with 20 starts, and estimagic from the same start.

Run ``python benchmarks/bench_msm.py [--starts 20] [--processes 2] [--skip-peer]``. The peer gets our
simulator, target, weight and transformed start, and minimizes with SciPy's Levenberg-Marquardt; the line
compares one local fit of each at 2^15 workers. Peers that are not installed are named.
"""

import argparse
import importlib.util
import time

import numpy as np

from withintask.sim.economy import solve_economy
from withintask.sim.params import load_params, vary
from withintask.tests_of_model.harness.parallel import processes
from withintask.tests_of_model.moments.fit import fit_msm
from withintask.tests_of_model.moments.free_parameters import FREE, free_parameters
from withintask.tests_of_model.moments.moments import model_moments
from withintask.tests_of_model.moments.problem import make_problem
from withintask.tests_of_model.moments.search import minimize
from withintask.tests_of_model.moments.targets import target_from_economy

TRUTH = (0.7, 0.15, 1.6, 0.018, 0.6, 0.2)
SHARE = 0.02


def seconds(run):
    start = time.perf_counter()
    found = run()
    return time.perf_counter() - start, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--skip-peer", action="store_true")
    options = parser.parse_args()
    start = load_params()
    model_moments(start)
    evaluation = min(seconds(lambda: model_moments(start))[0] for _ in range(20))
    print(f"one evaluation of six moments at 2^15 workers: {1000 * evaluation:.1f} ms (limit 60)")
    truth = vary(start, **dict(zip(FREE, TRUTH, strict=True)))
    exact = target_from_economy(solve_economy(truth))
    target = exact.with_covariance(np.diag((SHARE * exact.value) ** 2))
    with processes(options.processes) as executor:
        elapsed, fit = seconds(
            lambda: fit_msm(target, start, n_starts=options.starts, executor=executor)
        )
    gap = min(np.abs(fit.problem.free.values(r.point) / TRUTH - 1).max() for r in fit.roots)
    print(
        f"fit_msm, {options.starts} starts, {options.processes} processes, errors included: {elapsed:.1f} s (limit 60); "
        f"{len(fit.roots)} roots, nearest to the truth within {gap:.1e}; condition number {fit.errors.condition_number:.0f}"
    )
    if options.skip_peer:
        return
    if not importlib.util.find_spec("estimagic"):
        print("  (estimagic is not installed: left out)")
        return
    _peer(target, start, TRUTH)


def _peer(target, start, truth):
    import estimagic

    problem = make_problem(target, free_parameters(start))
    first = problem.free.point(start)
    ours, found = seconds(lambda: minimize(problem, first))
    theirs, other = seconds(
        lambda: estimagic.estimate_msm(
            problem.moments,
            target.value,
            target.covariance,
            params=first,
            optimize_options="scipy_ls_lm",
            weights="diagonal",
            jacobian=problem.jacobian,
        )
    )
    objectives = found.objective, problem.objective(np.asarray(other.params))
    print(
        f"one local fit at 2^15 workers\n  withintask {ours:10.2f} s   criterion {objectives[0]:.1e}"
    )
    print(
        f"  estimagic  {theirs:10.2f} s   criterion {objectives[1]:.1e}   ours/theirs {ours / theirs:6.3f}"
    )


if __name__ == "__main__":
    main()
