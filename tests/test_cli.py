"""The command line as a user meets it."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from command_line import run

from withintask.panel.store import read_panel


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    small = ("--set", "n_workers=240", "--set", "n_firms=12", "--seed", 1, "--out", "trial")
    done = run("simulate", "--design", "rct-ability", *small, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "trial"


def test_help_names_every_group(tmp_path):
    said = run("--help", cwd=tmp_path).stdout
    for name in (
        "oews",
        "data",
        "panel",
        "simulate",
        "estimate",
        "matrix",
        "power",
        "demo",
        "designs",
        "worlds",
    ):
        assert name in said


def test_a_written_panel_is_valid_and_synthetic(trial):
    assert read_panel(trial).info.is_synthetic


def test_estimates_stand_beside_the_truth(trial):
    done = run("estimate", trial, "--hypothesis", "H1", "--format", "json", cwd=trial.parent)
    assert done.returncode == 0, done.stderr
    rows = {(r["estimator"], r["term"]): r for r in json.loads(done.stdout)}
    row = rows["pairs_difference", "delta_log_sd"]
    assert row["truth"] < 0
    assert row["conf_low"] < row["truth"] < row["conf_high"]
    assert rows["occupation_percentiles", "delta_log_cv"]["status"] == "not_estimable"


def test_the_table_says_what_could_not_be_run_and_why(trial):
    said = run("estimate", trial, "--hypothesis", "H4", cwd=trial.parent).stdout
    assert "Could not be run" in said
    assert "no table pay" in said


def test_parquet_goes_to_a_file(trial):
    out = trial.parent / "e.parquet"
    assert (
        run("estimate", trial, "--format", "parquet", "--out", out, cwd=trial.parent).returncode
        == 0
    )
    assert pl.read_parquet(out).height > 10


def test_latex_is_a_table(trial):
    said = run(
        "estimate", trial, "--estimator", "gradient_iv", "--format", "latex", cwd=trial.parent
    ).stdout
    assert said.startswith(r"\begin{tabular}")
    assert "Gain on ability, IV" in said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("simulate", "--design", "rct-abilty", "--out", "x"), "did you mean rct-ability"),
        (("simulate", "--design", "rct", "--out", "x", "--set", "n_workers=-5"), "n_workers = -5"),
        (("simulate", "--design", "rct", "--out", "x", "--set", "rho=1"), "rho=1"),
        (("estimate", "nowhere"), "nowhere"),
        (("oews", "build", "nowhere", "--db", "x.duckdb"), "nowhere"),
        (("power", "--hypothesis", "H9", "--design", "rct", "--vary", "workers=50"), "H9"),
    ],
)
def test_bad_input_is_one_message_without_traceback(words, named, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_panel_that_breaks_its_schema_is_refused(trial, tmp_path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(trial, broken)
    path = next(Path(broken).glob("outputs*.parquet"))
    frame = pl.read_parquet(path)
    pl.concat([frame, frame.head(3)]).write_parquet(path)
    done = run("estimate", broken, cwd=tmp_path)
    assert done.returncode == 1
    assert "outputs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_panel_simulated_in_parts_is_estimated_with_its_truth(tmp_path):
    size = ("--set", "n_workers=80", "--set", "n_firms=4")
    for extra, name in (((), "whole"), (("--stream",), "parts")):
        done = run("simulate", "--design", "rct", *size, *extra, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    only = ("--estimator", "dispersion_by_access", "--format", "csv")
    found = [run("estimate", name, *only, cwd=tmp_path).stdout for name in ("whole", "parts")]
    assert found[0] == found[1]
    assert pl.read_csv(io.StringIO(found[0]))["truth"].is_not_nan().all()


def test_power_prints_curves_and_the_smallest_sample(tmp_path):
    done = run(
        "power",
        "--hypothesis",
        "H3",
        "--design",
        "postings",
        "--vary",
        "n_postings_by_occupation=10,40",
        "--replicates",
        25,
        "--engine",
        "serial",
        "--out",
        "p",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p" / "power.png").stat().st_size > 10_000
    assert pl.read_csv(tmp_path / "p" / "power.csv").height == 2


RCT = ("power", "--hypothesis", "H1", "--design", "rct", "--set", "n_tasks=5")


def test_power_finds_the_smallest_effect_between_those_that_were_run(tmp_path):
    few = ("--set", "n_workers=80", "--set", "n_firms=4", "--replicates", 20, "--engine", "serial")
    done = run(*RCT, *few, "--effect", "capability=0.05,0.8", "--out", "p", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "80% power at an effect of about" in done.stdout
    table = pl.read_csv(tmp_path / "p" / "power.csv").sort("truth")
    assert table["power"][0] > table["power"][1]


def test_power_searches_for_the_smallest_sample_by_one_named_estimator(tmp_path):
    named = ("--estimator", "dispersion_by_access", "--out", "p")
    done = run(*RCT, *named, "--search", "workers=200,400", "--replicates", 12, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "power of dispersion_by_access at about" in done.stdout
    assert pl.read_csv(tmp_path / "p" / "search.csv")["n_replicates"][0] == 12


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --vary, --effect PARAMETER=values or --search"),
        (("--effect", "capabilty=1,2"), "did you mean capability?"),
        (("--effect", "capability=a"), "expected a parameter and numbers"),
        (("--search", "workers=50"), "expected a size and two ends"),
        (("--search", "workers=50,90", "--estimator", "mincer"), "belongs to another hypothesis"),
    ],
)
def test_power_refuses_what_it_cannot_search(words, said, tmp_path):
    done = run(*RCT, *words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_figure_is_drawn_and_replaced_only_by_force(trial):
    words = ("estimate", trial, "--estimator", "gradient_iv", "--plot", "figure.svg")
    assert run(*words, cwd=trial.parent).returncode == 0
    again = run(*words, cwd=trial.parent)
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    assert run(*words, "--force", cwd=trial.parent).returncode == 0


def test_a_summary_begins_with_the_claim_and_names_the_recommended(trial):
    said = run("estimate", trial, "--hypothesis", "H1", "--summary", "-q", cwd=trial.parent)
    assert said.stdout.startswith("H1: On AI-exposed tasks")
    assert "Recommended: " in said.stdout
    assert said.stderr == ""


def test_details_are_said_beside_the_results(trial):
    said = run("-v", "designs", cwd=trial.parent)
    assert "seconds" in said.stderr
    assert "seconds" not in said.stdout


def test_a_misspelt_estimator_is_answered_with_the_nearest_alone(trial):
    said = run("estimate", trial, "--estimator", "pairs_diference", cwd=trial.parent).stderr
    assert "did you mean pairs_difference?" in said
    assert "known are" not in said


def test_the_doctor_names_versions_data_engines_and_folders(tmp_path):
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 0
    for part in ("Python", "polars", "published data", "engines", "temporary files", "LaTeX"):
        assert part in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell, tmp_path):
    done = run("completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert "estimate" in done.stdout
    assert "recommended" in done.stdout


def test_a_terminal_without_unicode_is_written_plain_signs(trial, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("estimate", trial, "--estimator", "dispersion_by_access", cwd=trial.parent)
    assert done.returncode == 0, done.stderr
    assert "H1 - Change of log coefficient of variation" in done.stdout


def test_rows_of_terms_are_written_for_programs_and_refused_as_documents_before_the_work(trial):
    folder = trial.parent
    done = run("distribution", trial, "--quantile", 0.5, "--out", "rows.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "rows.csv").read_text().startswith("term,estimate,")
    done = run("compliance", folder / "no panel", "--out", "rows.tex", cwd=folder)
    assert done.returncode != 0
    assert "expected a table for programs" in done.stderr
