"""What an estimand is: a function of an economy; its value there is the truth of a term."""

from collections.abc import Callable, Mapping

from withintask.sim.economy import Economy

Estimand = Callable[[Economy], float]
"""The truth of one term."""


def truths(estimands: Mapping[str, Estimand], economy: Economy) -> dict[str, float]:
    """Return the value of every estimand in an economy, by term."""
    return {term: estimand(economy) for term, estimand in estimands.items()}
