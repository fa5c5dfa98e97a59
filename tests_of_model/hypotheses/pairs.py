"""Ability net of noise: change of its spread, gradient of the gain, and noise itself, by pairs of items."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from withintask.panel.errors import EstimationError
from withintask.panel.outcome import OutcomeKind
from withintask.tests_of_model.components.pair_covariates import without_covariates
from withintask.tests_of_model.components.pair_design import (
    PairDesign,
    form_rows,
    pairs_at,
    persistence_of_noise,
)
from withintask.tests_of_model.components.pairs import (
    SidedRows,
    UnitMoments,
    factorial_moments,
    unit_moments,
)
from withintask.tests_of_model.hypotheses.estimates import failure
from withintask.tests_of_model.hypotheses.hypothesis import ALL_ADJUSTMENTS, Estimate, Estimator
from withintask.tests_of_model.hypotheses.pair_terms import (
    LOG_LOGIT,
    Ability,
    estimate_term,
    terms_of,
)
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.samples.comparisons import Form, compare, first_form
from withintask.tests_of_model.samples.item_rows import ItemRows
from withintask.tests_of_model.samples.sample import Sample

_SHARED = 0.02
"""Share of noise that items of a pair may have in common when the distance is chosen."""
_SEEN = 1.645
"""Standard errors above zero from which on persistence counts, one-sided 5 percent."""
_LONGEST_LAG = 16
"""Distance at which noise is taken to be forgotten when its persistence is estimated."""


def pairs(
    sample: Sample, *, form: Form, distance: int | None = None, arm: int | None = None
) -> tuple[Estimate, ...]:
    """Estimate ability's spread, its gradient and noise by pairs of different items; sets by inversion.

    Parameters
    ----------
    sample
        Of a panel with several items a worker.
    form
        What is compared: access within workers, between workers, before and after, or the difference in differences.
    distance
        Smallest distance between the items of a pair; the sample's if None, and if that is None too chosen by the
        persistence of noise.
    arm
        Number of the arm compared with the control; 0 takes all arms with AI together, None the sample's arm.

    Returns
    -------
    tuple of Estimate
        One row a term that the sample asks for, or why it could not be estimated. Ends of sets that have none are infinite; where ability without
        AI is not detected the point estimate is missing and the set says what is known.

    Notes
    -----
    Equations (12) and (13). With U the mean product of pairs, delta_log_sd = ½ ln(EU₁/EU₀), the gradient is
    EU₀₁/EU₀ - 1, delta_log_noise = ½ ln of the ratio of what a single row's square has beyond U; between groups of workers
    each is compared with its change among controls. Declared covariates of rows, items and tasks are taken out before, those
    of workers are part of ability; see :func:`withintask.tests_of_model.components.pair_covariates.without_covariates`.
    """
    terms = sample.wanted(terms_of(form))
    number = sample.arm_number if arm is None else arm
    apart = sample.distance if distance is None else distance
    try:
        ability = ability_by_pairs(
            sample.item_rows, form, distance=apart, arm=number, is_crossed=sample.is_crossed
        )
    except EstimationError as error:
        return tuple(failure(term, "unusable", str(error)) for term in terms)
    return tuple(estimate_term(ability, term) for term in terms)


def spread_of_logits(
    sample: Sample, *, form: Form | None = None, distance: int | None = None
) -> Estimate:
    """Estimate the change of the log sd of ability on the logistic scale, for answers and scores between 0 and 1.

    Parameters
    ----------
    sample, form, distance
        As for :func:`pairs`; without a form, the one that takes least for granted of those that have rows on all sides.

    Returns
    -------
    Estimate
        Of LOG_LOGIT; or why it could not be estimated.

    Notes
    -----
    A share's variance shrinks as its mean nears a limit. The variance of the logit is that of the logit-normal with the
    share's mean and the variance that pairs give; its error follows both (delta method).
    """
    rows, arm = sample.item_rows, sample.arm_number
    if rows.kind not in ("binary", "score"):
        reason = f"the outcome is {rows.kind}, expected answers or scores"
        return failure(LOG_LOGIT, "unusable", reason)
    try:
        chosen = form or first_form(rows, arm=arm)
        apart = sample.distance if distance is None else distance
        ability = ability_by_pairs(
            rows, chosen, distance=apart, arm=arm, is_crossed=sample.is_crossed
        )
    except EstimationError as error:
        return failure(LOG_LOGIT, "unusable", str(error))
    row = estimate_term(ability, LOG_LOGIT)
    return replace(row, message="; ".join(m for m in (chosen.replace("_", "-"), row.message) if m))


def ability_by_pairs(
    rows: ItemRows,
    form: Form,
    *,
    distance: int | None = None,
    arm: int = 0,
    is_crossed: bool = False,
) -> Ability:
    """Compute the moments behind :func:`pairs`.

    Parameters
    ----------
    rows, form, distance
        Items, what is compared, and the smallest distance of a pair; chosen by the persistence of noise if None.
    arm
        Number of the arm compared with the control; 0 for all together.
    is_crossed
        Whether items' difficulty must be taken out.

    Raises
    ------
    EstimationError
        If no pair is left, or the distance asked for cannot be kept.
    """
    comparison = without_covariates(compare(rows, form, arm=arm))
    formed = form_rows(comparison, is_crossed=is_crossed)
    design = pairs_at(formed, 1 if distance is None else distance)
    note = ""
    if distance is None and rows.has_order:
        distance, note = default_distance(design)
        if distance > 1:
            design = pairs_at(formed, distance)
    return Ability(
        design=design,
        moments=_moments(design, rows.kind),
        kind=rows.kind,
        form=form,
        note=note,
        distance=distance or 1,
    )


def _moments(design: PairDesign, kind: OutcomeKind) -> UnitMoments:
    moments = unit_moments(design.rows, relative=kind == "count")
    return factorial_moments(moments) if design.is_single else moments


def default_distance(design: PairDesign) -> tuple[int, str]:
    """Smallest distance at which items share less than a fiftieth of their noise, if it fades by a constant factor.

    Persistence that is not told from none at the 5 percent level counts as none: where few items cannot show it, skipping
    neighbours would cost more than it saves; see the curve over assumed persistence instead.

    Parameters
    ----------
    design
        Pairs at distance 1.

    Returns
    -------
    tuple of int and str
        At most half of the places that a worker's items usually span, so that pairs remain; and a note where that is too
        near, empty otherwise.
    """
    rows = design.rows
    longest = _median_span(rows) // 2
    if longest < 2:
        return 1, ""
    share, error = persistence_of_noise(rows, n_lags=min(longest, _LONGEST_LAG))
    if share <= max(_SHARED, _SEEN * error):
        return 1, ""
    wanted = math.ceil(math.log(_SHARED) / math.log(share)) if share < 1 else math.inf
    short = f"noise persists ({share:.2f} from an item to the next) beyond the distance that the items allow: see the curve over persistence"
    return int(min(wanted, longest)), short if wanted > longest else ""


def _median_span(rows: SidedRows) -> int:
    """Places that a worker's items of one side usually span."""
    code = rows.side * rows.pairs.n_units + rows.pairs.unit
    low = np.full(int(code.max()) + 1, np.iinfo(np.int64).max)
    high = np.full_like(low, -1)
    np.minimum.at(low, code, rows.pairs.position)
    np.maximum.at(high, code, rows.pairs.position)
    return int(np.median((high - low)[high >= 0])) + 1


