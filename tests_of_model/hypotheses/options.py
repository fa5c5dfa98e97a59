"""Which estimator takes which option: controls, fixed effects, weights and errors."""

from types import MappingProxyType

import polars as pl

from withintask.tests_of_model.hypotheses.hypothesis import ALL_ADJUSTMENTS, Estimator
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES
from withintask.tests_of_model.regression.errors import ERRORS
from withintask.tests_of_model.regression.options import Options
from withintask.tests_of_model.samples.controls import Adjust

_GONE = MappingProxyType(
    {
        "permutation": "take dispersion_by_access with errors randomization",
        "effect_randomization": "take effect_between, effect_within or effect_difference with errors randomization",
    }
)
"""Estimators that were taken out, and what does their work."""


def refusal(estimator: Estimator, options: Options, adjust: Adjust) -> str:
    """Say what was asked for that an estimator cannot take, and what would do; empty if it takes everything.

    Parameters
    ----------
    estimator
        Any.
    options
        With the errors asked for; those that are not for an estimator are refused, never replaced.
    adjust
        Controls, fixed effects and weights asked for.
    """
    asked = {"control": adjust.controls, "absorb": adjust.absorb, "weight": adjust.weight}
    lacks = [
        f"--{name}" for name in ALL_ADJUSTMENTS if asked[name] and name not in estimator.adjusts
    ]
    problems = []
    if lacks:
        takes = " and ".join(f"--{name}" for name in estimator.adjusts) or "neither of the three"
        problems.append(f"{estimator.name} does not take {', '.join(lacks)}; it takes {takes}")
    errors = options.errors or "auto"
    if errors not in estimator.takes_errors:
        takes = ", ".join(estimator.takes_errors)
        why = ", which is for what was assigned: access alone" if errors == "randomization" else ""
        problems.append(f"{estimator.name} does not take --errors {errors}{why}; it takes {takes}")
    return "; ".join(problems)


def replaced_by(name: str) -> str:
    """Say what does the work of an estimator that was taken out; empty for others."""
    return _GONE.get(name, "")


def options_table() -> pl.DataFrame:
    """List every estimator with the options that it takes.

    Returns
    -------
    polars.DataFrame
        ``hypothesis, estimator, control, absorb, weight`` and a column for each kind of errors, all but the first two Boolean.

    Examples
    --------
    >>> import withintask as wt
    >>> wt.options_table().filter(estimator="dispersion_by_access")["wild"].item()
    True
    """
    return pl.DataFrame(
        [
            {
                "hypothesis": hypothesis.name,
                "estimator": estimator.name,
                **{name: name in estimator.adjusts for name in ALL_ADJUSTMENTS},
                **{name: name in estimator.takes_errors for name in ERRORS},
            }
            for hypothesis in HYPOTHESES
            for estimator in hypothesis.estimators
        ]
    )
