"""The ten scripts of `examples/` answer their question from a store of the published files."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
pytestmark = pytest.mark.real_data


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_ten_examples():
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_as_a_script_and_prints_a_table(name, all_store):
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), str(all_store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shape:" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_example_uses_the_public_door_alone(name):
    assert not re.search(r"(from|import) withintask\.", (EXAMPLES / f"{name}.py").read_text())


def test_terciles_hold_a_third_of_the_occupations_each_and_lose_only_the_unmeasured(real_store):
    rows = load("wage_compression_by_exposure").compression_by_tercile(real_store)
    assert rows["tercile"].to_list() == ["low", "middle", "high"]
    assert rows["n_occupations"].max() - rows["n_occupations"].min() <= 1
    assert (rows["n_measured"] <= rows["n_occupations"]).all()


def test_every_detailed_occupation_has_one_reason(real_store):
    rows = load("unmeasured_dispersion").unmeasured(real_store)
    counts = dict(rows.select("reason", "n_occupations").rows())
    assert counts == {"published": 781, "top_coded": 45, "hourly_only": 5}
    assert rows["employment_share"].sum() == pytest.approx(1, rel=1e-12)


def test_only_the_change_across_the_break_is_marked_so_and_the_placebo_fails_there(real_store):
    rows = load("break_placebo").placebo(real_store)
    assert rows.filter("across_break")["years"].to_list() == ["2020-2021"]
    means = dict(rows.select("years", pl.col("mean_change_log").round(3)).rows())
    # Counted in the published files before this code was written.
    assert means == {
        "2019-2020": -0.004,
        "2020-2021": -0.066,
        "2021-2022": -0.011,
        "2022-2023": -0.024,
        "2023-2024": -0.005,
        "2024-2025": pytest.approx(-0.018, abs=0.0011),
    }
    across = rows.filter("across_break").row(0, named=True)
    assert across["t_value"] > 2
    assert across["slope_on_exposure"] == pytest.approx(0.039, abs=0.005)


def test_occupations_that_were_not_resurveyed_did_not_change(real_store):
    rows = load("education_resurveyed").changes_by_survey(real_store)
    assert rows.select("is_resurveyed", "n_occupations").rows() == [(False, 688), (True, 164)]
    assert rows.filter(~pl.col("is_resurveyed"))["n_changed"].item() == 0
    assert rows.filter("is_resurveyed")["n_changed"].item() > 0


def test_shares_of_jobs_and_conversations_add_up_over_job_zones(real_store):
    rows = load("ai_use_by_job_zone").use_by_job_zone(real_store)
    assert rows["job_zone"].to_list() == [1, 2, 3, 4, 5]
    for name in ("jobs_pct", "conversations_pct"):
        assert rows[name].sum() == pytest.approx(100, rel=1e-9)


def test_dispersion_by_tercile_draws_and_its_segments_stay_apart(all_store, tmp_path):
    rows = load("dispersion_by_tercile").dispersion(all_store)
    assert rows["year"].unique().sort().to_list() == list(range(2019, 2025))
    assert rows.select("segment", "year").unique().height == 6
    assert rows["measure"].n_unique() == 3
    figure = tmp_path / "figure.png"
    command = [
        sys.executable,
        str(EXAMPLES / "dispersion_by_tercile.py"),
        str(all_store),
        str(figure),
    ]
    subprocess.run(command, check=True, capture_output=True)
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_occupations_read_back_from_stata_are_the_same(all_store, tmp_path):
    import pandas as pd

    path = tmp_path / "occupations.dta"
    rows = load("occupations_to_stata").occupations(all_store)
    rows.to_pandas().to_stata(path, write_index=False, version=118)
    back = pl.from_pandas(pd.read_stata(path))
    assert back.columns == rows.columns
    assert all(re.fullmatch("[a-z_][a-z0-9_]{0,31}", name) for name in back.columns)
    assert back["tot_emp"].equals(rows["tot_emp"])
    assert back["a_pct90"].null_count() == rows["a_pct90"].null_count()


def test_every_country_of_the_postings_is_dated_or_says_why_not(all_store):
    rows = load("when_ai_arrived").arrival_by_country(all_store)
    assert rows.height == 9
    assert (rows["earliest"] <= rows["month"]).all()
    assert (rows["month"] <= rows["latest"]).all()