_ITEMS = ("outputs.output", "outputs.ai_access varies")
_SPANS = (*_ITEMS, "info.first_ai_period", "outputs.period spans first_ai_period")
_NEEDS: dict[Form, tuple[str, ...]] = {
    "within": (*_ITEMS, "outputs.worker_id repeats over ai_access"),
    "between": _ITEMS,
    "before_after": (*_SPANS, "outputs.worker_id repeats over period"),
    "difference": (*_SPANS, "outputs.worker_id repeats over period"),
}
_SUMMARIES: dict[Form, str] = {
    "within": "ability and its gradient net of noise, by pairs of a worker's items with AI and without",
    "between": "ability net of noise, by pairs of items: workers with AI against workers without, after its arrival",
    "before_after": "ability net of noise, by pairs of items after and before, of workers with AI; takes practice for AI",
    "difference": "the change of ability net of noise, by pairs of items, less that of workers without AI",
}


_ERRORS: tuple[Errors, ...] = ("auto", "CR1")
"""Sets by inversion have clustered errors and t quantiles; randomization puts assignments in their place."""


def _logits(sample: Sample) -> tuple[Estimate, ...]:
    return (spread_of_logits(sample),)


PAIR_ESTIMATORS = (
    *(
        Estimator(
            name=f"pairs_{form}",
            summary=_SUMMARIES[form],
            needs=_NEEDS[form],
            terms=terms_of(form),
            run=partial(pairs, form=form),
            version=3,
            adjusts=ALL_ADJUSTMENTS,
            errors=_ERRORS,
        )
        for form in _NEEDS
    ),
    Estimator(
        name="pairs_logit",
        summary="the spread of ability in logits, of answers and scores, where a ceiling does not look like compression",
        needs=(*_ITEMS, "info.outcome"),
        terms=(LOG_LOGIT,),
        run=_logits,
        can_stand=False,
        adjusts=ALL_ADJUSTMENTS,
        errors=_ERRORS,
    ),
)
"""Estimators of H1 by pairs of items, one a form, and the spread of logits."""
