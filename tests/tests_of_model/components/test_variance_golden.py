"""Components of pytwoway and hdfe-stream, from tests/golden/variance; see golden/DIFFERENCES.md."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from withintask.tests_of_model.components.two_way import two_way_components

GOLDEN = Path(__file__).parents[2] / "golden" / "variance"
FRAME = pl.read_csv(GOLDEN / "panel.csv")
PYTWOWAY = json.loads((GOLDEN / "pytwoway.json").read_text())
HDFE_STREAM = json.loads((GOLDEN / "hdfe_stream.json").read_text())
# Not its corrections of the worker variance, nor the leave-out one of the covariance.
SAME_AS_PYTWOWAY = {
    "plug_in": ("firm", "worker", "covariance"),
    "homoskedastic": ("firm", "covariance"),
    "leave_out": ("firm",),
}
# Within four errors of the mean over seeds; not the worker variance by match.
SAME_AS_HDFE_STREAM = {
    "observation": ("firm", "worker", "covariance"),
    "match": ("firm", "covariance"),
}


def ours(leave_out):
    return two_way_components(FRAME["y"], FRAME["i"], FRAME["j"], leave_out=leave_out)


def check_pytwoway(found, golden):
    assert found.n_obs == golden["n_obs"]
    for kind, names in SAME_AS_PYTWOWAY.items():
        values = [getattr(getattr(found, kind), name) for name in names]
        np.testing.assert_allclose(values, [golden[kind][name] for name in names], rtol=1e-8)


def check_hdfe_stream(found, golden, names):
    n_obs = found.n_obs
    for name in names:
        theirs = golden[name]["mean"] * (n_obs - 1) / n_obs  # it divides by n − 1
        band = 4 * golden[name]["error_of_mean"]
        np.testing.assert_allclose(getattr(found.leave_out, name), theirs, rtol=0, atol=band)


def test_components_are_those_of_pytwoway_with_exact_leverages():
    check_pytwoway(ours("observation"), PYTWOWAY)


@pytest.mark.parametrize("leave_out", SAME_AS_HDFE_STREAM)
def test_leave_out_components_are_those_of_hdfe_stream_within_its_projection_error(leave_out):
    check_hdfe_stream(ours(leave_out), HDFE_STREAM[leave_out], SAME_AS_HDFE_STREAM[leave_out])


@pytest.mark.parametrize("kind", SAME_AS_PYTWOWAY)
def test_a_wrong_golden_component_is_noticed(kind):
    wrong = {**PYTWOWAY, kind: {k: v * (1 + 1e-6) for k, v in PYTWOWAY[kind].items()}}
    with pytest.raises(AssertionError):
        check_pytwoway(ours("observation"), wrong)


def test_the_uncorrected_variance_is_outside_the_projection_error():
    plug_in = {"firm": {**HDFE_STREAM["match"]["firm"], "mean": PYTWOWAY["plug_in"]["firm"]}}
    found = ours("match")
    with pytest.raises(AssertionError):
        check_hdfe_stream(found, plug_in, ("firm",))
