"""Indirect inference: what estimators give in simulated panels of a panel's design and noise, and moments freed of their bias."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from withintask.panel.arrays import Array
from withintask.panel.errors import EstimationError, ModelError, list_problems
from withintask.panel.store import read_panel
from withintask.sim.design import Design
from withintask.sim.designs import change_design
from withintask.sim.economy import solve_economy
from withintask.sim.params import Params
from withintask.sim.shocks import draw_shocks
from withintask.sim.simulate import simulate
from withintask.tests_of_model.harness.parallel import run_all
from withintask.tests_of_model.moments.design_like import design_of
from withintask.tests_of_model.moments.moments import params_with
from withintask.tests_of_model.moments.noise import quiet_design
from withintask.tests_of_model.moments.of_panel import OF_PANEL, panel_moments
from withintask.tests_of_model.moments.priors import Prior, load_prior
from withintask.tests_of_model.moments.reduced import reduced_moments
from withintask.tests_of_model.moments.targets import MomentTarget, make_target

N_DRAWS = 200
"""Simulated panels from which the binding functions are estimated, half of them at the centre."""

_N_WORKERS = 2**12
_N_BLOCK = 10
_SPREAD = 0.3
"""Spread of the simulated parameters around the centre, in standard deviations of the prior's normal scores."""
_CLEAR = 2
"""Standard errors by which a slope must be above zero."""
_SLOPE_SD = 0.5
"""An estimator without bias has slope 1: prior standard deviation of slopes around it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Binding:
    """Mean estimates in panels of one design, as functions of the model's moments."""

    names: tuple[str, ...]
    """Moments."""
    design: Design
    """Design of the panels."""
    center: Array
    """Moments around which they were simulated, (moment,)."""
    coefficients: Array
    """Mean estimate at the centre, and slope of the line around it in the moment, (2, moment)."""
    slope_error: Array
    """Standard errors of the slopes, (moment,)."""
    covariance: Array
    """Sampling covariance of the estimates about their mean, (moment, moment)."""
    n_panels: int
    """Simulated panels."""

    def mean(self, moments: Array) -> Array:
        """Mean estimates at the model's moments, (moment,)."""
        return np.asarray(self.coefficients[0] + self.coefficients[1] * (moments - self.center))

    @property
    def target_covariance(self) -> Array:
        """Covariance of moments freed of bias: that of the estimates over the slopes, (moment, moment)."""
        slope = self.coefficients[1]
        return np.asarray(self.covariance / np.outer(slope, slope))

    def invert(self, estimates: Array) -> Array:
        """Moments at which the mean estimates are those given, (moment,).

        Raises
        ------
        EstimationError
            If an estimate does not move with its moment: its slope is within two errors of zero and not of one.
        """
        slope = self.coefficients[1]
        flat = [
            f"{name}: slope {b:.2g}, error {e:.2g}"
            for name, b, e in zip(self.names, slope, self.slope_error, strict=True)
            if not b > _CLEAR * e and b + _CLEAR * e < 1
        ]
        if flat:
            advice = "Leave the moment out, or simulate more panels."
            where = "estimates that do not move with their moment in simulated panels"
            raise EstimationError(list_problems(where, flat, advice=advice))
        return np.asarray(self.center + (estimates - self.coefficients[0]) / slope)


