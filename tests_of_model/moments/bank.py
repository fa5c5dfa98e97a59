"""The bank: parameters drawn from priors and their moments, computed once; posteriors reweight it."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import qmc

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ParameterError, SourceError
from withintask.sim import cells, economy, equations, inequality, population, screening
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params, params_hash
from withintask.tests_of_model.harness.kept import read_part, write_part
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments import many_ginis as ginis_module
from withintask.tests_of_model.moments import reduced
from withintask.tests_of_model.moments.many_ginis import many_ginis
from withintask.tests_of_model.moments.mixture import SHARES, Mixture
from withintask.tests_of_model.moments.moments import ALL_NAMES
from withintask.tests_of_model.moments.moments import N_WORKERS as N_FIT_WORKERS
from withintask.tests_of_model.moments.priors import Prior
from withintask.tests_of_model.moments.reduced import REDUCED, reduced_moments

DELTA_GINI_INCOME, DELTA_GINI_PAY = "m6", "delta_gini_pay"
FEATURES = (*ALL_NAMES, DELTA_GINI_PAY)
"""What is kept of every draw: m1 to m11 (m6 is ΔGini of income) and ΔGini of pay."""

N_DRAWS, N_WORKERS = 2**16, 2**12
"""Draws of a full bank, and points of the population, uncut, at each."""

_N_BLOCK = 2**9
_N_SCRAMBLES = 8
_N_QUADRATURE = 8
"""Draws at which the quadrature's noise is measured, over that many scramblings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bank:
    """Draws of parameters and their moments."""

    base: Params
    """Values of the parameters that are not drawn."""
    prior: Prior
    """The prior; its widened and flattened forms can be had from the same draws."""
    values: Array
    """Parameters, (draw, parameter), in the order of the prior."""
    features: Array
    """Moments and ΔGini, (draw, feature), in the order of FEATURES."""
    log_proposal: Array
    """Log density of the mixture that was drawn from, (draw,)."""
    quadrature: Array
    """Covariance of the features over scramblings of the population, mean over draws, (feature, feature)."""
    n_workers: int
    """Points of the population."""
    key: str
    """Names the inputs and the code of the model."""

    def log_weight(self, prior: Prior | None = None) -> Array:
        """Log of prior over proposal, (draw,); of the bank's own prior if None."""
        chosen = self.prior if prior is None else prior
        return np.asarray(chosen.log_density(self.values) - self.log_proposal)

    def take(self, n_draws: int) -> "Bank":
        """Return the first draws of every component, as a bank of that size would hold them."""
        rows = np.concatenate([np.arange(a, a + n) for a, n in _places(len(self.values), n_draws)])
        return replace(
            self,
            values=self.values[rows],
            features=self.features[rows],
            log_proposal=self.log_proposal[rows],
        )


