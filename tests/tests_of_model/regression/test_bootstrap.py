"""The wild cluster bootstrap equals its definition, one refit a draw."""

import itertools

import numpy as np
import pytest

from withintask.panel.errors import EstimationError, ParameterError
from withintask.tests_of_model.regression import bootstrap
from withintask.tests_of_model.regression.bootstrap import wild_bootstrap
from withintask.tests_of_model.regression.fit import fit
from withintask.tests_of_model.regression.options import Effects, Inference

NAMES = ("x1", "x2")
EFFECTS = [(), ("worker",), ("cell",), ("worker", "cell")]


def panel(seed=21, n_obs=120, n_firms=7):
    rng = np.random.default_rng(seed)
    worker = rng.integers(0, 2 * n_firms, n_obs)
    firm = worker % n_firms
    cell = rng.integers(0, 4, n_obs)
    X = rng.standard_normal((n_obs, 2)) + rng.standard_normal((n_firms, 2))[firm]
    y = X @ [0.3, -1.0] + rng.standard_normal(n_firms)[firm] + rng.standard_normal(n_obs)
    weights = rng.uniform(0.5, 2, n_obs)
    return y, X, {"worker": worker, "cell": cell, "firm": firm}, weights


def statistic(y, X, codes, weights, *, firm, null):
    found = fit(
        y,
        X,
        names=NAMES,
        effects=Effects(absorb=codes, weights=weights),
        inference=Inference(cluster=[firm]),
    )
    return (found.params[0] - null) / found.std_error[0]


def by_refitting(y, X, codes, weights, *, firm, null, signs):
    """Statistics of refits to restricted fitted values plus signed restricted residuals."""
    restricted = fit(
        y - null * X[:, 0],
        X[:, 1:],
        names=["x2"],
        effects=Effects(absorb=codes, weights=weights),
        inference=Inference(cluster=[firm]),
    )
    base = y - restricted.residuals
    return np.array(
        [
            statistic(
                base + v[firm] * restricted.residuals, X, codes, weights, firm=firm, null=null
            )
            for v in signs
        ]
    )


@pytest.mark.parametrize("absorb", EFFECTS)
@pytest.mark.parametrize("null", [0.0, 0.4])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_p_value_is_the_share_of_refits_as_extreme(absorb, null, is_weighted):
    y, X, columns, weights = panel()
    weights = weights if is_weighted else None
    codes, firm = [columns[name] for name in absorb], columns["firm"]
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=7)))
    observed = statistic(y, X, codes, weights, firm=firm, null=null)
    drawn = by_refitting(y, X, codes, weights, firm=firm, null=null, signs=signs)
    expected = np.mean(np.abs(drawn) >= abs(observed) * (1 - 1e-9))
    found = wild_bootstrap(
        y,
        X,
        names=NAMES,
        term="x1",
        cluster=firm,
        null=null,
        seed=0,
        effects=Effects(absorb=codes, weights=weights),
    )
    assert found.is_exact
    assert found.n_draws == 128
    np.testing.assert_allclose(found.p_value, expected, rtol=1e-12)
    np.testing.assert_allclose(found.statistic, observed, rtol=1e-10)


def test_the_interval_ends_where_the_test_begins_to_reject():
    y, X, columns, _ = panel(n_firms=9)
    options = {"names": NAMES, "term": "x1", "cluster": columns["firm"], "seed": 0}
    found = wild_bootstrap(y, X, **options)
    step = 1e-5 * (found.conf_high - found.conf_low)
    for end, outward in ((found.conf_low, -1), (found.conf_high, 1)):
        inside = wild_bootstrap(y, X, null=end - outward * step, **options).p_value
        outside = wild_bootstrap(y, X, null=end + outward * step, **options).p_value
        assert outside < 0.05 <= inside


@pytest.mark.parametrize("distribution", ["rademacher", "webb"])
def test_draws_have_mean_zero_and_unit_variance(distribution):
    drawn = bootstrap._draws(distribution, 40_000, 10, 5)
    band = 4 / np.sqrt(drawn.size)
    np.testing.assert_allclose(drawn.mean(), 0, rtol=0, atol=band)
    np.testing.assert_allclose(np.mean(drawn**2), 1, rtol=0, atol=band)


def test_equal_seeds_agree_and_others_differ():
    y, X, columns, _ = panel(n_firms=20)
    options = {"names": NAMES, "term": "x1", "cluster": columns["firm"]}
    first = wild_bootstrap(y, X, seed=1, **options)
    assert wild_bootstrap(y, X, seed=1, **options) == first
    assert wild_bootstrap(y, X, seed=2, **options).p_value != first.p_value


def test_size_is_kept_with_six_clusters_where_sandwich_errors_over_reject():
    """Rejections at 5 % of a true null; band of 4 binomial errors (1 in 15,000)."""
    n_replicates, n_firms = 800, 6
    rng = np.random.default_rng(31)
    firm = np.repeat(np.arange(n_firms), 20)
    wild = sandwich = 0
    for _ in range(n_replicates):
        x = rng.standard_normal(n_firms)[firm]
        y = rng.standard_normal(n_firms)[firm] + rng.standard_normal(len(firm))
        X = np.column_stack([x, np.ones(len(firm))])
        wild += wild_bootstrap(
            y, X, names=["x", "1"], term="x", cluster=firm, seed=0
        ).p_value <= 0.05  # fmt: skip
        sandwich += (
            fit(y, X, names=["x", "1"], inference=Inference(cluster=[firm])).p_value[0] <= 0.05
        )
    band = 4 * np.sqrt(0.05 * 0.95 / n_replicates)
    assert wild / n_replicates <= 0.05 + band
    assert sandwich / n_replicates > 0.05 + band


def test_faults_are_refused():
    y, X, columns, _ = panel()
    options = {"names": NAMES, "cluster": columns["firm"], "seed": 0}
    with pytest.raises(ParameterError, match="2 problems"):
        wild_bootstrap(y, X, term="x3", level=95, **options)
    with pytest.raises(EstimationError, match="one cluster"):
        wild_bootstrap(y, X, names=NAMES, term="x1", cluster=np.zeros(120, dtype=int), seed=0)
    X[:, 0] = columns["cell"]
    with pytest.raises(EstimationError, match="x1 is collinear"):
        wild_bootstrap(y, X, term="x1", **options, effects=Effects(absorb=[columns["cell"]]))
