"""The order of trust of a hypothesis's estimators."""

import pytest

from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES


def estimator(name, **changes):
    settings = {"summary": "", "needs": (), "terms": ("effect",), "run": lambda panel: ()}
    return Estimator(name=name, **settings | changes)


def test_named_estimators_come_first_and_a_new_one_needs_no_list():
    hypothesis = Hypothesis(
        name="H5",
        claim="",
        scope=lambda params: True,
        estimands={},
        primary="effect",
        predicted_sign=1,
        estimators=(
            estimator("new"),
            estimator("second"),
            estimator("biased", can_stand=False),
            estimator("other_term", terms=("slope",)),
            estimator("first"),
        ),
        preferred=("first", "second"),
    )
    assert [e.name for e in hypothesis.estimators_of("effect")] == ["first", "second", "new"]


@pytest.mark.parametrize("hypothesis", HYPOTHESES, ids=lambda h: h.name)
def test_what_is_preferred_exists_and_may_stand(hypothesis):
    standing = {e.name for e in hypothesis.estimators if e.can_stand}
    assert set(hypothesis.preferred) <= standing
    assert hypothesis.estimators_of(hypothesis.primary)
