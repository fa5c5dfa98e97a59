"""Breakdown values of made-up cells whose bias, size and power are known functions of a nuisance."""

import math

import numpy as np
import polars as pl
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import load_design
from withintask.sim.params import load_params
from withintask.tests_of_model.harness.breakdown import breakdown, load_nuisances
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.verdict import SCHEMA as VERDICTS

N = 400
RESOLUTION = 4 * 0.05 / N**0.5 / 0.2
"""Four Monte-Carlo errors of the base's bias, in units of a drift that adds 0.2 to it: false alarm 6e-5."""
CELL = {"claim": "H3", "design": "postings", "estimator": "linear_probability"}


def replicates(study, bias_of):
    """Replicates whose bias, over the truth of 1, is a function of the design; the same draws for every size."""
    frames = []
    for block in study.blocks:
        truth = 0.0 if block.world == "no_ai" else 1.0
        n = block.last - block.first
        noise = np.random.default_rng([block.first, int(truth)]).standard_normal(n)
        estimate = truth + bias_of(block.design) + 0.05 * noise
        frames.append(
            pl.DataFrame(
                {
                    **dict.fromkeys(SCHEMA, None),
                    "world": block.world,
                    "design": block.design.name,
                    "replicate": range(block.first, block.last),
                    "hypothesis": "H3",
                    "estimator": "linear_probability",
                    "term": "delta_credential",
                    "truth": truth,
                    "estimate": estimate,
                    "std_error": 0.05,
                    "p_value": np.where(truth > 0, 0.0, 1.0) + np.zeros(n),
                    "conf_low": estimate - 10,
                    "conf_high": estimate + 10,
                    "status": "ok",
                },
                schema=SCHEMA,
            )
        )
    return pl.concat(frames)


def sizes(bias_of, *nuisances, design="postings"):
    row = dict.fromkeys(VERDICTS) | CELL | {"is_chosen": True, "alone": "identified"}
    return breakdown(
        pl.DataFrame([row | {"design": design}], schema=VERDICTS),
        load_params(),
        [load_design(design)],
        seed=1,
        n=N,
        run=lambda study: replicates(study, bias_of),
        nuisances=nuisances,
    )


def test_a_cell_is_lost_where_the_bias_reaches_a_tenth_of_the_truth():
    table = sizes(lambda design: -0.2 * design.credential_drift, "credential_drift")
    assert table["status"].to_list() == ["lost", "lost"]
    for row in table.iter_rows(named=True):
        assert abs(row["value"] - math.copysign(0.5, row["end"])) < RESOLUTION
        assert (row["figure"], row["unit"]) == ("bias", "log-odds per unit of exposure")
        assert abs(row["low"]) <= abs(row["value"]) <= abs(row["high"])


def test_a_nuisance_that_changes_no_estimate_changes_nothing():
    (row,) = sizes(lambda design: 0.0, "spillover").iter_rows(named=True)
    assert (row["status"], math.isnan(row["value"])) == ("changes nothing", True)


def test_a_cell_that_stands_at_the_end_of_the_range_is_held():
    (row,) = sizes(lambda design: 0.05 * design.attrition, "attrition").iter_rows(named=True)
    assert (row["status"], row["low"]) == ("held", row["end"])


def test_what_a_nuisance_needs_can_take_the_cell_away_alone():
    table = sizes(lambda design: design.firm_shock_sd * 2, "firm_shock_assets")
    assert set(table["status"]) == {"lost"}
    assert table["value"].to_list() == [0.0, 0.0]


def test_cells_that_are_not_identified_are_not_tried():
    row = dict.fromkeys(VERDICTS) | CELL | {"is_chosen": True, "alone": "biased"}
    frame = pl.DataFrame([row], schema=VERDICTS)
    table = breakdown(frame, load_params(), [load_design("postings")], seed=1, n=N)
    assert table.is_empty()


def test_every_nuisance_has_a_unit_and_another_end_than_its_start():
    assert all(n.unit and n.end != n.off for n in load_nuisances())


def test_an_unknown_nuisance_is_refused():
    with pytest.raises(ParameterError, match="spilover: unknown"):
        sizes(lambda design: 0.0, "spilover")
