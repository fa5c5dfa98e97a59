"""Whether posteriors are calibrated: ranks of the truth among their draws, uniform if they are, and coverage of intervals."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import chdtrc

from withintask.panel.arrays import Array, Flags
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages, stage_key
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.bank import DELTA_GINI_INCOME, DELTA_GINI_PAY, Bank
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.mixture import MIXED, Mixture
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.reduced import reduced_moments
from withintask.tests_of_model.moments.reweight import (
    GINI_WORKERS,
    posterior,
    with_quadrature,
)
from withintask.tests_of_model.moments.targets import MomentTarget

N_DRAWS, N_RANKS = 500, 99
"""Draws of the prior, and posterior draws among which each is ranked."""
N_BINS = 10
"""Bins of the test of uniformity."""
LEVELS = (0.5, 0.9)
"""Central intervals whose coverage is counted."""

_N_PARTICLES = 2**8
_N_BLOCK = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Ranks and what they say."""

    ranks: pl.DataFrame
    """draw, name (parameter or ΔGini), rank among N_RANKS posterior draws, 0 to N_RANKS."""
    sign: pl.DataFrame
    """draw, probability (posterior, that ΔGini of income rises), rises (whether it does)."""

    def uniformity(self) -> pl.DataFrame:
        """χ² test of uniform ranks and coverage of central intervals, one row a name."""
        rows = []
        for (name,), part in self.ranks.group_by("name", maintain_order=True):
            ranks = part["rank"].to_numpy()
            statistic, p_value = uniform_ranks(ranks)
            covered = {
                f"covered_{level:g}": float(_covers(ranks, level).mean()) for level in LEVELS
            }
            rows.append(
                {
                    "name": name,
                    "n": ranks.size,
                    "chi_square": statistic,
                    "p_value": p_value,
                    **covered,
                }
            )
        return pl.DataFrame(rows)

    def reliability(self) -> pl.DataFrame:
        """How often ΔGini rises where the posterior says so with a probability within each fifth."""
        n_bins = 5
        return (
            self.sign.with_columns(bin=(pl.col("probability") * n_bins).floor().clip(0, n_bins - 1))
            .group_by("bin")
            .agg(
                pl.len().alias("n"),
                pl.col("probability").mean().alias("mean_probability"),
                pl.col("rises").mean().alias("share_rising"),
            )
            .sort("bin")
        )


