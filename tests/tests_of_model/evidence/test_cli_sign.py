"""The commands `withintask sign`, `withintask evidence` and `withintask msm bank` as a user meets them."""

import polars as pl
import pytest
from command_line import run

KNOWN = (
    "task_substitution=0.9",
    "substitution=2",
    "credential_cost_scale=0.015",
    "rent_sharing=0.15",
    "base_rent=0.25",
    "capital_intensity=0.5",
    "asset_gini=0.75",
)
M1 = """[m1]
value = {value}
std_error = 0.03
source = "assumed"
"""


def test_evidence_prints_what_moves_and_writes_targets_and_a_figure(tmp_path):
    done = run("evidence", "--out", "e", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(part in done.stdout for part in ("otis_2023", "unchecked", "Pooled by random"))
    rows = pl.read_csv(tmp_path / "e" / "evidence.csv")
    left = rows.filter(status="unchecked")
    assert left.height > 0
    assert left["why_not"].to_list() == ["unchecked"] * left.height
    assert {path.name for path in (tmp_path / "e").iterdir()} == {
        "evidence.csv",
        "forest.svg",
        "pooled.toml",
    }


def test_the_bank_says_what_counts_and_what_tails_do(tmp_path):
    words = ("--draws", 2048, "--replicates", 4, "--processes", 1)
    done = run("msm", "bank", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "effective number under the prior twice as wide" in done.stdout
    assert "without cut tails" in done.stdout


def test_sign_answers_for_targets_of_a_file_with_parameters_taken_as_known(tmp_path):
    (tmp_path / "mine.toml").write_text(M1.format(value=-0.2))
    words = ("--target", "mine.toml", "--fix", *KNOWN, "--draws", 2048, "--particles", 128)
    done = run("sign", *words, "--processes", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Free: ai_floor, ai_multiplicative, commodity, proprietary, own_gini.\n" in done.stdout
    assert "P(income rises)" in done.stdout
    assert "under the wide prior" in done.stdout
    assert "without cut tails" in done.stdout
    assert (tmp_path / "out" / "sign" / "sizes.csv").exists()


@pytest.mark.parametrize(
    ("value", "fix", "said"),
    [
        (-5, "own_gini=0.75", "m1 = -5: p ="),
        (-0.2, "own_gini", "expected name=value"),
        (-0.2, "own_gin=0.75", "did you mean own_gini?"),
    ],
)
def test_sign_refuses_by_name(tmp_path, value, fix, said):
    (tmp_path / "mine.toml").write_text(M1.format(value=value))
    words = ("--target", "mine.toml", "--fix", fix, "--draws", 2048, "--processes", 1)
    done = run("sign", *words, cwd=tmp_path)
    assert done.returncode != 0
    assert said in done.stderr + done.stdout


def test_targets_without_errors_are_refused_before_a_bank_is_drawn(tmp_path):
    (tmp_path / "mine.toml").write_text('[m1]\nvalue = -0.2\nsource = "assumed"\n')
    done = run("sign", "--target", "mine.toml", "--processes", 1, cwd=tmp_path)
    assert done.returncode != 0
    assert "every target needs a std_error" in done.stderr + done.stdout
    assert not (tmp_path / "cache").exists()
