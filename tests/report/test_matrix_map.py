"""Small maps of verdicts, of made-up replicates whose bias grows with one size of a design."""

import numpy as np
import polars as pl
import pytest

from withintask.report.matrix_map import map_rows, write_maps
from withintask.report.matrix_words import MatrixRun
from withintask.sim.designs import load_design
from withintask.sim.worlds import load_world
from withintask.tests_of_model.harness.breakdown import BREAKDOWN_SCHEMA
from withintask.tests_of_model.harness.grid import cross, parse_axes
from withintask.tests_of_model.harness.ledger import SCHEMA
from withintask.tests_of_model.harness.verdict import judge_replicates

AXES = parse_axes(["n_occupations=30,60", "n_postings_by_occupation=20,80"])
N = 200


def rows(variant, world):
    truth = 1.0 if world.name == "reference" else 0.0
    bias = 0.5 if variant.values["n_occupations"] == 30 else 0.0
    noise = 0.1 * np.random.default_rng(len(world.name)).standard_normal(N)
    return pl.DataFrame(
        {
            **dict.fromkeys(SCHEMA, None),
            "world": world.name,
            "design": variant.design.name,
            "replicate": range(N),
            "hypothesis": "H3",
            "estimator": "linear_probability",
            "term": "delta_credential",
            "truth": truth,
            "estimate": truth + bias * truth + noise,
            "p_value": np.full(N, 1.0 - truth),
            "conf_low": -np.inf,
            "conf_high": np.inf,
            "status": "ok",
        },
        schema=SCHEMA,
    )


@pytest.fixture(scope="module")
def made():
    variants = cross([load_design("postings")], AXES)
    worlds = [load_world("reference"), load_world("no_ai")]
    frame = pl.concat([rows(v, w) for v in variants for w in worlds])
    result = MatrixRun(
        judged=judge_replicates(frame, worlds=worlds),
        sizes=pl.DataFrame(schema=BREAKDOWN_SCHEMA),
        designs=[v.design for v in variants],
        worlds=worlds,
        limit=N,
        seed=1,
    )
    return result, variants


def test_each_combination_has_the_verdict_of_its_design(made):
    verdicts = {
        (row["n_occupations"], row["n_postings_by_occupation"]): row["verdict"]
        for row in map_rows(*made)
    }
    assert verdicts == {
        (30, 20): "biased",
        (30, 80): "biased",
        (60, 20): "identified",
        (60, 80): "identified",
    }


def test_maps_are_a_table_and_a_figure(made, tmp_path):
    write_maps(*made, AXES, tmp_path)
    text = (tmp_path / "maps.md").read_text(encoding="utf-8")
    assert "| H3 | postings | 30 | 80 | biased | bias +" in text
    assert pl.read_csv(tmp_path / "maps.csv").height == 4
    assert (tmp_path / "maps.svg").stat().st_size > 5_000
