"""How far parallel trends may fail before an effect of a roll-out is lost: intervals by bound, and the breakdown value."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import special

from withintask.panel.arrays import Array, Codes
from withintask.panel.errors import EstimationError, ParameterError, list_problems
from withintask.tests_of_model.hypotheses.event_averages import EVENT_TIME
from withintask.tests_of_model.hypotheses.event_study import EventStudy
from withintask.tests_of_model.regression.relative_trends import relative_interval
from withintask.tests_of_model.regression.smooth_trends import Interval, smooth_interval

Restriction = Literal["relative", "smooth"]
"""Trends bend after AI by at most a multiple of the most before; or their slope changes by at most a bound a period."""

_MULTIPLES = (0.0, 0.5, 1.0, 1.5, 2.0)
_SHARES = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Bounds on the change of slope where none are given, in multiples of the overall effect's standard error."""
_HALVINGS = 20
_LARGEST = 64.0
"""Times the largest bound up to which the breakdown is looked for."""


def trend_sensitivity(
    study: EventStudy,
    *,
    restriction: Restriction = "relative",
    bounds: Sequence[float] | None = None,
    event_time: int | None = None,
) -> pl.DataFrame:
    """Give intervals for an effect that hold although trends were not parallel.

    Parameters
    ----------
    study
        An event study by group-time effects, with leads.
    restriction
        ``relative``: between neighbouring periods after AI the difference in trends changes by at most M̄ times its largest
        change before. ``smooth``: its slope changes by at most M from one period to the next.
    bounds
        Values of M̄ or M, none negative; a grid if None.
    event_time
        Effect in one period since the start; the average over periods with AI, weighted by the units, if None.

    Returns
    -------
    polars.DataFrame
        ``restriction, bound, conf_low, conf_high, breakdown``: the largest bound at which the interval leaves zero out, the
        same in each row; 0 if it holds zero under parallel trends, infinity if it leaves zero out at any bound tried.

    Raises
    ------
    ParameterError
        If a bound is negative or the event time is not among the effects.
    EstimationError
        If there is no lead, or no error of the effects.

    Notes
    -----
    Rambachan and Roth (2023). Their intervals are for known covariances; where clusters are few the covariance is first
    widened by the squared ratio of the t to the normal critical value. Leads run back from two periods before the start as
    far as they have errors, effects from the start on.

    Examples
    --------
    >>> import withintask as wt
    >>> sizes = ["n_workers=120", "n_firms=12", "n_tasks=2", "n_items=4", "n_pre=3", "n_post=3"]
    >>> panel = wt.draw_panel("rct", seed=1, settings=[*sizes, "treatment=staggered"])
    >>> rows = wt.trend_sensitivity(wt.event_study(panel, outcome="mean"), bounds=[0, 1])
    >>> rows["bound"].to_list()
    [0.0, 1.0]
    >>> widths = rows["conf_high"] - rows["conf_low"]
    >>> widths[0] < widths[1]
    True
    """
    lags, leads = _usable(study)
    target = _target(study, lags, event_time)
    chosen_bounds = _bounds(study, restriction, bounds)
    kept = np.concatenate([leads, lags])
    averages = study.by_event_time
    estimate = averages.estimate[kept]
    covariance = _widened(study, kept, len(leads), target)

    shared: dict[str, Any] = {"n_leads": len(leads), "target": target, "level": study.level}

    def of_bound(bound: float) -> Interval:
        if restriction == "relative":
            return relative_interval(estimate, covariance, multiple=bound, **shared)
        return smooth_interval(estimate, covariance, curvature=bound, **shared)

    intervals = [of_bound(bound) for bound in chosen_bounds]
    return pl.DataFrame(
        {
            "restriction": [restriction] * len(intervals),
            "bound": chosen_bounds,
            "conf_low": [each.low for each in intervals],
            "conf_high": [each.high for each in intervals],
            "breakdown": [_breakdown(of_bound, chosen_bounds)] * len(intervals),
        }
    )


def _usable(study: EventStudy) -> tuple[Codes, Codes]:
    """Places of effects from the start on, and of leads back from two periods before it, as far as errors are known."""
    times = study.tidy(EVENT_TIME)["event_time"].to_numpy()
    errors = study.tidy(EVENT_TIME)["std_error"].to_numpy()
    place = {
        int(time): k for k, time in enumerate(times) if math.isfinite(errors[k]) and errors[k] > 0
    }
    lags: list[int] = []
    leads: list[int] = []
    while len(lags) in place:
        lags.append(place[len(lags)])
    while -2 - len(leads) in place:
        leads.append(place[-2 - len(leads)])
    problems = []
    if not leads:
        problems.append(
            "no lead of known error: two periods before the start would do, for two firms or more"
        )
    if not lags:
        problems.append("no effect of known error in the first period with AI")
    if problems:
        raise EstimationError(list_problems("sensitivity to trends", problems))
    return np.array(lags), np.array(leads[::-1])


def _target(study: EventStudy, lags: Codes, event_time: int | None) -> Array:
    if event_time is None:
        weight = study.by_event_time.weight[lags]
        return np.asarray(weight / weight.sum())
    if not 0 <= event_time < len(lags):
        raise ParameterError(
            f"event_time: expected 0 to {len(lags) - 1}, effects of known error, found {event_time}"
        )
    target = np.zeros(event_time + 1)
    target[event_time] = 1.0
    return np.concatenate([target, np.zeros(len(lags) - event_time - 1)])


def _bounds(
    study: EventStudy, restriction: Restriction, bounds: Sequence[float] | None
) -> list[float]:
    if restriction not in ("relative", "smooth"):
        raise ParameterError(f"restriction: expected relative or smooth, found {restriction}")
    if bounds is None:
        if restriction == "relative":
            return list(_MULTIPLES)
        error = float(study.tidy("overall")["std_error"][0])
        return [share * error for share in _SHARES]
    wrong = [bound for bound in bounds if not 0 <= bound < math.inf]
    if wrong or not bounds:
        listed = ", ".join(map(str, wrong)) or "none"
        raise ParameterError(f"bounds: expected numbers from 0 on, found {listed}")
    return sorted(float(bound) for bound in bounds)


def _widened(study: EventStudy, kept: Codes, n_leads: int, target: Array) -> Array:
    """Covariance as if its critical value were normal, the degrees of freedom being those of the target's effects."""
    averages = study.by_event_time
    dof = float(np.average(averages.dof[kept[n_leads:]], weights=np.abs(target)))
    tail = (1 + study.level) / 2
    ratio = float(special.stdtrit(dof, tail) / special.ndtri(tail))
    influence = averages.influence[:, kept] * ratio
    return np.asarray(influence.T @ influence)


def _breakdown(interval: Callable[[float], Interval], bounds: list[float]) -> float:
    """Largest bound at which zero is left out."""

    def leaves_out(bound: float) -> bool:
        found = interval(bound)
        return found.low > 0 or found.high < 0

    if not leaves_out(0.0):
        return 0.0
    low, high = 0.0, max(bounds[-1], np.finfo(float).tiny)
    most = high * _LARGEST
    while leaves_out(high):
        low, high = high, 2 * high
        if high > most:
            return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if leaves_out(middle) else (low, middle)
    return low
