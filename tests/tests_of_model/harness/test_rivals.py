"""Rival worlds can hurt: each claim has at least three that change what its estimators read."""

import polars as pl
import pytest

from withintask.sim.designs import change_design, load_design
from withintask.sim.params import load_params
from withintask.sim.worlds import NO_AI, REFERENCE, load_worlds
from withintask.tests_of_model.harness.replicate import plan, replicate
from withintask.tests_of_model.harness.verdict import CLAIMS

ESTIMATOR = {
    "H1a": "dispersion_by_access",
    "H1b": "gradient_iv",
    "H1a net": "pairs_difference",
    "H1b net": "pairs_difference",
    "H2": "mincer",
    "H3": "linear_probability",
    "H3 slope": "compression_iv",
    "H4": "variance_contrast",
    "H4 ΔV_b": "variance_change",
    "H4 ΔV_ψ": "leave_out",
}
SMALL = {"n_workers": 480, "n_firms": 24, "n_occupations": 24, "n_postings_by_occupation": 20}
RIVALS = [world for world in load_worlds() if world.design]


def base(world):
    """The world without the rival's nuisances."""
    return NO_AI if world.params.get("capability") == 0 else REFERENCE


@pytest.fixture(scope="module")
def estimates():
    """Return estimates of one replicate by world, estimator and term; movers where the design has them."""
    designs = [change_design(load_design(n), **SMALL) for n in ("everything-linked", "linked-pay")]
    worlds = [w for w in load_worlds() if w in RIVALS or w.name in (NO_AI, REFERENCE)]
    chosen = tuple(ESTIMATOR.values())
    study = plan(load_params(), designs, worlds, seed=1, replicates=1, estimators=chosen)
    rows = replicate(study).filter(pl.col("status") == "ok")
    keys = ("world", "estimator", "term", "estimate")
    return {(w, e, t): v for w, e, t, v in rows.select(keys).iter_rows()}


@pytest.mark.parametrize(("claim", "hypothesis", "term"), CLAIMS, ids=[c for c, _, _ in CLAIMS])
def test_three_rivals_or_more_change_the_contrast_that_a_claim_reads(
    estimates, claim, hypothesis, term
):
    estimator = ESTIMATOR.get(claim) or ESTIMATOR[hypothesis]
    hurt = [
        world.name
        for world in RIVALS
        if term not in world.not_judged
        and not world.name.startswith("weak_null")
        and estimates[world.name, estimator, term]
        != pytest.approx(estimates[base(world), estimator, term], rel=1e-6)
    ]
    assert len(hurt) >= 3, hurt


@pytest.mark.parametrize(("claim", "hypothesis", "term"), CLAIMS, ids=[c for c, _, _ in CLAIMS])
def test_a_weak_null_stands_beside_the_sharp_one(estimates, claim, hypothesis, term):
    estimator = ESTIMATOR.get(claim) or ESTIMATOR[hypothesis]
    nulls = [w for w in RIVALS if w.name.startswith("weak_null") and term not in w.not_judged]
    sharp = estimates[NO_AI, estimator, term]
    same = [estimates[w.name, estimator, term] == pytest.approx(sharp, rel=1e-6) for w in nulls]
    # Firm effects beside worker effects take out whatever differs by worker: there the weak null is the sharp one.
    assert all(same) if estimator == "leave_out" else not all(same)