def place(feature: str) -> int:
    """Column of a feature.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if feature not in FEATURES:
        raise ParameterError(f"{feature}: not in the bank, which holds {', '.join(FEATURES)}")
    return FEATURES.index(feature)


def features_at(
    base: Params,
    names: Sequence[str],
    values: Array,
    *,
    n_workers: int = N_WORKERS,
    scramble: int = 0,
) -> Array:
    """Return the features at every row of parameter values, (draw, feature)."""
    moments = reduced_moments(base, names, values, scramble=scramble)
    ginis = many_ginis(base, names, values, n_workers=n_workers, scramble=scramble)
    columns = {name: moments[:, k] for k, name in enumerate(REDUCED)}
    columns |= {DELTA_GINI_INCOME: ginis[:, 0], DELTA_GINI_PAY: ginis[:, 1]}
    return np.column_stack([columns[name] for name in FEATURES])


def delta_gini_cut_and_uncut(params: Params) -> tuple[float, float]:
    """ΔGini of income at N_WORKERS of the fits, with the tails cut as fits cut them, and without."""
    cut, uncut = (
        solve_economy(params, n_workers=N_FIT_WORKERS, is_cut=is_cut).delta_gini_income
        for is_cut in (True, False)
    )
    return cut, uncut


def make_bank(
    base: Params,
    prior: Prior,
    *,
    n_draws: int = N_DRAWS,
    n_workers: int = N_WORKERS,
    seed: int = 0,
    folder: Path | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Bank:
    """Draw parameters and compute their features, or take what is kept of them.

    Parameters
    ----------
    base
        Values of the parameters without a prior.
    prior
        Priors of the others.
    n_draws
        Draws, a power of two of at least 2^11.
    n_workers
        Points of the population at each draw.
    seed
        Seed of the scrambled Sobol points.
    folder
        Where finished blocks are kept, under a hash of inputs and code; a killed run goes on from there.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`; progress counts blocks.

    Returns
    -------
    Bank
        Does not depend on the executor.

    Raises
    ------
    ParameterError
        If n_draws is not such a power.
    EstimationError
        If an economy gives no finite moment; the parameters are named.
    SourceError
        If a kept block cannot be read.

    Notes
    -----
    Half of the draws come from the prior, a quarter each from it twice as wide and from its flat form; the proposal
    density is that mixture (balance heuristic, Veach and Guibas 1995), so that no weight under any of the three is
    above four.
    """
    if n_draws < _N_BLOCK / min(SHARES.values()) or n_draws & (n_draws - 1):
        raise ParameterError(
            f"n_draws = {n_draws}: expected a power of two, at least {_N_BLOCK / min(SHARES.values()):.0f}"
        )
    key = bank_key(base, prior, n_workers, seed)
    values = _draw(prior, n_draws, seed)
    jobs = [
        _Block(base=base, names=prior.names, values=part, n_workers=n_workers, path=path)
        for part, path in zip(
            np.split(values, n_draws // _N_BLOCK), _paths(folder, key, n_draws), strict=True
        )
    ]
    features = np.vstack(run_all(_solve, jobs, executor=executor, on_progress=on_progress))
    _fail_if_not_finite(prior.names, values, features)
    return Bank(
        base=base,
        prior=prior,
        values=values,
        features=features,
        log_proposal=Mixture(prior=prior).log_density(values),
        quadrature=_quadrature(
            base,
            prior,
            values,
            n_workers,
            None if folder is None else folder / f"bank_{key[:12]}_quadrature.parquet",
        ),
        n_workers=n_workers,
        key=key,
    )


def bank_key(base: Params, prior: Prior, n_workers: int, seed: int) -> str:
    """Hash what a draw's features depend on: parameters, prior, quadrature, seed and the model's code."""
    text = repr((params_hash(base), prior, n_workers, seed, FEATURES, _N_BLOCK, _code_hash()))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Block:
    base: Params
    names: tuple[str, ...]
    values: Array
    n_workers: int
    path: Path | None = None


def _solve(block: _Block) -> Array:
    kept = _kept(block.path, len(block.values))
    if kept is not None:
        return kept
    features = features_at(block.base, block.names, block.values, n_workers=block.n_workers)
    if block.path is not None:
        write_part(pl.DataFrame(features, schema=_SCHEMA), block.path)
    return features


def _kept(path: Path | None, n_rows: int) -> Array | None:
    """Finished rows of features, None where there are none.

    Raises
    ------
    SourceError
        If the file does not hold so many.
    """
    frame = None if path is None else read_part(path, what="a block of a bank", schema=_SCHEMA)
    if frame is not None and frame.height != n_rows:
        raise SourceError(
            f"{path}: {frame.height} rows, expected {n_rows}. Delete it and run again"
        )
    return None if frame is None else frame.to_numpy()


_SCHEMA = dict.fromkeys(FEATURES, pl.Float64)


def _counts(n_draws: int) -> tuple[int, ...]:
    return tuple(round(share * n_draws) for share in SHARES.values())


def _places(n_draws: int, n_wanted: int) -> list[tuple[int, int]]:
    starts = np.concatenate([[0], np.cumsum(_counts(n_draws))[:-1]])
    return list(zip(starts.tolist(), _counts(n_wanted), strict=True))


def _draw(prior: Prior, n_draws: int, seed: int) -> Array:
    """Scrambled Sobol points mapped to each component of the mixture, one after the other, (draw, parameter)."""
    parts = []
    for place_, (component, count) in enumerate(
        zip(Mixture(prior=prior).components.values(), _counts(n_draws), strict=True)
    ):
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place_,)))
        points = qmc.Sobol(d=len(prior.names), scramble=True, rng=generator).random(count)
        parts.append(component.quantile(np.clip(points, _INSIDE, 1 - _INSIDE)))
    return np.vstack(parts)


_INSIDE = 1e-9
"""Uniforms are kept this far from 0 and 1, so that no parameter lies on the edge of its domain."""


def _paths(folder: Path | None, key: str, n_draws: int) -> list[Path | None]:
    """Names by component and place within it, so that a larger bank takes the blocks of a smaller one."""
    if folder is None:
        return [None] * (n_draws // _N_BLOCK)
    return [
        folder / f"bank_{key[:12]}_{component}_{block:03d}.parquet"
        for component, count in enumerate(_counts(n_draws))
        for block in range(count // _N_BLOCK)
    ]


def _quadrature(
    base: Params, prior: Prior, values: Array, n_workers: int, path: Path | None
) -> Array:
    kept = _kept(path, len(FEATURES))
    if kept is not None:
        return kept
    draws = [
        features_at(base, prior.names, values[:_N_QUADRATURE], n_workers=n_workers, scramble=s)
        for s in range(1, _N_SCRAMBLES + 1)
    ]
    covariance = np.mean(
        [np.cov(of_draw, rowvar=False) for of_draw in np.stack(draws, axis=1)], axis=0
    )
    if path is not None:
        write_part(pl.DataFrame(covariance, schema=_SCHEMA), path)
    return np.asarray(covariance)


def _fail_if_not_finite(names: tuple[str, ...], values: Array, features: Array) -> None:
    wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if wrong.size:
        at = ", ".join(f"{name} = {v:g}" for name, v in zip(names, values[wrong[0]], strict=True))
        raise EstimationError(
            f"bank: {wrong.size} draws give no finite moment; the first at {at}. Narrow the prior"
        )


@cache
def _code_hash() -> str:
    modules = (cells, economy, equations, inequality, population, screening, reduced, ginis_module)
    paths = [str(module.__file__) for module in modules]
    return hashlib.sha256(b"".join(Path(path).read_bytes() for path in paths)).hexdigest()
