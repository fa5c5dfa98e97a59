"""Regimes, boundaries, maps and policies."""

import numpy as np
import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.params import load_params, vary
from withintask.sim.policies import load_policies, policy_effects
from withintask.sim.regime import axis_values, boundary, change_axis, regime, regime_map

N = 2**13
SHARE = "proprietary_share"


def test_the_baseline_concentrates_income_and_equalizes_pay():
    found = regime(load_params())
    assert found.name == "concentrating"
    assert found.delta_gini_pay < 0 < found.delta_gini_income


def test_commodity_ai_equalizes_both():
    found = regime(change_axis(load_params(), SHARE, 0.0), n_workers=N)
    assert found.name == "equalizing"
    assert max(found.delta_gini_pay, found.delta_gini_income) < 0


def test_no_ai_is_neutral():
    assert regime(vary(load_params(), capability=0.0), n_workers=N).name == "neutral"


@pytest.mark.parametrize(
    ("changes", "expected"),
    # Boundaries of an independent prototype of the same equations.
    [
        ({}, 0.549),
        ({"rent_sharing": 0.05}, 0.518),
        ({"rent_sharing": 0.40}, 0.642),
        ({"own_gini": 0.60}, 0.700),
        ({"own_gini": 0.90}, 0.467),
        ({"asset_gini": 0.40}, 0.554),
        ({"asset_gini": 0.90}, 0.543),
    ],
)
def test_the_boundary_is_where_an_independent_prototype_has_it(changes, expected):
    found = boundary(vary(load_params(), **changes), along=SHARE, n_workers=N)
    assert found == pytest.approx(expected, abs=0.01)


def test_income_inequality_does_not_change_at_the_boundary():
    root = boundary(load_params(), along=SHARE, n_workers=N)
    at = regime(change_axis(load_params(), SHARE, root), n_workers=N)
    assert at.delta_gini_income == pytest.approx(0.0, abs=1e-6)


def test_rent_sharing_lowers_income_inequality_then_raises_it_and_raises_pay_inequality():
    params = change_axis(load_params(), SHARE, 0.75)
    found = [regime(vary(params, rent_sharing=x), n_workers=N) for x in (0, 0.3, 0.6, 0.8, 1)]
    income = [one.delta_gini_income for one in found]
    assert np.sign(np.diff(income)).tolist() == [-1, -1, -1, 1]
    assert np.all(np.diff([one.delta_gini_pay for one in found]) > 0)
    assert found[-1].delta_gini_income == pytest.approx(found[-1].delta_gini_pay, abs=1e-9)


def test_a_map_holds_the_regime_of_each_point_whatever_the_threads():
    params = load_params()
    axes = {"x": SHARE, "y": "own_gini", "x_values": [0.2, 0.9], "y_values": [0.6, 0.7, 0.9]}
    found = regime_map(params, **axes, n_workers=2**10, n_threads=2)
    alone = regime_map(params, **axes, n_workers=2**10, n_threads=1)
    assert found.points.equals(alone.points)
    x, y, income = found.grid("income")
    one = change_axis(change_axis(params, SHARE, x[1]), "own_gini", y[2])
    assert income[2, 1] == regime(one, n_workers=2**10).delta_gini_income


def test_the_proprietary_share_keeps_the_total():
    changed = change_axis(load_params(), SHARE, 0.2)
    assert changed.commodity + changed.proprietary == pytest.approx(1.0)
    assert changed.proprietary == pytest.approx(0.2)


def test_a_boundary_without_a_change_of_sign_says_what_it_found():
    with pytest.raises(
        ParameterError, match=r"expected ΔGini\(income\) to change sign between 0 and"
    ):
        boundary(load_params(), along=SHARE, bracket=(0.0, 0.1), n_workers=2**10)


@pytest.mark.parametrize("call", [change_axis, lambda p, a, _: axis_values(a)])
def test_an_unknown_axis_is_refused_with_the_nearest_name(call):
    with pytest.raises(ParameterError, match="did you mean own_gini"):
        call(load_params(), "own_gin", 0.5)


def test_open_access_turns_the_regime_and_all_policies_do_most():
    effects = {
        row["policy"]: row for row in policy_effects(load_params(), load_policies()).to_dicts()
    }
    assert effects["none"]["effect_income"] == 0
    assert effects["open_access"]["regime"] == "equalizing"
    together = effects.pop("all together")["effect_income"]
    assert together < min(row["effect_income"] for row in effects.values()) < 0


def test_rent_sharing_lowers_income_inequality_at_the_price_of_pay_inequality():
    effects = {
        row["policy"]: row for row in policy_effects(load_params(), load_policies()).to_dicts()
    }
    assert effects["rent_sharing"]["effect_income"] < 0 < effects["rent_sharing"]["effect_pay"]


def test_a_wrong_policy_file_names_every_entry(tmp_path):
    path = tmp_path / "policies.toml"
    path.write_text('[a]\naxis = "x"\n[b]\nvalue = 1.0\n')
    with pytest.raises(ParameterError, match=r"(?s)\[a\].*\[b\]"):
        load_policies(path)
