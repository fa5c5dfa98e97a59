"""Designs over two of their sizes."""

import pytest

from withintask.panel.errors import ParameterError
from withintask.sim.designs import load_design
from withintask.tests_of_model.harness.grid import cross, parse_axes


def test_every_combination_is_a_design_whose_firms_stay_as_large():
    base = load_design("rct")
    axes = parse_axes(["noise=0.15,0.5", "workers=60,480"])
    assert axes == {"output_noise": [0.15, 0.5], "n_workers": [60, 480]}
    variants = cross([base], axes)
    expected = [(noise, n) for noise in (0.15, 0.5) for n in (60, 480)]
    assert [(v.design.output_noise, v.design.n_workers) for v in variants] == expected
    assert {v.design.n_workers / v.design.n_firms for v in variants} == {20.0}
    assert len({v.design.name for v in variants}) == len(variants)


def test_everything_that_is_no_axis_is_named_at_once():
    with pytest.raises(ParameterError, match=r"(?s)wrokers.*noise=x.*two axes|wrokers.*noise=x"):
        parse_axes(["wrokers=1,2", "noise=x"])
    with pytest.raises(ParameterError, match="two axes"):
        parse_axes(["noise=0.5"])
