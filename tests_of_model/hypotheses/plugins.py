"""Estimators of other packages, found by the entry point group ``withintask.estimators``.

The name of an entry point is a hypothesis; its value, a sequence of :class:`Estimator`:

.. code-block:: toml

    [project.entry-points."withintask.estimators"]
    H1 = "my_package:ESTIMATORS"
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from withintask.panel.capabilities import alternatives
from withintask.panel.errors import ParameterError, list_problems, quoted, unknown_name
from withintask.tests_of_model.hypotheses.hypothesis import Estimator, Hypothesis

GROUP = "withintask.estimators"


class PluginWarning(UserWarning):
    """Estimators of another package were refused; the rest runs."""


def with_plugins(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Return the hypotheses with the estimators that installed packages add; refuse broken ones by a warning."""
    extended = {hypothesis.name: hypothesis for hypothesis in hypotheses}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            hypothesis, added = _loaded(point, extended)
        except Exception as error:
            warnings.warn(f"estimators of {point.value}: {error}", PluginWarning, stacklevel=2)
            continue
        estimators = (*hypothesis.estimators, *added)
        extended[hypothesis.name] = replace(hypothesis, estimators=estimators)
    return tuple(extended.values())


def _loaded(
    point: EntryPoint, hypotheses: dict[str, Hypothesis]
) -> tuple[Hypothesis, tuple[Estimator, ...]]:
    if point.name not in hypotheses:
        raise ParameterError(f"hypothesis {unknown_name(point.name, hypotheses)}")
    hypothesis, added = hypotheses[point.name], tuple(point.load())
    taken = {estimator.name for h in hypotheses.values() for estimator in h.estimators}
    problems = [problem for each in added for problem in _problems(each, hypothesis, taken)]
    if problems:
        raise ParameterError(list_problems("refused", problems))
    return hypothesis, added


def _problems(estimator: object, hypothesis: Hypothesis, taken: set[str]) -> Iterator[str]:
    """What keeps a plug-in from being an estimator of the hypothesis."""
    if not isinstance(estimator, Estimator):
        yield f"{estimator!r:.80} is no withintask.Estimator"
        return
    if estimator.name in taken:
        yield f"{estimator.name}: another estimator has this name"
    taken.add(estimator.name)
    for term in estimator.terms or ("",):
        if term not in hypothesis.estimands:
            known = ", ".join(hypothesis.estimands)
            yield f"{estimator.name}: term {quoted(term)} is no estimand of {hypothesis.name}; they are {known}"
    for need in estimator.needs:
        try:
            alternatives(need)
        except ParameterError as error:
            yield f"{estimator.name}: {error}"
    run: object = estimator.run
    if not callable(run):
        yield f"{estimator.name}: run cannot be called"
