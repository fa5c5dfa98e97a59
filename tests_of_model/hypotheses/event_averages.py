"""Everything that the effects of a roll-out are averaged over: overall, event time, cohort, period, and each pair alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Flags
from withintask.panel.errors import EstimationError
from withintask.tests_of_model.hypotheses.rollout_averages import (
    Method,
    averages_of,
    effects_of,
    jackknife_clusters,
)
from withintask.tests_of_model.hypotheses.rollout_outcomes import OutcomePaths
from withintask.tests_of_model.regression.aggregates import Averages
from withintask.tests_of_model.regression.group_time import Controls, PairEffects
from withintask.tests_of_model.samples.unknown import joined

OVERALL, SETTLED, EVENT_TIME = "overall", "settled", "event_time"
COHORT, CALENDAR, GROUP_TIME = "cohort", "calendar", "group_time"
AVERAGES = (OVERALL, SETTLED, EVENT_TIME, COHORT, CALENDAR, GROUP_TIME)
"""What effects are averaged over: all periods with AI; all but the first; by periods since the start; by period of the
start; by period; and not at all."""


Label = tuple[str, int | None, int | None, int | None]
"""Average, cohort, period and event time; what does not apply is None."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EventAverages:
    """Averages of the effects of a roll-out, each with its label."""

    labels: list[Label]
    """What each averages over."""
    averages: Averages
    """Estimates and influences, in their order."""
    effects: PairEffects
    """Effects of pairs of cohort and period."""
    convention: str
    """Of the errors."""

    def named(self, name: str) -> Flags:
        """Which are of a name."""
        return np.array([label[0] == name for label in self.labels])

    @property
    def is_lead(self) -> Flags:
        """Which are leads by event time."""
        return np.array(
            [
                label[0] == EVENT_TIME and label[3] is not None and label[3] < 0
                for label in self.labels
            ]
        )


def event_averages(paths: OutcomePaths, *, method: Method, controls: Controls) -> EventAverages:
    """Average the effects of a roll-out in every way.

    Raises
    ------
    EstimationError
        If no pair of cohort and period with AI can be compared.
    """
    effects = effects_of(paths, jackknife_clusters(paths), method=method, controls=controls)
    labelled = list(labels_of(effects))
    if not any(label[0] == OVERALL for label, _ in labelled):
        raise EstimationError(_nothing(paths))
    averages, convention = averages_of(
        paths, effects, [chosen for _, chosen in labelled], method=method, controls=controls
    )
    return EventAverages(
        labels=[label for label, _ in labelled],
        averages=averages,
        effects=effects,
        convention=convention,
    )


def labels_of(effects: PairEffects) -> Iterator[tuple[Label, Flags]]:
    """Averages by name, cohort, period and event time, with the pairs of each; those of no known pair are left out."""
    known = np.isfinite(effects.estimate[0])
    age = effects.event_time
    has_ai = known & (age >= 0)
    if has_ai.any():
        yield (OVERALL, None, None, None), has_ai
    if (has_ai & (age > 0)).any():
        yield (SETTLED, None, None, None), has_ai & (age > 0)
    for event_time in np.unique(age[known]):
        yield (EVENT_TIME, None, None, int(event_time)), known & (age == event_time)
    for cohort in np.unique(effects.cohort[has_ai]):
        yield (COHORT, int(cohort), None, None), has_ai & (effects.cohort == cohort)
    for period in np.unique(effects.period[has_ai]):
        yield (CALENDAR, None, int(period), None), has_ai & (effects.period == period)
    for place in np.flatnonzero(known):
        pair = int(effects.cohort[place]), int(effects.period[place])
        yield (GROUP_TIME, *pair, pair[1] - pair[0]), np.arange(known.size) == place


def take(averages: Averages, chosen: Flags) -> Averages:
    """Return some of the averages."""
    return Averages(
        estimate=averages.estimate[chosen],
        influence=averages.influence[:, chosen],
        dof=averages.dof[chosen],
        weight=averages.weight[chosen],
    )


def _nothing(paths: OutcomePaths) -> str:
    return joined(
        "roll-out: no cohort has both a period before its start and others without AI to compare with in its stratum "
        "(stratum of assignment and task); strata that hold starts of several periods would do",
        paths.message,
    )
