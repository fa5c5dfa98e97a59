"""The figures behind a verdict: those of one world, with their Monte-Carlo errors and what is shown of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from withintask.tests_of_model.harness.diagnosands import ROUNDING
from withintask.tests_of_model.harness.rule import (
    BAD,
    FIGURES,
    GOOD,
    OPEN,
    Counts,
    Draws,
    Judgement,
    counts,
)

SHOWN = {float(GOOD): "good", float(OPEN): "open", float(BAD): "bad"}
"""Words for what is shown of a figure; empty where it is not judged."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the estimates that are kept."""


@dataclass(frozen=True, kw_only=True)
class WorldFigures:
    """Figures of one estimator and term in one world."""

    world: str
    """World."""
    truth: float
    """Estimand."""
    n_replicates: int
    """Replicates, failures included."""
    n_failed: int
    """Those without an estimate."""
    bias: float
    """Mean estimate less the truth; NaN without two estimates."""
    bias_mc_se: float
    """Its Monte-Carlo error."""
    empirical_se: float
    """Standard deviation of the estimates."""
    coverage: float
    """Share of intervals that hold the truth."""
    coverage_mc_se: float
    """Its Monte-Carlo error."""
    rejects: float
    """Share of tests that reject no effect: size where there is none, else power."""
    rejects_mc_se: float
    """Its Monte-Carlo error."""
    bias_shown: str
    """One of SHOWN, or empty."""
    coverage_shown: str
    """The same."""
    size_shown: str
    """The same."""
    power_shown: str
    """The same."""
    p05: float
    """Quantile of the estimates."""
    p25: float
    """Quantile."""
    p50: float
    """Median."""
    p75: float
    """Quantile."""
    p95: float
    """Quantile."""

    @property
    def is_null(self) -> bool:
        """Whether there is no effect, or the estimand does not exist."""
        return math.isnan(self.truth) or abs(self.truth) < ROUNDING

    @property
    def is_bad(self) -> bool:
        """Whether a figure is shown bad."""
        return any(self.shown(figure) == SHOWN[float(BAD)] for figure in FIGURES)

    def shown(self, figure: str) -> str:
        """What is shown of a figure."""
        return str(getattr(self, f"{figure}_shown"))


def world_figures(
    draws: Draws, judgement: Judgement, worlds: Sequence[str]
) -> tuple[WorldFigures, ...]:
    """Return the figures of a single study by world, in the order of the draws."""
    seen = counts(draws, draws.n)
    return tuple(_figures(draws, seen, judgement, name, place) for place, name in enumerate(worlds))


def _figures(
    draws: Draws, seen: Counts, judgement: Judgement, name: str, place: int
) -> WorldFigures:
    n, n_usable = int(seen.n[place]), int(seen.n_usable[place])
    is_known = n_usable > 1
    spread = float(seen.sd[place]) if is_known else float("nan")
    has_truth = n_usable > 0 and not math.isnan(float(draws.truth[place]))
    coverage = float(seen.n_covering[place] / n) if has_truth else float("nan")
    rejects = float(seen.n_rejecting[place] / n)
    estimates = draws.estimate[place, :n]
    usable = estimates[np.isfinite(estimates)]
    quantiles = np.quantile(usable, QUANTILES) if usable.size else np.full(len(QUANTILES), np.nan)
    shown = [SHOWN.get(float(judgement.shown[figure][place]), "") for figure in FIGURES]
    return WorldFigures(
        world=name,
        truth=float(draws.truth[place]),
        n_replicates=n,
        n_failed=n - n_usable,
        bias=float(seen.bias[place]) if is_known else float("nan"),
        bias_mc_se=spread / float(np.sqrt(max(n_usable, 1))),
        empirical_se=spread,
        coverage=coverage,
        coverage_mc_se=_share_error(coverage, n),
        rejects=rejects,
        rejects_mc_se=_share_error(rejects, n),
        **dict(zip((f"{figure}_shown" for figure in FIGURES), shown, strict=True)),  # type: ignore[arg-type]
        **dict(zip(("p05", "p25", "p50", "p75", "p95"), map(float, quantiles), strict=True)),  # type: ignore[arg-type]
    )


def _share_error(share: float, n: int) -> float:
    """Monte-Carlo error of a share, of two hits and two misses more (Agresti and Coull 1998): a share of 0 or 1 has one too."""
    larger = n + 2 * 2
    adjusted = (share * n + 2) / larger
    return float(np.sqrt(adjusted * (1 - adjusted) / larger))
