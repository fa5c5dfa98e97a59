"""How far a cell is from its limits: the base moved by the change on common replicates."""

import numpy as np
import polars as pl
import pytest

from withintask.tests_of_model.harness.slack import visit

N_BASE, N = 400, 25


def rows(n, *, bias=0.0, misses=0, rejects_null=0.05):
    """Replicates of the reference world (truth 1) and without AI, the same draws whatever the bias; intervals miss at will."""
    frames = []
    for world, truth in (("reference", 1.0), ("no_ai", 0.0)):
        draw = np.random.default_rng(len(world)).standard_normal(N_BASE)[:n]
        is_missed = np.arange(n) % 20 < misses
        low = np.where(is_missed, np.inf, -np.inf)
        p = np.where(np.arange(n) % 100 < 100 * rejects_null, 0.0, 1.0) if truth == 0 else 0.0
        frames.append(
            pl.DataFrame(
                {
                    "world": world,
                    "replicate": range(n),
                    "truth": truth,
                    "estimate": truth + bias + 0.2 * draw,
                    "conf_low": low,
                    "conf_high": np.inf,
                    "p_value": p,
                    "status": "ok",
                }
            )
        )
    return pl.concat(frames)


def test_a_change_of_bias_is_measured_without_the_noise_that_both_have():
    found = visit(1.0, rows(N, bias=0.2, misses=1), rows(N_BASE, misses=1))
    noise = 0.2 * np.random.default_rng(len("reference")).standard_normal(N_BASE).mean()
    other = 0.2 * np.random.default_rng(len("no_ai")).standard_normal(N_BASE).mean()
    expected = 1 - max(abs(0.2 + noise), abs(0.2 + other)) / 0.1
    assert (found.figure, found.slack) == ("bias", pytest.approx(expected, abs=1e-9))
    # Of the base's 400 replicates, not of the 25 at this size.
    assert found.slack_mc_se == pytest.approx(0.2 / N_BASE**0.5 / 0.1, rel=0.15)


def test_a_base_beyond_its_limit_by_chance_counts_as_at_it_and_by_more_does_not():
    one_error = visit(0.0, *[rows(100, misses=2, rejects_null=0.1)] * 2)
    assert one_error.slack > 0
    shown = visit(0.0, *[rows(100, misses=2, rejects_null=0.2)] * 2)
    assert (shown.figure, shown.world) == ("size", "no_ai")
    assert shown.slack < 0


def test_coverage_that_a_size_takes_away_is_lost():
    found = visit(1.0, rows(N, misses=4), rows(N_BASE, misses=1))
    assert (found.figure, found.slack < 0) == ("coverage", True)


def test_where_half_the_estimates_fail_the_cell_is_lost():
    here = rows(N).with_columns(status=pl.lit("unusable"))
    assert visit(1.0, here, rows(N_BASE)).figure == "estimates"
