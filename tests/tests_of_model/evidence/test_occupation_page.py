"""The page of occupation trends: every table, both figures, and the share that is shown."""

import numpy as np
import polars as pl

from withintask.report.occupations import write_occupations
from withintask.sim.params import load_params
from withintask.tests_of_model.evidence.occupation_trends import occupation_evidence
from withintask.tests_of_model.evidence.occupation_truth import shown_compression


def frames():
    rng = np.random.default_rng(1)
    codes = [f"{10 + n // 3:02d}-{n % 3}000" for n in range(60)]
    rows = [
        (year, segment, code, "t", 1000.0, outcome, value, value + 0.1 * (code == codes[0]))
        for segment, years in (("hybrid", (2019, 2020)), ("mb3", (2022, 2023, 2024)))
        for year in years
        for outcome in ("log_p90_p10", "log_mean")
        for code, value in zip(codes, rng.normal(1, 0.1, 60), strict=True)
    ]
    schema = ["year", "segment", "code", "title", "jobs", "outcome", "low", "high"]
    exposure = [
        (segment, code, "m", value)
        for segment in ("hybrid", "mb3")
        for code, value in zip(codes, rng.normal(size=60), strict=True)
    ]
    return (
        pl.DataFrame(rows, schema=schema, orient="row"),
        pl.DataFrame(exposure, schema=["segment", "code", "measure", "value"], orient="row"),
    )


def test_the_page_has_its_figures_tables_and_the_share_that_is_shown(tmp_path):
    shown = shown_compression(load_params(), n_replicates=3)
    evidence = occupation_evidence(*frames(), n_draws=49)
    paths = write_occupations(evidence, shown, tmp_path)
    page = paths[0].read_text(encoding="utf-8")
    share = shown.filter(pl.col("outcome") == "log_p90_p10")["shown_share"].item()
    assert f"that is {share:.0%}" in page
    assert all(path.stat().st_size > 0 for path in paths)
    written = pl.read_csv(tmp_path / "occupation_trends.csv")
    assert written.height == evidence.trends.height


def test_every_answer_has_its_reading_and_its_place_in_the_family():
    evidence = occupation_evidence(*frames(), n_draws=49)
    placebo = evidence.trends.filter(pl.col("reading") == "placebo: before AI")
    assert placebo["term"].unique().to_list() == ["2019 minus 2020"]
    assert evidence.adjusted["p_adjusted"].is_between(0, 1).all()
    assert (evidence.adjusted["p_adjusted"] >= evidence.adjusted["p_value"] - 0.1).all()
    assert evidence.pooling["year"].to_list() == [2019, 2020, 2022, 2023, 2024]
