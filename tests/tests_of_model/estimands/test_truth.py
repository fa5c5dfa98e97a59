"""Truths are computed when they are asked for, and once."""

from collections import Counter

import pytest

from withintask.tests_of_model.estimands.truth import Truths
from withintask.tests_of_model.hypotheses.registry import HYPOTHESES


def test_a_truth_is_computed_once_and_no_other_with_it():
    calls = Counter()

    def estimand(name):
        def value(economy):
            calls[name] += 1
            return economy

        return value

    truths = Truths({name: estimand(name) for name in "ab"}, 3.0)
    assert truths["a"] == truths["a"] == 3.0
    assert calls == {"a": 1}
    assert dict(truths) == {"a": 3.0, "b": 3.0}
    with pytest.raises(KeyError):
        truths["c"]


@pytest.mark.parametrize("hypothesis", HYPOTHESES, ids=lambda h: h.name)
def test_every_term_of_a_hypothesis_has_a_truth(hypothesis):
    truths = Truths(hypothesis.estimands, None)
    assert set(truths) >= {term for e in hypothesis.estimators for term in e.terms}
