"""Time one moment evaluation, a six-parameter fit with 20 starts, and estimagic from the same start.

Run ``python benchmarks/bench_msm.py [--starts 20] [--processes 2] [--skip-peer]``. The peer gets our
simulator, target, weight and transformed start, and minimizes with SciPy's Levenberg-Marquardt; the line
compares one local fit of each at 2^15 workers. Peers that are not installed are named.
"""

import argparse
import importlib.util
import statistics
import time

import numpy as np
from rows import record

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
    evaluation = statistics.median(seconds(lambda: model_moments(start))[0] for _ in range(20))
    record(
        key="msm_moments",
        what="six moments of an economy of 2^15 workers",
        ours=evaluation,
        limit=0.06,
        turns=20,
    )
    truth = vary(start, **dict(zip(FREE, TRUTH, strict=True)))
    exact = target_from_economy(solve_economy(truth))
    target = exact.with_covariance(np.diag((SHARE * exact.value) ** 2))
    with processes(options.processes) as executor:
        elapsed, fit = seconds(
            lambda: fit_msm(target, start, n_starts=options.starts, executor=executor)
        )
    gap = min(np.abs(fit.problem.free.values(r.point) / TRUTH - 1).max() for r in fit.roots)
    record(
        key="msm_fit",
        what=f"fit of six parameters, {options.starts} starts, errors included",
        ours=elapsed,
        limit=60.0,
        threads=f"{options.processes} processes",
        note=f"{len(fit.roots)} roots, nearest to the truth within {gap:.1e}",
    )
    if not options.skip_peer:
        _local(target, start, is_here=importlib.util.find_spec("estimagic") is not None)


def _local(target, start, *, is_here):
    """One local fit of ours and, where it is installed, of estimagic."""
    problem = make_problem(target, free_parameters(start))
    first = problem.free.point(start)
    ours, _ = seconds(lambda: minimize(problem, first))
    record(
        key="msm_local",
        what="one local fit at 2^15 workers, same simulator, start and weights",
        ours=ours,
        peer="estimagic",
        theirs=_estimagic(problem, target, first) if is_here else None,
        ratio_limit=1.0,
    )


def _estimagic(problem, target, first):
    import estimagic

    return seconds(
        lambda: estimagic.estimate_msm(
            problem.moments,
            target.value,
            target.covariance,
            params=first,
            optimize_options="scipy_ls_lm",
            weights="diagonal",
            jacobian=problem.jacobian,
        )
    )[0]


if __name__ == "__main__":
    main()
