"""Pairs of counts, answers and scores give the spread of what lies behind them."""

import numpy as np
import polars as pl
import pytest
from scipy import special

from withintask.panel.design_kind import design_kind
from withintask.panel.design_words import design_sentences
from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.components.logits import logit_variance
from withintask.tests_of_model.hypotheses.hypothesis import OK
from withintask.tests_of_model.hypotheses.pair_terms import GRADIENT, LOG_CV, LOG_SD
from withintask.tests_of_model.hypotheses.pairs import pairs, spread_of_logits
from withintask.tests_of_model.samples.sample import Sample

N = 100
# Four binomial errors: a false alarm in 30,000 cases for coverage of .95.
LEAST = 0.95 - 4 * (0.95 * 0.05 / N) ** 0.5
SD, GAP = 0.5, -0.4


def panel_of(kind, output, **info):
    """A panel of (worker, side, item) output, sides within workers."""
    worker, side, _ = np.indices(output.shape).reshape(3, -1)
    outputs = pl.DataFrame(
        {
            "worker_id": worker,
            "task_id": np.zeros(worker.size, dtype=int),
            "item_id": np.arange(worker.size),
            "period": np.ones(worker.size, dtype=int),
            "ai_access": side == 1,
            "output": output.ravel().astype(float),
        }
    ).with_columns(pl.col("worker_id", "task_id", "item_id").cast(pl.String))
    return Panel(info=PanelInfo(name=kind, outcome=kind, **info), outputs=outputs)


def ability(random, n_workers):
    """Ability without AI and with it, (worker, side)."""
    score = random.standard_normal(n_workers)
    return SD * score[:, None] * np.array([1, 1 + GAP])


def counts(random, *, n_workers, n_items, mean=3.0):
    rate = mean * np.exp(ability(random, n_workers))
    return panel_of("count", random.poisson(rate[:, :, None], (n_workers, 2, n_items)))


@pytest.mark.parametrize("n_items", [1, 4])
def test_counts_give_the_spread_of_log_rates(n_items):
    # With one count a side, factorial moments; with four, pairs.
    random, rows = np.random.default_rng(1), []
    for _ in range(N):
        panel = counts(random, n_workers=150, n_items=n_items)
        rows.append({row.term: row for row in pairs(Sample(panel), form="within")})
    for term, truth in ((LOG_SD, np.log(1 + GAP)), (LOG_CV, _log_cv(SD * (1 + GAP)) - _log_cv(SD))):
        covers = [row[term].conf_low <= truth <= row[term].conf_high for row in rows]
        assert np.mean(covers) > LEAST, term
    assert ("a Poisson's variance" in rows[0][LOG_SD].message) == (n_items == 1)


def test_single_counts_on_like_tasks_are_paired_so_that_noise_is_not_taken_for_ability():
    """Rates have noise of their own in every item, .6 in logs, which AI halves; ability's spread shrinks by 40 percent."""
    random, covers = np.random.default_rng(3), []
    for _ in range(N):
        noise = random.normal(size=(150, 2, 4)) * np.array([0.6, 0.3])[None, :, None]
        rate = 3.0 * np.exp(ability(random, 150)[:, :, None] + noise)
        panel = panel_of("count", random.poisson(rate))
        outputs = panel.outputs.with_columns(
            task_id=pl.int_range(pl.len()).mod(4).cast(pl.String)
        ).drop("item_id")
        row = {r.term: r for r in pairs(Sample(panel.with_tables(outputs=outputs)), form="within")}
        covers.append(row[LOG_SD].conf_low <= np.log(1 + GAP) <= row[LOG_SD].conf_high)
    assert "pairs are of different tasks" in row[LOG_SD].message
    assert np.mean(covers) > LEAST


@pytest.mark.parametrize(("n_tasks", "told"), [(1, False), (4, True), (10, False)])
def test_few_tasks_are_told_to_be_taken_as_given(n_tasks, told):
    panel = counts(np.random.default_rng(4), n_workers=60, n_items=40)
    task = pl.int_range(pl.len()).mod(n_tasks).cast(pl.String)
    drawn = panel.with_tables(outputs=panel.outputs.with_columns(task_id=task))
    row = pairs(Sample(drawn), form="within")[0]
    assert ("tasks taken as given" in row.message) == told
    sentences = design_sentences(drawn, design_kind(drawn))
    assert any("are taken as given" in sentence for sentence in sentences) == told