def uniform_ranks(ranks: Array, n_bins: int = N_BINS) -> tuple[float, float]:
    """χ² statistic and p-value of ranks 0 to N_RANKS being uniform over bins of equal width."""
    counts = np.bincount((ranks * n_bins) // (N_RANKS + 1), minlength=n_bins)
    expected = ranks.size / n_bins
    statistic = float(np.sum((counts - expected) ** 2) / expected)
    return statistic, float(chdtrc(n_bins - 1, statistic))


def calibrate_posteriors(
    bank: Bank,
    target: MomentTarget,
    *,
    fixed: Mapping[str, float] | None = None,
    believed: Array | None = None,
    n_draws: int = N_DRAWS,
    n_particles: int = _N_PARTICLES,
    seed: int = 0,
    folder: Path | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Draw parameters from the three priors and moments around them, and rank the truth in each posterior.

    Parameters
    ----------
    bank
        The bank that posteriors start from.
    target
        Moments (their values do not matter) with the covariance of their errors.
    fixed
        Parameters taken as known.
    believed
        Covariance that posteriors assume, to see what a wrong one does; the targets' own if None.
    n_draws
        Draws of the prior.
    n_particles
        Draws of each posterior, more than N_RANKS.
    seed
        Seed; every draw has a stream of its own.
    folder
        Where finished parts are kept.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.

    Notes
    -----
    Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari and Gelman 2018): if θ is drawn from the prior and
    m̂ given θ, the rank of θ among draws of its posterior given m̂ is uniform, for every parameter and every function of them.
    The prior is the mixture of the three (as given, twice as wide, flat) that draws come from, of which answers under each are a
    reweighting.
    """
    known = dict(fixed or {})
    drawn_with = (bank.key, len(bank.values), target.names, _list(target.covariance))
    key = stage_key(drawn_with, _list(believed), known, n_particles, seed)
    stages = NOT_KEPT if folder is None else Stages(folder=folder, key=key)
    parts = [range(start, min(start + _N_BLOCK, n_draws)) for start in range(0, n_draws, _N_BLOCK)]
    jobs = [
        _Part(
            bank=bank,
            target=target,
            believed=believed,
            fixed=known,
            n_particles=n_particles,
            seed=seed,
            draws=part,
            stages=stages,
        )
        for part in parts
    ]
    rows = pl.concat(run_all(_part, jobs, executor=executor, on_progress=on_progress))
    is_sign = pl.col("name") == _SIGN
    sign = rows.filter(is_sign).select("draw", probability="rank", rises="truth")
    ranks = rows.filter(~is_sign).select("draw", "name", pl.col("rank").cast(pl.Int64))
    return Calibration(ranks=ranks, sign=sign)


_SIGN = "sign"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    bank: Bank
    target: MomentTarget
    believed: Array | None
    fixed: dict[str, float]
    n_particles: int
    seed: int
    draws: Sequence[int]
    stages: Stages


def _part(part: _Part) -> pl.DataFrame:
    def compute() -> pl.DataFrame:
        return pl.DataFrame([row for draw in part.draws for row in _ranked(part, draw)])

    return part.stages.frame(f"ranks_{part.draws[0]:04d}_{len(part.draws)}", compute)


def _ranked(part: _Part, draw: int) -> list[dict[str, object]]:
    """Ranks of one draw of the prior, and what its posterior says of the sign."""
    generator = np.random.default_rng(np.random.SeedSequence(part.seed, spawn_key=(draw,)))
    mixture = Mixture(prior=part.bank.prior).without(tuple(part.fixed))
    prior = mixture.prior
    base = params_with(part.bank.base, tuple(part.fixed), tuple(part.fixed.values()))
    truth = mixture.draw(1, generator)
    names = part.target.names
    error = generator.multivariate_normal(
        np.zeros(len(names)), with_quadrature(part.bank, part.target)
    )
    observed = reduced_moments(base, prior.names, truth, moments=names)[0] + error
    wanted = part.target.with_value(observed)
    after = posterior(
        part.bank,
        wanted if part.believed is None else wanted.with_covariance(part.believed),
        fixed=part.fixed,
        prior=MIXED,
        n_particles=part.n_particles,
        seed=int(generator.integers(2**31)),
    )
    ginis = many_ginis(base, prior.names, truth, n_workers=GINI_WORKERS)[0]
    truths = dict(zip(prior.names, truth[0], strict=True))
    truths |= {DELTA_GINI_INCOME: ginis[0], DELTA_GINI_PAY: ginis[1]}
    chosen = generator.choice(after.weight.size, size=N_RANKS, replace=False, p=after.weight)
    rows: list[dict[str, object]] = [
        {
            "draw": draw,
            "name": name,
            "rank": float(np.sum(after.of(name)[chosen] < value)),
            "truth": float(value),
        }
        for name, value in truths.items()
    ]
    rises = after.probability(after.of(DELTA_GINI_INCOME) > 0)
    rows.append({"draw": draw, "name": _SIGN, "rank": rises, "truth": float(ginis[0] > 0)})
    return rows


def _covers(ranks: Array, level: float) -> Flags:
    """Whether the central interval of the draws, from one of them to another, holds the truth; exact in finite draws."""
    outside = round((1 - level) / 2 * (N_RANKS + 1))
    return (ranks >= outside) & (ranks <= N_RANKS - outside)


def _list(matrix: Array | None) -> object:
    return None if matrix is None else matrix.tolist()
