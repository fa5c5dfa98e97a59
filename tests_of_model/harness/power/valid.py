"""Valid first: a design counts only if the rule of the matrix shows bias, coverage and size of its estimator to be adequate."""

from collections.abc import Sequence
from dataclasses import dataclass

from withintask.sim.worlds import NO_AI, REFERENCE
from withintask.tests_of_model.harness import rule
from withintask.tests_of_model.harness.figures import WorldFigures, world_figures
from withintask.tests_of_model.harness.power.lab import Results, make_draws
from withintask.tests_of_model.harness.rule import Looks, judge

_FIGURES = ("bias", "coverage", "size")
"""Figures that make a design valid; power is what is searched for."""


@dataclass(frozen=True, kw_only=True)
class Validity:
    """What is shown of one term's estimator on one design."""

    term: str
    """Term."""
    reference: WorldFigures
    """With the effect."""
    no_ai: WorldFigures
    """Without AI."""

    @property
    def is_valid(self) -> bool:
        """Whether bias, coverage in both worlds and size are shown adequate."""
        return all(word in ("good", "") for word in self._shown())

    @property
    def is_bad(self) -> bool:
        """Whether one of them is shown inadequate."""
        return "bad" in self._shown()

    @property
    def relative_bias(self) -> float:
        """Bias over the absolute truth."""
        return self.reference.bias / abs(self.reference.truth)

    @property
    def relative_bias_mc_se(self) -> float:
        """Its Monte-Carlo error."""
        return self.reference.bias_mc_se / abs(self.reference.truth)

    def _shown(self) -> tuple[str, ...]:
        worlds = self.reference, self.no_ai
        return tuple(world.shown(name) for world in worlds for name in _FIGURES)

    def why_not(self) -> str:
        """Say what is not shown adequate, with its figures; empty if all is."""
        bias = f"bias {self.relative_bias:+.1%} ± {self.relative_bias_mc_se:.1%} of the effect"
        no_ai = self.no_ai.bias / abs(self.reference.truth)
        checks = (
            (self.reference.bias_shown, bias, f"within {rule.BIAS_SHARE:.0%}"),
            (
                self.no_ai.bias_shown,
                f"bias {no_ai:+.1%} of the effect without AI",
                f"within {rule.BIAS_SHARE:.0%}",
            ),
            (
                self.reference.coverage_shown,
                _share("coverage", self.reference, "coverage"),
                f"above {rule.COVERAGE_LIMIT:g}",
            ),
            (
                self.no_ai.coverage_shown,
                _share("coverage without AI", self.no_ai, "coverage"),
                f"above {rule.COVERAGE_LIMIT:g}",
            ),
            (
                self.no_ai.size_shown,
                _share("size", self.no_ai, "rejects"),
                f"below {rule.SIZE_LIMIT:g}",
            ),
        )
        return "; ".join(
            f"{words}, {'shown not to be' if shown == 'bad' else 'not shown to be'} {limit}"
            for shown, words, limit in checks
            if shown in ("bad", "open")
        )


def judge_validity(
    terms: Sequence[str], reference: Results, null: Results, looks: Looks
) -> tuple[Validity, ...]:
    """Judge every term of a design by the rule of the matrix, at its looks.

    Parameters
    ----------
    terms
        Terms, in the order of the results.
    reference, null
        Replicates with the effect and without AI.
    looks
        When the tests are made.
    """
    judged = []
    for place, term in enumerate(terms):
        draws = make_draws(reference, null, place)
        with_effect, without = world_figures(draws, judge(draws, looks), (REFERENCE, NO_AI))
        judged.append(Validity(term=term, reference=with_effect, no_ai=without))
    return tuple(judged)


def _share(words: str, world: WorldFigures, name: str) -> str:
    return f"{words} {getattr(world, name):.3f} ± {getattr(world, f'{name}_mc_se'):.3f}"
