"""Measures held against each other, and occupations as outcomes with bounds."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from withintask.ingest.exposure.compare import chosen_measures, compare_measures
from withintask.ingest.exposure.own import add_measure
from withintask.ingest.occupation_years import occupation_panel
from withintask.ingest.oews.vintages import load_layouts
from withintask.ingest.oews.writer import write_national_workbook
from withintask.ingest.store import build_store
from withintask.panel.errors import ParameterError, SourceError

CODES = ["11-1011", "11-2011", "15-1251", "23-1011", "29-1141", "29-1051"]
CAP = 208_000.0


def wages(scale=1.0, **changes):
    rows = [
        {
            "occ_code": code,
            "occ_title": f"t{n}",
            "o_group": "detailed",
            "tot_emp": 1000.0 * (n + 1),
            "a_mean": 60_000.0 * scale,
            "a_pct10": 30_000.0,
            "a_pct25": 40_000.0,
            "a_median": 50_000.0,
            "a_pct75": 70_000.0,
            "a_pct90": 100_000.0 * scale,
        }
        for n, code in enumerate(CODES)
    ]
    frame = pl.DataFrame(rows)
    for name, value in changes.items():
        new = pl.when(pl.col("occ_code") == CODES[0]).then(pl.lit(value)).otherwise(name)
        frame = frame.with_columns(new.alias(name))
    return frame


@pytest.fixture
def store(tmp_path):
    def build(years, measures=("up", "down")):
        folder = tmp_path / "data"
        folder.mkdir()
        for year, frame in years.items():
            write_national_workbook(frame, folder / f"national_M{year}_dl.xlsx", year)
        values = {"up": range(6), "down": range(6, 0, -1)}
        for name in measures:
            cells = "".join(f"{c},{v}\n" for c, v in zip(CODES, values[name], strict=True))
            (folder / f"{name}.csv").write_text(f"soc,{name}\n" + cells)
            add_measure(folder / f"{name}.csv", code="soc2018", value=name)
        build_store(folder, tmp_path / "s.duckdb")
        return tmp_path / "s.duckdb"

    return build


def test_opposite_measures_have_a_rank_correlation_of_minus_one(store):
    found = compare_measures(store({2024: wages()}))
    (row,) = found.correlations.to_dicts()
    assert (row["first"], row["second"], row["n_occupations"]) == ("own: down", "own: up", 6)
    np.testing.assert_allclose([row["spearman"], row["spearman_by_jobs"]], -1, rtol=1e-12)
    assert found.coverage["employment_share"].to_list() == [1.0, 1.0]


def test_occupations_are_listed_by_how_far_their_ranks_lie_apart(store):
    found = compare_measures(store({2024: wages()})).disagreements
    assert found["occ_code"].to_list()[:2] == ["11-1011", "29-1051"]
    assert found["spread"].to_list()[:2] == [1.0, 1.0]


def test_an_occupation_that_a_measure_leaves_out_is_listed_by_its_jobs(store, tmp_path):
    place = store({2024: wages()}, measures=("up", "down"))
    cells = "".join(f"{code},{n}\n" for n, code in enumerate(CODES[:4]))
    (tmp_path / "data" / "some.csv").write_text("soc,some\n" + cells)
    add_measure(tmp_path / "data" / "some.csv", code="soc2018", value="some")
    build_store(tmp_path / "data", place)
    rows = compare_measures(place).uncovered
    assert rows.select("name", "occ_code").rows() == [
        ("own: some", CODES[5]),
        ("own: some", CODES[4]),
    ]


def test_a_store_without_measures_says_so(store):
    with pytest.raises(ParameterError, match="no measure of exposure"):
        chosen_measures(store({2024: wages()}, measures=()))


def outcome(panel, name, code=CODES[0]):
    rows = panel.outcomes.filter(pl.col("outcome") == name, pl.col("code") == code)
    return {year: (low, high) for year, low, high in rows.select("year", "low", "high").rows()}


def test_a_ratio_of_published_percentiles_is_a_number(store):
    panel = occupation_panel(store({2022: wages(), 2023: wages(1.1)}))
    found = outcome(panel, "log_p90_p10")
    np.testing.assert_allclose(found[2022], np.log(100 / 30), rtol=1e-12)
    np.testing.assert_allclose(found[2023], np.log(110 / 30), rtol=1e-12)


def test_a_top_code_is_a_bound_from_below_and_the_mean_one_from_above(store):
    # May 2021 has the lowest top code of its segment, and gives it to the other years.
    frame = wages(a_pct90=230_000.0, a_mean=90_000.0)
    panel = occupation_panel(store({2021: wages(), 2022: frame}))
    low, high = outcome(panel, "log_p90_p10")[2022]
    below = 0.15 * 30_000 + 0.25 * 40_000 + 0.25 * 50_000 + 0.15 * 70_000
    np.testing.assert_allclose(low, np.log(CAP / 30_000), rtol=1e-12)
    np.testing.assert_allclose(high, np.log((90_000 - below) / 0.10 / 30_000), rtol=1e-12)
    assert low <= np.log(230_000 / 30_000) <= high


@given(st.lists(st.floats(1.0, 100.0), min_size=20, max_size=60))
def test_no_wages_have_a_percentile_above_what_their_mean_allows(values):
    sample = np.sort(np.array(values))
    p10, p25, p50, p75, p90 = np.quantile(
        sample, [0.1, 0.25, 0.5, 0.75, 0.9], method="inverted_cdf"
    )
    below = 0.15 * p10 + 0.25 * p25 + 0.25 * p50 + 0.15 * p75
    # The quantiles of a finite sample move by one wage: a mean of n has shares of 1/n.
    slack = (p10 + p25 + p50 + p75 + p90) / sample.size
    assert p90 <= (sample.mean() + slack - below) / 0.10 + 1e-9


def test_years_of_the_old_codes_are_a_segment_of_their_own_with_exposure(store):
    panel = occupation_panel(store({2017: wages(), 2018: wages(), 2019: wages(), 2020: wages()}))
    years = panel.outcomes.group_by("segment").agg(pl.col("year").unique().sort())
    assert dict(years.rows()) == {"soc2010": [2017, 2018], "hybrid": [2019, 2020]}
    known = panel.exposure.filter(segment="soc2010")["code"].unique()
    assert set(known) == set(CODES) - {"15-1251"}  # a code of SOC 2018 alone


def test_segments_of_the_series_stay_apart(store):
    panel = occupation_panel(store({2020: wages(), 2022: wages(), 2023: wages()}))
    segments = panel.outcomes.group_by("segment").agg(pl.col("year").unique().sort())
    assert dict(segments.rows()) == {"hybrid": [2020], "mb3": [2022, 2023]}
    assert load_layouts().vintage(2020).segment == "hybrid"


def test_a_year_that_is_not_there_is_named(store):
    with pytest.raises(SourceError, match="no OEWS of 2019"):
        occupation_panel(store({2022: wages()}), years=[2019, 2022])