def estimate_binding(
    design: Design,
    base: Params,
    prior: Prior,
    *,
    names: Sequence[str] = OF_PANEL,
    n_panels: int = N_DRAWS,
    seed: int = 0,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Binding:
    """Simulate panels around parameters and regress what the estimators give on the model's moments.

    Parameters
    ----------
    design
        Design of the panels.
    base
        The parameters around which to simulate, and all that stay fixed.
    prior
        Parameters that vary, and by how much: a third of the spread of their prior.
    names
        Moments.
    n_panels
        Panels: half of them at the base, half each at parameters of its own around it.
    seed
        Seed of parameters and panels.
    executor, on_progress
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.

    Raises
    ------
    EstimationError
        If a simulated panel gives no estimate; nothing is dropped.

    Notes
    -----
    The binding function of Gourieroux, Monfort and Renault (1993), read in moments: the estimate of moment k has mean
    b_k(m_k), linear near the centre. Its level is the mean of the panels at the base: a line through panels around it is
    another there, because what other parameters add to the bias is curved. Its slope is that of this line; what is left
    of it is sampling error and what other parameters add. Simulate again around the parameters fitted, if they lie far from
    the base.
    """
    n_at_base = n_panels // 2
    own = np.array([[getattr(base, name) for name in prior.names]])
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    around = _around(own, prior, n_panels - n_at_base, generator)
    values = np.vstack([np.repeat(own, n_at_base, axis=0), around])
    jobs = [
        _Block(
            base=base,
            prior_names=prior.names,
            values=values,
            rows=range(start, min(start + _N_BLOCK, n_panels)),
            design=design,
            names=tuple(names),
            seed=seed,
        )
        for start in range(0, n_panels, _N_BLOCK)
    ]
    estimates = np.vstack(run_all(_estimates, jobs, executor=executor, on_progress=on_progress))
    center = reduced_moments(base, (), np.empty((1, 0)), moments=names)[0]
    gap = reduced_moments(base, prior.names, around, moments=names) - center
    lines = [_line(x, y) for x, y in zip(gap.T, estimates[n_at_base:].T, strict=True)]
    slope = np.array([line.slope for line in lines])
    residual = np.column_stack([line.residual for line in lines])
    return Binding(
        names=tuple(names),
        design=design,
        center=center,
        coefficients=np.array([estimates[:n_at_base].mean(axis=0), slope]),
        slope_error=np.array([line.error for line in lines]),
        covariance=residual.T @ residual / (len(residual) - 2),
        n_panels=n_panels,
    )


def indirect_target(estimates: Array, binding: Binding, *, source: str) -> MomentTarget:
    """Turn a panel's estimates into targets for the model's moments.

    Parameters
    ----------
    estimates
        From :func:`withintask.tests_of_model.moments.of_panel.panel_moments`, (moment,).
    binding
        Mean estimates in panels of its design.
    source
        What the panel is.

    Returns
    -------
    MomentTarget
        The moments at which such estimates are what is expected; covariance Σ over the slopes of the binding functions.

    Raises
    ------
    EstimationError
        If an estimate does not move with its moment.
    """
    return make_target(
        binding.invert(estimates),
        binding.names,
        covariance=binding.target_covariance,
        source=f"{source}; by indirect inference from {binding.n_panels} simulated panels of its design",
        status="estimated",
    )


def binding_at(
    base: Params,
    prior: Prior,
    output_noise: float,
    *,
    n_panels: int = N_DRAWS,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Binding:
    """Estimate the binding functions of the quiet design at another noise of single outputs, log points."""
    return estimate_binding(
        change_design(quiet_design(), output_noise=output_noise),
        base,
        prior,
        n_panels=n_panels,
        executor=executor,
        on_progress=on_progress,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundPanel:
    """A panel's estimates, what simulated panels of its design give, and the targets that follow."""

    estimates: Array
    """As they are, (moment,)."""
    binding: Binding
    """Mean estimates in simulated panels."""
    target: MomentTarget
    """Freed of bias."""
    unfreed: MomentTarget
    """As they are, with their sampling covariance."""


def bind_panel(
    path: Path,
    base: Params,
    names: Sequence[str] | None = None,
    *,
    verify: bool = True,
    n_panels: int = N_DRAWS,
    seed: int = 0,
    executor: Executor | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> BoundPanel:
    """Read a panel, estimate its moments and free them of bias by panels simulated like it.

    Parameters
    ----------
    path
        Folder or database.
    base
        Parameters around which to simulate.
    names
        Moments; m1 to m5 if None.
    verify
        Whether each file is compared with its SHA-256, where the manifest has it.
    n_panels, seed, executor, on_progress
        As for :func:`estimate_binding`; all parameters of the packaged prior vary.

    Raises
    ------
    EstimationError
        If the panel or a simulated one gives no estimate.
    """
    panel, chosen = read_panel(path, verify=verify), tuple(names or OF_PANEL)
    estimates = panel_moments(panel, chosen)
    binding = estimate_binding(
        design_of(panel, params=base),
        base,
        load_prior(),
        names=chosen,
        n_panels=n_panels,
        seed=seed,
        executor=executor,
        on_progress=on_progress,
    )
    source = f"{panel.info.name}: {panel.info.source}"
    return BoundPanel(
        estimates=estimates,
        binding=binding,
        target=indirect_target(estimates, binding, source=source),
        unfreed=make_target(
            estimates,
            chosen,
            covariance=binding.covariance,
            source=f"{source}; estimates as they are",
            status="estimated",
        ),
    )


class _Line(NamedTuple):
    slope: float
    error: float
    residual: Array


def _line(x: Array, y: Array) -> _Line:
    """Slope and its error, and what is left: least squares with a normal prior of the slope around 1."""
    centered = x - x.mean()
    square = float(centered @ centered)
    free = float(centered @ y / square)
    left = y - y.mean() - free * centered
    precision = square / float(left @ left / (x.size - 2))
    slope = (precision * free + _SLOPE_SD**-2) / (precision + _SLOPE_SD**-2)
    error = (precision + _SLOPE_SD**-2) ** -0.5
    return _Line(slope, float(error), y - y.mean() - slope * centered)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Block:
    base: Params
    prior_names: tuple[str, ...]
    values: Array
    rows: range
    design: Design
    names: tuple[str, ...]
    seed: int


def _estimates(block: _Block) -> Array:
    found, problems = [], []
    for row in block.rows:
        params = params_with(block.base, block.prior_names, block.values[row])
        economy = solve_economy(params, n_workers=_N_WORKERS)
        shocks = draw_shocks(block.design, seed=block.seed, replicate=row)
        try:
            found.append(panel_moments(simulate(economy, block.design, shocks), block.names))
        except ModelError as error:
            problems.append(f"panel {row}: {error}")
    if problems:
        raise EstimationError(list_problems("simulated panels", problems))
    return np.array(found)


def _around(own: Array, prior: Prior, n: int, generator: np.random.Generator) -> Array:
    """Parameters whose normal scores under the prior are spread around those of one row, (draw, parameter)."""
    center = ndtri(np.clip(prior.uniforms(own), _INSIDE, 1 - _INSIDE))
    return prior.quantile(ndtr(center + _SPREAD * generator.standard_normal((n, len(prior.names)))))


_INSIDE = 0.02
"""A base on the edge of the prior's range is moved this probability inside."""
