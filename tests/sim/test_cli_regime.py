"""The commands of `withintask regime` print and draw what the model says."""

from contextlib import redirect_stdout
from io import StringIO

import polars as pl
import pytest

from withintask.cli.app import app
from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params
from withintask.sim.policies import load_policies
from withintask.sim.regime import boundary
from withintask.tests_of_model.evidence.regimes import MAPS

IMAGES = [*(f"map_{axis}.svg" for axis in MAPS), "rent_sharing.svg", "policies.svg"]


def run(*words):
    app(words, result_action="return_value")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regime") / "out"
    with redirect_stdout(StringIO()) as printed:
        run("regime", "--out", str(folder), "--values", "3")
    (folder / "printed.txt").write_text(printed.getvalue(), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", IMAGES)
def test_every_figure_is_a_vector(written, name):
    text = (written / name).read_text(encoding="utf-8")
    assert "<svg" in text
    assert "<image" not in text


def test_every_table_is_written_in_both_formats(written):
    for name in ("maps", "rent_sharing", "boundaries", "policies"):
        table = pl.read_parquet(written / f"{name}.parquet")
        assert pl.read_csv(written / f"{name}.csv").shape == table.shape


def test_maps_hold_both_measures_over_the_share_of_proprietary_ai_and_three_axes(written):
    maps = pl.read_parquet(written / "maps.parquet")
    assert set(maps["x_axis"]) == {"proprietary_share"}
    assert maps["y_axis"].unique(maintain_order=True).to_list() == list(MAPS)
    assert maps.height == 3 * 3 * 3
    assert maps.select("delta_gini_income", "delta_gini_pay").null_count().row(0) == (0, 0)


def test_commodity_ai_equalizes_everywhere_and_ownership_does_not_touch_pay(written):
    maps = pl.read_parquet(written / "maps.parquet")
    assert (maps.filter(pl.col("x") == 0)["delta_gini_income"] < 0).all()
    by_ownership = maps.filter(pl.col("y_axis") == "own_gini").group_by("x")
    spread = by_ownership.agg(pl.col("delta_gini_pay").max() - pl.col("delta_gini_pay").min())
    # The points of the population are the same, so that pay is equal to rounding.
    assert spread["delta_gini_pay"].to_list() == pytest.approx([0, 0, 0], abs=1e-12)


def test_the_printed_maps_are_the_signs_of_the_tables(written):
    printed = (written / "printed.txt").read_text(encoding="utf-8")
    maps = pl.read_parquet(written / "maps.parquet")
    expected = []
    for _, rows in maps.group_by("y_axis", maintain_order=True):
        income, pay = (
            ["".join("+" if v > 0 else "-" for v in part) for part in rows[name].reshape((3, 3))]
            for name in ("delta_gini_income", "delta_gini_pay")
        )
        expected += list(zip(income, pay, strict=True))[::-1]
    lines = [line.split() for line in printed.splitlines()]
    signs = [w for w in lines if len(w) == 3 and set("".join(w[1:])) <= set("+-")]
    assert [tuple(w[1:]) for w in signs if w[0][0].isdigit()] == expected


def test_rent_sharing_lowers_income_inequality_before_it_raises_it(written):
    effects = pl.read_parquet(written / "rent_sharing.parquet")
    proprietary = effects.filter(pl.col("proprietary_share") == 1)
    none, half, full = proprietary["delta_gini_income"]
    assert half < none
    assert proprietary["delta_gini_pay"].is_sorted()
    assert proprietary["delta_gini_pay"][-1] == pytest.approx(full, abs=1e-12)


def test_policies_stand_alone_and_together_with_their_error(written):
    policies = pl.read_parquet(written / "policies.parquet")
    names = [policy.name for policy in load_policies()]
    assert policies["policy"].to_list() == ["none", *names, "all together"]
    income, error = policies["delta_gini_income"], policies["quadrature_se"]
    assert (error > 0).all()
    decided = policies.filter(income.abs() > 2 * error)
    signs = {"concentrating": 1, "equalizing": -1}
    assert decided["delta_gini_income"].sign().to_list() == [signs[r] for r in decided["regime"]]


def test_the_report_prints_boundaries_and_policies(written):
    printed = (written / "printed.txt").read_text(encoding="utf-8")
    for part in ("own_gini = 0.6", "open_access", "map_asset_gini.svg"):
        assert part in printed


def test_the_boundary_command_prints_the_root(capsys):
    run("regime", "boundary", "--along", "own_gini")
    root = float(capsys.readouterr().out.split("=")[-1])
    assert root == pytest.approx(boundary(load_params(), along="own_gini"), abs=5e-5)


def test_a_bracket_without_a_root_is_refused(capsys):
    with pytest.raises((ParameterError, SystemExit)):
        run("regime", "boundary", "--low", "0", "--high", "0.1")


def test_figures_need_two_scrambles():
    with pytest.raises((ParameterError, SystemExit)):
        run("regime", "figures", "--scrambles", "1")


def test_figures_are_printed_and_written_as_a_page(capsys, tmp_path):
    page = tmp_path / "figures.md"
    run("regime", "figures", "--scrambles", "2", "--out", str(page))
    printed = capsys.readouterr().out
    for text in (printed, page.read_text(encoding="utf-8")):
        assert "Baseline: moments" in text
        assert "Boundary in η1/(η0+η1)" in text
