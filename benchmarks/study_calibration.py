"""Whether posteriors of the parameters and of ΔGini are calibrated: ranks of the truth among draws.

    python benchmarks/study_calibration.py [draws] [cache] [processes]

Parameters are drawn from the mixture of the three priors. Every draw gets m1 to m5 with the errors of the everything-linked panel at the
baseline; 12 parameters are free. Prints for each of them and for ΔGini the χ² test of uniform ranks and the coverage of central
intervals, and how often ΔGini rises where the posterior says so with a given probability. Finished parts are kept.
"""

import sys
from pathlib import Path

from withintask.report.terminal import frame_table
from withintask.sim.params import load_params
from withintask.tests_of_model.evidence.calibration import N_DRAWS, calibrate_posteriors
from withintask.tests_of_model.evidence.simulated_panels import simulated_panels
from withintask.tests_of_model.harness.parallel import processes
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.priors import load_prior

N_BANK, N_REPLICATES, N_PARTICLES = 2**12, 100, 2**7


def main(n_draws: int, cache: Path, n_processes: int) -> None:
    """Run the study and print its tables."""
    params = load_params()
    with processes(n_processes) as executor:
        bank = make_bank(params, load_prior(), n_draws=N_BANK, folder=cache, executor=executor)
        panels = simulated_panels(
            bank, n_replicates=N_REPLICATES, noise=None, folder=cache, executor=executor
        )
        found = calibrate_posteriors(
            bank,
            panels.target,
            n_draws=n_draws,
            n_particles=N_PARTICLES,
            folder=cache,
            executor=executor,
            on_progress=lambda done, total: print(f"{done}/{total}", file=sys.stderr, flush=True),
        )
    print(frame_table(found.uniformity()))
    print(frame_table(found.reliability()))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else N_DRAWS,
        Path(given[1]) if len(given) > 1 else Path("cache"),
        int(given[2]) if len(given) > 2 else 2,
    )
