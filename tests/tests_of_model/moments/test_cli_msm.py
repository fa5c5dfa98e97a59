"""The commands of `withintask msm` as a user meets them."""

from functools import partial

import pytest
from command_line import run as withintask

run = partial(withintask, "msm")

TARGET = """[m1]
value = {m1}
std_error = 0.02
source = "assumed"

[m4]
value = 0.05
std_error = 0.01
source = "assumed"
"""


@pytest.mark.slow
def test_fit_prints_moments_parameters_and_roots_and_writes_tables(tmp_path):
    (tmp_path / "mine.toml").write_text(TARGET.format(m1=-0.2))
    words = ("--target", "mine.toml", "--free", "ai_floor", "credential_cost_scale")
    done = run("fit", *words, "--starts", 2, "--processes", 1, "--out", "fit", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(part in done.stdout for part in ("m1", "-0.2", "α", "χ", "root:"))
    names = {path.name for path in (tmp_path / "fit").iterdir()}
    assert {"starts.json", "parameters.csv", "moments.parquet", "roots.csv"} <= names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "--moments", "m1", "m2"), "2 moments (m1, m2) for 6 free parameters"),
        (("fit", "--free", "ai_flor"), "did you mean ai_floor?"),
        (("moments", "absent", "--out", "x.toml"), "absent"),
    ],
)
def test_an_error_is_one_message(tmp_path, words, said):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
