"""Parameters fitted to a panel in three ways: to its estimates as they are, by indirect inference, and as a posterior."""

import contextlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import polars as pl

from withintask.panel.errors import ModelError
from withintask.sim.params import Params
from withintask.tests_of_model.moments.bank import make_bank
from withintask.tests_of_model.moments.fit import MsmFit, fit_msm
from withintask.tests_of_model.moments.indirect import BoundPanel
from withintask.tests_of_model.moments.priors import load_prior
from withintask.tests_of_model.moments.reweight import Posterior, posterior

_N_BANK, _N_WORKERS = 2**12, 2**8
"""Draws of the bank that the posterior starts from, and points of its population: ΔGini is not asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelFit:
    """What a panel says of parameters."""

    fit: MsmFit
    """Fitted to the moments freed of their estimators' bias."""
    unfreed: MsmFit | None
    """Fitted to the estimates as they are; None if no start led to a minimum."""
    after: Posterior | None
    """Posterior given the moments freed of bias, all other parameters held; None if a free parameter has no prior."""

    def table(self) -> pl.DataFrame:
        """One row a free parameter: its value in the three ways, with the posterior's central 90 percent."""
        rows = []
        for place, name in enumerate(self.fit.names):
            row: dict[str, object] = {
                "parameter": name,
                "as_they_are": math.nan
                if self.unfreed is None
                else float(self.unfreed.values[place]),
                "indirect": float(self.fit.values[place]),
            }
            if self.after is not None:
                low, middle, high = self.after.interval(name)
                row |= {"posterior_median": middle, "posterior_low": low, "posterior_high": high}
            rows.append(row)
        return pl.DataFrame(rows)


def fit_panel(
    bound: BoundPanel,
    start: Params,
    *,
    free: Sequence[str],
    fit: Callable[..., MsmFit] = fit_msm,
    executor: Executor | None = None,
) -> PanelFit:
    """Fit parameters to a panel in three ways.

    Parameters
    ----------
    bound
        The panel's estimates and the moments freed of their bias.
    start
        Start, and the parameters that are held.
    free
        Free parameters.
    fit
        :func:`withintask.tests_of_model.moments.fit.fit_msm`, with whatever settings are wanted.
    executor
        As for :func:`withintask.tests_of_model.harness.parallel.run_all`.
    """
    prior = load_prior()
    known = {name: getattr(start, name) for name in prior.names if name not in free}
    after = None
    if set(free) <= set(prior.names):
        bank = make_bank(start, prior, n_draws=_N_BANK, n_workers=_N_WORKERS, executor=executor)
        after = posterior(bank, bound.target, fixed=known)
    unfreed: MsmFit | None = None
    with contextlib.suppress(ModelError):
        unfreed = fit(bound.unfreed, start, free=free, executor=executor)
    return PanelFit(
        fit=fit(bound.target, start, free=free, executor=executor), unfreed=unfreed, after=after
    )
