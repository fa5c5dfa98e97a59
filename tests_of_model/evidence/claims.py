"""All claims of the paper's summary, held against this closure."""

from collections.abc import Callable

from withintask.sim.params import Params
from withintask.tests_of_model.evidence.claim import Claim
from withintask.tests_of_model.evidence.hypothesis_claims import (
    between_firm_dispersion,
    compression_needs_substitutes,
    credentials,
    returns_to_education,
)
from withintask.tests_of_model.evidence.inequality_claims import (
    asset_concentration,
    between_share,
    compression_with_concentration,
    rent_sharing_and_inequality,
    technology_structure,
)

_JUDGES: tuple[Callable[[Params], Claim], ...] = (
    compression_with_concentration,
    technology_structure,
    compression_needs_substitutes,
    credentials,
    returns_to_education,
    rent_sharing_and_inequality,
    between_firm_dispersion,
    between_share,
    asset_concentration,
)


def claims(
    params: Params, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Claim, ...]:
    """Hold every claim against the economy at given parameters.

    Parameters
    ----------
    params
        Where to judge; conditions are found by moving one parameter at a time from here.
    on_progress
        Called with claims done and in all.

    Returns
    -------
    tuple of Claim
        Every sign computed, none assumed.
    """
    judged = []
    for done, judge in enumerate(_JUDGES):
        judged.append(judge(params))
        if on_progress is not None:
            on_progress(done + 1, len(_JUDGES))
    return tuple(judged)
