"""Group-time effects, imputation and sensitivity to trends against csdid, pyfixest, diff-diff and honestdid."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from withintask.tests_of_model.regression.aggregates import average
from withintask.tests_of_model.regression.group_time import Paths, pair_effects
from withintask.tests_of_model.regression.imputation import imputed_effects
from withintask.tests_of_model.regression.relative_trends import relative_interval
from withintask.tests_of_model.regression.smooth_trends import smooth_interval

GOLDEN = Path(__file__).parents[2] / "golden" / "rollout"
PEERS = json.loads((GOLDEN / "peers.json").read_text())
CSDID = {(case["controls"], case["weighted"]): case for case in PEERS["csdid"]}
CONTROLS = {"notyettreated": "not_yet", "nevertreated": "never"}
DIGITS = 1e-10


def paths(*, weighted):
    frame = pl.read_csv(GOLDEN / "panel.csv").sort("unit", "period")
    n_units, n_periods = frame["unit"].n_unique(), frame["period"].n_unique()
    first = frame.filter(period=1)
    start = first["start"].to_numpy()
    return Paths(
        value=frame["y"].to_numpy().reshape(n_units, n_periods),
        start=np.where(start == 0, n_periods, start - 1),
        weight=first["weight"].to_numpy() if weighted else np.ones(n_units),
        stratum=np.zeros(n_units, dtype=np.int64),
    )


@pytest.fixture(params=CSDID, ids=lambda key: f"{key[0]}{'-weighted' if key[1] else ''}")
def case(request):
    controls, weighted = request.param
    data = paths(weighted=weighted)
    effects = pair_effects(data, np.arange(data.start.size), controls=CONTROLS[controls])
    return CSDID[request.param], effects


def test_group_time_effects_are_those_of_csdid(case):
    golden, effects = case
    places = {
        (int(g) + 1, int(t) + 1): k
        for k, (g, t) in enumerate(zip(effects.cohort, effects.period, strict=True))
    }
    rows = golden["group_time"]
    assert len(rows) == len(places)
    ours = [effects.estimate[0, places[row["cohort"], row["period"]]] for row in rows]
    np.testing.assert_allclose(ours, [row["estimate"] for row in rows], rtol=0, atol=DIGITS)


def sets(effects, kind, at):
    age, has_ai = effects.event_time, effects.event_time >= 0
    return {
        "simple": lambda: [has_ai],
        "dynamic": lambda: [age == e for e in at if e != -1],
        "group": lambda: [has_ai & (effects.cohort == g - 1) for g in at],
        "calendar": lambda: [has_ai & (effects.period == t - 1) for t in at],
    }[kind]()


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_averages_are_those_of_csdid(case, kind):
    golden, effects = case
    of_kind = golden["averages"][kind]
    if kind == "simple":
        expected = [of_kind["overall"]]
    else:
        expected = [
            value
            for at, value in zip(of_kind["at"], of_kind["estimate"], strict=True)
            if at != -1 or kind != "dynamic"
        ]
    ours = average(effects, sets(effects, kind, of_kind["at"])).estimate
    np.testing.assert_allclose(ours, expected, rtol=0, atol=DIGITS)


def test_errors_differ_from_csdid_by_what_few_units_cost():
    """csdid divides the squared influences by n²; the jackknife adds what each cohort's own mean costs, n/(n - 1)."""
    golden = CSDID["nevertreated", False]
    data = paths(weighted=False)
    effects = pair_effects(data, np.arange(data.start.size), controls="never")
    error = np.sqrt(
        average(effects, list(np.eye(effects.cohort.size, dtype=bool))).covariance.diagonal()
    )
    ratio = []
    for row in golden["group_time"]:
        k = np.flatnonzero(
            (effects.cohort == row["cohort"] - 1) & (effects.period == row["period"] - 1)
        )[0]
        ratio.append(error[k] / row["std_error"])
    # Between the factors of the largest side, 14 units, and the smallest, 9.
    assert min(ratio) > np.sqrt(14 / 13) - 0.01
    assert max(ratio) < np.sqrt(9 / 8) + 0.01


def test_imputed_effects_are_those_of_pyfixest_and_diff_diff():
    data = paths(weighted=False)
    effects = imputed_effects(data, np.arange(data.start.size))
    age = effects.event_time
    overall = average(effects, [age >= 0])
    assert overall.estimate[0] == pytest.approx(PEERS["pyfixest"]["att"], abs=1e-8)
    assert overall.estimate[0] == pytest.approx(PEERS["diff_diff"]["att"], abs=1e-8)
    times = PEERS["diff_diff"]["event_time"]
    ours = average(effects, [age == int(e) for e in times]).estimate
    np.testing.assert_allclose(ours, list(times.values()), rtol=0, atol=1e-8)


HONEST = json.loads((GOLDEN / "honestdid.json").read_text())
FIRST = np.array([1.0, 0.0, 0.0, 0.0])
SIMULATED = 1e-3
"""What the simulated quantile of the folded normal moves an end by, in the packages."""


def example(**settings):
    return {
        "estimate": np.array(HONEST["estimate"]),
        "covariance": np.array(HONEST["covariance"]),
        "n_leads": 4,
        "target": FIRST,
        "level": 0.95,
        **settings,
    }


@pytest.mark.parametrize("package", ["smooth", "r"])
@pytest.mark.parametrize("curvature", [0.0, 0.1, 0.2])
def test_smoothness_intervals_are_those_of_honestdid(package, curvature):
    table = HONEST["r"]["smooth"] if package == "r" else HONEST["smooth"]
    expected = next(ends for key, ends in table.items() if float(key) == curvature)
    found = smooth_interval(**example(curvature=curvature))
    assert [found.low, found.high] == pytest.approx(expected, abs=SIMULATED)


@pytest.mark.parametrize("multiple", ["0.5", "1.0", "1.5", "2.0"])
def test_relative_intervals_are_those_of_honestdid_to_two_steps_of_its_grid(multiple):
    found = relative_interval(**example(multiple=float(multiple)))
    for ours, expected in zip((found.low, found.high), HONEST["relative"][multiple], strict=True):
        if expected is not None:
            assert ours == pytest.approx(expected, abs=2 * HONEST["grid_step"])


def test_no_violation_gives_the_usual_interval():
    found = relative_interval(**example(multiple=0.0))
    assert [found.low, found.high] == pytest.approx(HONEST["r"]["original"], abs=1e-9)