def _log_cv(log_sd):
    return np.log(np.expm1(log_sd**2)) / 2


def test_zeros_are_values_of_counts():
    panel = counts(np.random.default_rng(2), n_workers=200, n_items=4, mean=0.7)
    assert (panel.outputs["output"] == 0).any()
    (row, *_) = pairs(Sample(panel), form="within")
    assert row.status == OK
    assert row.n_obs == panel.outputs.height
    assert "left out" not in row.message


def test_answers_give_the_spread_of_chances_without_binomial_noise():
    # Chances .5 + a: the variance of workers' shares holds the binomial's too, pairs do not.
    random, rows = np.random.default_rng(3), []
    for _ in range(N):
        chance = 0.5 + np.clip(0.3 * ability(random, 150), -0.5, 0.5)
        right = random.random((150, 2, 5)) < chance[:, :, None]
        rows.append({r.term: r for r in pairs(Sample(panel_of("binary", right)), form="within")})
    for term, truth in ((LOG_SD, np.log(1 + GAP)), (GRADIENT, GAP)):
        covers = [row[term].conf_low <= truth <= row[term].conf_high for row in rows]
        assert np.mean(covers) > LEAST, term


def test_a_ceiling_shrinks_chances_and_leaves_logits():
    # The same spread of logits at a mean of .5 and of .9: levels shrink, logits do not.
    random, levels, logits, n = np.random.default_rng(4), [], [], 30
    for _ in range(n):
        score = random.standard_normal(300)
        chance = special.expit(score[:, None] + np.array([0.0, 2.5]))
        panel = panel_of("binary", random.random((300, 2, 6)) < chance[:, :, None])
        levels.append(pairs(Sample(panel), form="within")[0])
        logits.append(spread_of_logits(Sample(panel), form="within"))
    covers = [row.conf_low <= 0 <= row.conf_high for row in logits]
    assert np.mean(covers) > 0.95 - 4 * (0.95 * 0.05 / n) ** 0.5
    assert np.mean([row.conf_high < 0 for row in levels]) > 0.9


@pytest.mark.parametrize("center", [-2.0, 0.0, 1.0])
@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_the_variance_of_logits_is_found_again(center, spread):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    share = special.expit(center + spread * nodes)
    mean = weights @ share
    variance = weights @ (share - mean) ** 2
    solved, slope = logit_variance(variance, mean)
    assert solved == pytest.approx(spread**2, rel=1e-6)
    step = 1e-6 * variance
    numeric = (
        logit_variance(variance + step, mean)[0] - logit_variance(variance - step, mean)[0]
    ) / (2 * step)
    assert slope[0] == pytest.approx(numeric, rel=1e-4)
    numeric = (
        logit_variance(variance, mean + 1e-6)[0] - logit_variance(variance, mean - 1e-6)[0]
    ) / 2e-6
    assert slope[1] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_scores_count_as_shares_of_their_range():
    random = np.random.default_rng(5)
    share = np.clip(
        0.5 + 0.3 * ability(random, 200)[:, :, None] + 0.1 * random.standard_normal((200, 2, 4)),
        0,
        1,
    )
    plain = pairs(
        Sample(panel_of("score", share, outcome_floor=0, outcome_ceiling=1)), form="within"
    )
    graded = panel_of("score", 1 + 4 * share, outcome_floor=1, outcome_ceiling=5)
    for row, other in zip(plain, pairs(Sample(graded), form="within"), strict=True):
        assert other.estimate == pytest.approx(row.estimate, rel=1e-9)


def test_logits_of_an_output_are_refused():
    panel = panel_of("positive", np.exp(np.random.default_rng(6).standard_normal((20, 2, 3))))
    row = spread_of_logits(Sample(panel), form="within")
    assert row.status == "unusable"
    assert "expected answers or scores" in row.message
