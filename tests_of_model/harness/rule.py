"""The rule of the identification matrix, written here and nowhere else: verdicts by equivalence.

For one estimator of one claim on one design, in the reference world and in its rivals, four figures are tested against
their limits, each in both directions; what is shown in neither direction is open:

=========  ======================================  ==========================================  =======================
figure     judged in                               shown good                                  shown bad
=========  ======================================  ==========================================  =======================
bias       every world                             two one-sided t tests: smaller than δ       a t test: larger than δ
coverage   every world                             exact binomial test: above COVERAGE_LIMIT   the same test: below it
size       every world in which the truth is zero  exact binomial test: below SIZE_LIMIT       the same test: above it
power      the reference                           exact binomial test: above POWER_GOAL       the same test: below it
=========  ======================================  ==========================================  =======================

δ is BIAS_SHARE of the absolute truth in the reference world. A failed estimate neither covers nor rejects. Where an
estimator refuses in every replicate of a world, or the estimand does not exist there, size alone is judged.

*identified* needs every figure shown good. It is an intersection of tests: if one figure is in truth at its limit or
beyond, that figure's test alone must err, so that each test has the whole level and no correction is due. *biased*,
*size-distorted* (a size shown too large, or intervals shown to cover too rarely) and *underpowered* each need a figure
shown bad in *some* world. They are unions of tests, so that the level is shared evenly among the tests of the word. The
word that comes first in WORDS wins; if there is none it is *inconclusive*.

The tests are repeated at a few numbers of replicates, the looks. Each look spends, of the level, the share of the
replicates that it adds (Bonferroni over looks, whatever the dependence between them), and what is shown first stands. So
each of *identified*, *biased*, *size-distorted* and *underpowered* is said wrongly with a probability of at most ALPHA,
over all looks and worlds of one design and claim. There is no correction over designs and claims.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, ndtri, stdtrit

from withintask.panel.arrays import Array, Flags
from withintask.panel.errors import ParameterError
from withintask.tests_of_model.harness.diagnosands import LEVEL, ROUNDING

ALPHA = 0.05
"""Probability with which each word is said wrongly, at most."""
BIAS_SHARE = 0.10
"""Bias that is tolerated, as a share of the truth in the reference world."""
COVERAGE_LIMIT = 0.90
"""Coverage that is asked for, of intervals that should cover 95 percent."""
SIZE_LIMIT = 0.08
"""Rejection rate that is tolerated of a test of level 5 percent."""
POWER_GOAL = 0.80
"""Power that is asked for; also the assurance with which the replicates that would decide do."""

IDENTIFIED, BIASED, DISTORTED = "identified", "biased", "size-distorted"
UNDERPOWERED, INCONCLUSIVE = "underpowered", "inconclusive"
WORDS = (BIASED, DISTORTED, UNDERPOWERED, IDENTIFIED, INCONCLUSIVE)
"""Words of the rule; the first that is shown wins."""

GOOD, OPEN, BAD = 1, 0, -1
"""What is shown of a figure."""
FIGURES = ("bias", "coverage", "size", "power")
"""Figures, in the order of the rule."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Numbers of replicates at which the tests are made."""

    sizes: tuple[int, ...]
    """Replicates a world, ascending."""

    def __post_init__(self) -> None:
        """Refuse looks that are none."""
        if not self.sizes or min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise ParameterError(f"looks {self.sizes}: expected ascending positive numbers")

    @property
    def levels(self) -> tuple[float, ...]:
        """Level that each look spends; they sum to ALPHA."""
        steps = np.diff([0, *self.sizes]) / self.sizes[-1]
        return tuple(float(ALPHA * step) for step in steps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Replicates of one estimator and term by world, the reference first; leading axes are other made-up studies."""

    truth: Array
    """Estimand, (world,)."""
    n: Array
    """Replicates drawn, failures included, (world,); arrays hold anything beyond."""
    estimate: Array
    """Point estimates, NaN where failed, (..., world, replicate)."""
    conf_low: Array
    """Lower ends."""
    conf_high: Array
    """Upper ends."""
    p_value: Array
    """Two-sided p-values of no effect."""
    n_worlds: int = 0
    """Worlds of the whole study, among which levels are shared; those here if fewer."""
    n_null: int = 0
    """Those of them without an effect."""

    @property
    def sharing(self) -> tuple[int, int]:
        """Worlds, and worlds without an effect, among which levels are shared."""
        return max(self.n_worlds, self.truth.size), max(self.n_null, int(self.is_null.sum()))

    @property
    def is_null(self) -> Flags:
        """Whether there is no effect, or the estimand does not exist, (world,)."""
        return (np.abs(self.truth) < ROUNDING) | np.isnan(self.truth)

    @property
    def margin(self) -> float:
        """Bias that is tolerated."""
        return float(BIAS_SHARE * abs(self.truth[0]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """What the tests see of the first replicates of each world, (..., world)."""

    n: Array
    """Replicates, (world,)."""
    n_usable: Array
    """Those with a point estimate."""
    bias: Array
    """Mean of the usable estimates, less the truth."""
    sd: Array
    """Their standard deviation."""
    n_covering: Array
    """Intervals that hold the truth."""
    n_rejecting: Array
    """Tests that reject no effect at LEVEL."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """What is shown: one of GOOD, OPEN and BAD a figure and world, and the word, (...)."""

    shown: dict[str, Array]
    """By figure, (..., world); NaN where a figure is not judged."""
    word: Array
    """Places in WORDS."""
    n_decide: Array
    """Replicates a world that would decide with probability POWER_GOAL if figures stay as they are; 0 where decided."""


def judge(draws: Draws, looks: Looks | None = None) -> Judgement:
    """Apply the rule.

    Parameters
    ----------
    draws
        Replicates.
    looks
        When the tests are made: at the looks that a world has reached. Once, with all that each world has, if None.

    Returns
    -------
    Judgement
        Of every leading index.
    """
    levels = (ALPHA,) if looks is None else looks.levels
    shown = {name: np.zeros(draws.estimate.shape[:-1]) for name in FIGURES}
    for k, level in enumerate(levels):
        sizes = draws.n if looks is None else np.full(draws.n.shape, looks.sizes[k])
        is_reached = (sizes <= draws.n) & (sizes > 0)
        fresh = _tests(counts(draws, sizes), draws, level)
        for name in FIGURES:
            is_new = (shown[name] == OPEN) & is_reached
            shown[name] = np.where(is_new, fresh[name], shown[name])
    latest = counts(draws, draws.n)
    shown = _judged_only(shown, draws, latest)
    word = _word(shown)
    needed = _needed(latest, draws, shown, levels[-1])
    return Judgement(
        shown=shown,
        word=word,
        n_decide=np.where(word == WORDS.index(INCONCLUSIVE), needed, 0.0),
    )


def counts(draws: Draws, sizes: Array) -> Counts:
    """Count over the first ``sizes`` replicates of each world, (world,)."""
    is_in = np.arange(draws.estimate.shape[-1]) < sizes[:, None]
    truth = draws.truth[:, None]
    is_usable = np.isfinite(draws.estimate) & is_in
    n_usable = is_usable.sum(-1)
    error = np.where(is_usable, draws.estimate - truth, 0.0)
    mean = error.sum(-1) / np.maximum(n_usable, 1)
    square = np.where(is_usable, (error - mean[..., None]) ** 2, 0.0).sum(-1)
    covers = (draws.conf_low <= truth) & (truth <= draws.conf_high) & is_in
    return Counts(
        n=sizes,
        n_usable=n_usable,
        bias=mean,
        sd=np.sqrt(square / np.maximum(n_usable - 1, 1)),
        n_covering=covers.sum(-1),
        n_rejecting=((draws.p_value < LEVEL) & is_in).sum(-1),
    )


def _tests(seen: Counts, draws: Draws, level: float) -> dict[str, Array]:
    """All tests at one look, (..., world) each."""
    n_worlds, n_null = draws.sharing
    of_bias, of_share = level / (2 * n_worlds), level / (n_worlds + n_null)
    n = np.maximum(seen.n, 1)
    return {
        "bias": _bias_shown(seen, draws.margin, level, of_bias),
        "coverage": _above(seen.n_covering, n, COVERAGE_LIMIT, level)
        - _below(seen.n_covering, n, COVERAGE_LIMIT, of_share),
        "size": _below(seen.n_rejecting, n, SIZE_LIMIT, level)
        - _above(seen.n_rejecting, n, SIZE_LIMIT, of_share),
        "power": _above(seen.n_rejecting, n, POWER_GOAL, level)
        - _below(seen.n_rejecting, n, POWER_GOAL, level),
    }


def _bias_shown(seen: Counts, margin: float, good: float, bad: float) -> Array:
    """GOOD by two one-sided t tests, BAD by a two-sided one; a single estimate, or no margin, shows nothing."""
    dof = np.maximum(seen.n_usable - 1, 1)
    error = seen.sd / np.sqrt(np.maximum(seen.n_usable, 1))
    size = np.abs(seen.bias)
    is_good = size + stdtrit(dof, 1 - good) * error < margin
    is_bad = size - stdtrit(dof, 1 - bad) * error > margin
    can = (seen.n_usable > 1) & (margin > ROUNDING)
    return np.where(can, is_good.astype(float) - is_bad, OPEN)


def _above(hits: Array, n: Array, limit: float, level: float) -> Array:
    """Whether a share above the limit is shown, exactly: P(hits or more at the limit) ≤ level."""
    return ((bdtrc(hits - 1, n, limit) <= level) & (hits > 0)).astype(float)


def _below(hits: Array, n: Array, limit: float, level: float) -> Array:
    """Whether a share below the limit is shown, exactly: P(hits or fewer at the limit) ≤ level."""
    return (bdtr(hits, n, limit) <= level).astype(float)


def _judged_only(shown: dict[str, Array], draws: Draws, seen: Counts) -> dict[str, Array]:
    """NaN where a figure is not judged: size where there is an effect, power elsewhere than in the reference, refusals."""
    refuses = (seen.n_usable == 0) | np.isnan(draws.truth)
    is_reference = np.arange(draws.truth.size) == 0
    return {
        "bias": np.where(refuses, np.nan, shown["bias"]),
        "coverage": np.where(refuses, np.nan, shown["coverage"]),
        "size": np.where(draws.is_null, shown["size"], np.nan),
        "power": np.where(is_reference, shown["power"], np.nan),
    }


def _word(shown: dict[str, Array]) -> Array:
    """Place in WORDS of what is shown, (...)."""
    bad = {name: (state == BAD).any(-1) for name, state in shown.items()}
    good = [((state == GOOD) | np.isnan(state)).all(-1) for state in shown.values()]
    has_null = ~np.isnan(shown["size"]).all(-1)
    conditions = (
        bad["bias"],
        bad["coverage"] | bad["size"],
        bad["power"],
        np.logical_and.reduce(good) & has_null,
    )
    return np.select(conditions, range(len(conditions)), WORDS.index(INCONCLUSIVE))


def _needed(seen: Counts, draws: Draws, shown: dict[str, Array], level: float) -> Array:
    """Replicates that would decide: the first figure that seems bad, else the last that seems good, (...)."""
    n_worlds, n_null = draws.sharing
    n = np.maximum(seen.n, 1)
    coverage, rejected = seen.n_covering / n, seen.n_rejecting / n
    of_share = level / (n_worlds + n_null)
    figures = {
        "bias": (draws.margin - np.abs(seen.bias), *_bias_needed(seen, draws.margin)),
        "coverage": (coverage - COVERAGE_LIMIT, *_share_spread(coverage, COVERAGE_LIMIT)),
        "size": (SIZE_LIMIT - rejected, *_share_spread(rejected, SIZE_LIMIT)),
        "power": (rejected - POWER_GOAL, *_share_spread(rejected, POWER_GOAL)),
    }
    bad_level = {
        "bias": level / (2 * n_worlds),
        "coverage": of_share,
        "size": of_share,
        "power": level,
    }
    for_good, for_bad = [], []
    for name, (slack, at_limit, here) in figures.items():
        quantile = ndtri(1 - np.where(slack > 0, level, bad_level[name]))
        with np.errstate(divide="ignore", invalid="ignore"):
            size = ((quantile * at_limit + ndtri(POWER_GOAL) * here) / slack) ** 2
        is_open = shown[name] == OPEN
        for_good.append(np.where(is_open & (slack > 0), size, 0.0))
        for_bad.append(np.where(is_open & (slack <= 0), size, np.inf))
    last, first = np.max(for_good, axis=(0, -1)), np.min(for_bad, axis=(0, -1))
    any_bad = np.any([(shown[n] == OPEN) & (f[0] <= 0) for n, f in figures.items()], axis=(0, -1))
    needed = np.ceil(np.where(any_bad, first, last))
    return np.where(np.isnan(needed), np.inf, np.maximum(needed, draws.n.min()))


def _bias_needed(seen: Counts, margin: float) -> tuple[Array, Array]:
    """Spread of one estimate, at the limit and here; unknown where nothing can be shown."""
    known = (seen.n_usable > 1) & (margin > ROUNDING)
    sd = np.where(known, seen.sd, np.inf)
    return sd, sd


def _share_spread(share: Array, limit: float) -> tuple[Array, Array]:
    """Spread of one hit, at the limit and here."""
    return np.full(share.shape, np.sqrt(limit * (1 - limit))), np.sqrt(share * (1 - share))
