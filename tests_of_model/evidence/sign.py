"""What moments say of the sign of ΔGini when the rest is not known: by prior and by rival world."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from scipy.special import xlogy

from withintask.panel.arrays import Array
from withintask.sim.worlds import World
from withintask.tests_of_model.evidence.rivals import Rival, rival_rows
from withintask.tests_of_model.moments.bank import DELTA_GINI_INCOME, DELTA_GINI_PAY, Bank
from withintask.tests_of_model.moments.mixture import AS_GIVEN, FLAT, WIDE
from withintask.tests_of_model.moments.reweight import Posterior, posterior
from withintask.tests_of_model.moments.targets import MomentTarget
from withintask.tests_of_model.moments.weights import normalized


def entropy(probability: Array | float) -> Array:
    """Entropy of a sign in bits."""
    p = np.clip(probability, 0.0, 1.0)
    return np.asarray(-(xlogy(p, p) + xlogy(1 - p, 1 - p)) / np.log(2))


def sign_row(after: Posterior) -> dict[str, float]:
    """What a posterior says of ΔGini: probabilities that it rises, 90 percent intervals, entropy of the sign, effective number."""
    income, pay = after.of(DELTA_GINI_INCOME), after.of(DELTA_GINI_PAY)
    low, middle, high = after.interval(DELTA_GINI_INCOME)
    pay_low, pay_middle, pay_high = after.interval(DELTA_GINI_PAY)
    rises = after.probability(income > 0)
    return {
        "income_rises": rises,
        "income_low": low,
        "income_median": middle,
        "income_high": high,
        "pay_rises": after.probability(pay > 0),
        "pay_low": pay_low,
        "pay_median": pay_middle,
        "pay_high": pay_high,
        "entropy": float(entropy(rises)),
        "n_effective": after.n_effective,
        "memory": after.memory,
    }


def rises_by_prior(after: Posterior) -> dict[str, float]:
    """Probability that ΔGini of income rises under the prior twice as wide and under the flat one."""
    return {
        f"income_rises_{OTHER_PRIORS[name]}": other.probability(other.of(DELTA_GINI_INCOME) > 0)
        for name, other in after.variants().items()
        if name in OTHER_PRIORS
    }


OTHER_PRIORS = {WIDE: "wide", FLAT: "flat"}
"""Priors under which every answer is given beside the one as given, and their short names."""


def by_prior(after: Posterior) -> pl.DataFrame:
    """Say what the sign is under the prior, the prior twice as wide and the flat one."""
    rows = [{"prior": name, **sign_row(other)} for name, other in after.variants().items()]
    return pl.DataFrame(rows)


def by_world(
    bank: Bank,
    target: MomentTarget,
    worlds: Sequence[World],
    *,
    rivals: Sequence[Rival] = (),
    n_particles: int,
    seed: int = 0,
) -> pl.DataFrame:
    """Posterior odds of rival worlds against the reference, all of them equally likely before.

    Parameters
    ----------
    bank
        The bank.
    target
        Moments with errors.
    worlds
        Worlds whose parameters are those of the prior, or that have no AI; of the others those in ``rivals`` are judged.
    rivals
        Worlds that change what a panel records, and by how much estimates move there.
    n_particles, seed
        As for :func:`withintask.tests_of_model.moments.reweight.posterior`.

    Returns
    -------
    polars.DataFrame
        World, what it fixes, log evidence against the reference (at most that, where no draw lies in a prior's support) and
        posterior probability, under each prior.
    """
    fixed = {REFERENCE: dict[str, float]()} | {
        world.name: known for world in worlds if (known := _fixed(world, bank)) is not None
    }
    rows: list[dict[str, object]] = []
    for name, known in fixed.items():
        after = posterior(
            bank, target, fixed=known, n_particles=n_particles, seed=seed, is_moved=False
        )
        logs = {prior: after.log_evidence(prior) for prior in after.mixture.components}
        if not rows:
            reference = logs
        fixes = ", ".join(f"{n} = {v:g}" for n, v in known.items())
        odds = {prior: logs[prior] - value for prior, value in reference.items()}
        rows.append({"world": name, "fixes": fixes, **odds})
    given = {"reference": reference, "n_particles": n_particles, "seed": seed}
    return _shares(pl.DataFrame([*rows, *rival_rows(bank, target, rivals, **given)]))  # type: ignore[arg-type]


def _shares(odds: pl.DataFrame) -> pl.DataFrame:
    """Add posterior probabilities to log odds under each prior."""
    columns: dict[str, object] = {name: odds[name] for name in ("world", "fixes")}
    for prior, suffix in {
        AS_GIVEN: "",
        **{name: f"_{s}" for name, s in OTHER_PRIORS.items()},
    }.items():
        logs = odds[prior].to_numpy()
        columns |= {f"log_odds{suffix}": logs, f"probability{suffix}": normalized(logs)}
    return pl.DataFrame(columns)


REFERENCE = "reference"
"""Nothing is fixed: the prior alone."""


def _fixed(world: World, bank: Bank) -> dict[str, float] | None:
    """Parameters that a world fixes; None if it is the reference or changes only what a panel measures."""
    if world.design:
        return None
    if world.params.get("capability") == 0:
        return {"ai_floor": 0.0}
    known = {name: value for name, value in world.params.items() if name in bank.prior.names}
    return known or None


def with_size(target: MomentTarget, size: float) -> MomentTarget:
    """Return the target as a panel this many times as large would have it."""
    assert target.covariance is not None
    return replace(target, covariance=target.covariance / size)
