"""What moments tell of the sign of ΔGini, as a result."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from withintask.model_results import ModelResult
from withintask.sim.params import Params, load_params
from withintask.sim.policies import load_policies
from withintask.sim.worlds import load_worlds
from withintask.tests_of_model.evidence.answers import SIZES, Question, answer
from withintask.tests_of_model.evidence.measurements import load_measurements
from withintask.tests_of_model.evidence.simulated_panels import SimulatedPanels, simulated_panels
from withintask.tests_of_model.harness.kept import NOT_KEPT, Stages
from withintask.tests_of_model.moments.bank import Bank, make_bank
from withintask.tests_of_model.moments.priors import Prior, load_prior
from withintask.tests_of_model.moments.reweight import N_PARTICLES, fail_if_without_errors
from withintask.tests_of_model.moments.targets import MomentTarget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from withintask.report.estimate_table import EstimateTable

N_DRAWS = 2**16
"""Draws of the bank unless told otherwise."""
N_PANELS = 200
"""Simulated panels from which errors are taken unless told otherwise."""
Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done and what there is in all."""


@dataclass(frozen=True, eq=False, repr=False)
class SignResult(ModelResult):
    """What moments tell of the sign of ΔGini when ownership, rents, technology and the rest are not known.

    As a frame it has one row a panel size: the probability that ΔGini of income (and of pay) rises, 90 percent intervals, the sign's
    entropy in bits, and the 95 percent profile and projection sets.
    """

    tables: Mapping[str, pl.DataFrame]
    """All answers: ``sizes``, ``priors`` and, as far as asked, ``measurements``, ``values``, ``policies``, ``crossings``, ``worlds``."""
    bank: Bank
    """Draws of the prior that the answers rest on."""
    fixed: Mapping[str, float]
    """Parameters taken as known."""

    @property
    def frame(self) -> pl.DataFrame:  # type: ignore[override]
        """Answers by panel size."""
        return self.tables["sizes"]

    def table_in_words(self) -> "EstimateTable":
        """Return the answers by panel size in words, for writers."""
        from withintask.report.sign_words import sign_table

        return sign_table(self.tables)

    def write(self, folder: str | PathLike[str]) -> Path:
        """Write every table as CSV, and all of them in words as ``sign.md``.

        Parameters
        ----------
        folder
            Made if it is not there.

        Returns
        -------
        pathlib.Path
            The page.
        """
        from withintask.report.sign import write_tables

        write_tables(self.tables, Path(folder))
        return Path(folder) / "sign.md"

    def _sentences(self) -> Sequence[str]:
        from withintask.report.sign_words import held_words, sign_sentences

        return [*sign_sentences(self.tables), *held_words(self.bank.prior.names, self.fixed)]

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from withintask.report.sign_figures import draw_sizes, draw_values

        drawings = {"sizes": partial(draw_sizes, self.tables["sizes"])}
        if "values" in self.tables:
            drawings["values"] = partial(draw_values, self.tables["values"])
        return drawings

    def _methods(self) -> Sequence[str]:
        return ("msm",)


def sign(
    target: MomentTarget | None = None,
    start: Params | None = None,
    *,
    prior: Prior | None = None,
    fixed: Mapping[str, float] = MappingProxyType({}),
    sizes: Sequence[float] = (),
    n_draws: int = N_DRAWS,
    n_particles: int = N_PARTICLES,
    n_panels: int = N_PANELS,
    noise: float | None = None,
    seed: int = 0,
    cache: Path | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> SignResult:
    """Say what moments tell of the sign of ΔGini when the rest is not known, as ``withintask sign`` does.

    Parameters
    ----------
    target
        Moments with errors, any of m1 to m11; if None, m1 to m5 of the start, with the errors of a panel that links everything.
    start
        Parameters behind those moments, and values of what has no prior; the baseline if None.
    prior
        Of the free parameters; the packaged one if None.
    fixed
        Parameters taken as known.
    sizes
        Panel sizes as multiples of that panel's 7,200 workers; 1, 16 and 256 if left out, 1 where a target is given.
    n_draws
        Draws of the bank, a power of two of at least 2048.
    n_particles
        Draws of each posterior where few of the bank count.
    n_panels
        Simulated panels from which errors are taken.
    noise
        Noise of single outputs there, log points; None for the design's own, and no correction of bias.
    seed
        Of the moves.
    cache
        Folder of finished parts; a killed run goes on from there. None keeps none.
    executor, on_progress
        Any executor, serial if None; what is called with what is done.

    Returns
    -------
    SignResult
        Answers by panel size; ``tables`` has all others.

    Raises
    ------
    ParameterError
        If a parameter taken as known has no prior, a target lacks its errors or is out of the prior's reach.

    Notes
    -----
    Importance weights of a bank of draws, moved where few of them count; the sets are MODEL.md's of section 7. The default takes a
    minute of processor time.

    Examples
    --------
    >>> import withintask as wt
    >>> target = wt.load_target("illustrative").take(("m1", "m4"))
    >>> result = wt.sign(target, n_draws=2**11, n_particles=2**7)
    >>> bool(0 <= result["income_rises"].item() <= 1)
    True
    """
    base, chosen = start or load_params(), prior or load_prior()
    chosen.without(tuple(fixed))
    if target is not None:
        fail_if_without_errors(target)
    bank = make_bank(
        base,
        chosen,
        n_draws=n_draws,
        folder=cache,
        executor=executor,
        on_progress=_staged(on_progress, "bank"),
    )
    asked = target or simulated_panels(
        bank,
        load_worlds(),
        n_replicates=n_panels,
        noise=noise,
        folder=cache,
        executor=executor,
        on_progress=_staged(on_progress, "panels"),
    )
    question = _question(bank, asked, base, fixed, sizes, n_particles=n_particles, seed=seed)
    stages = NOT_KEPT if cache is None else Stages(folder=cache.resolve(), key=question.key())
    tables = answer(
        question, stages=stages, executor=executor, on_progress=_staged(on_progress, "answers")
    )
    return SignResult(tables, bank, dict(fixed))


def _staged(on_progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    return None if on_progress is None else partial(on_progress, stage)


def _question(
    bank: Bank,
    asked: MomentTarget | SimulatedPanels,
    base: Params,
    fixed: Mapping[str, float],
    sizes: Sequence[float],
    *,
    n_particles: int,
    seed: int,
) -> Question:
    """Everything packaged that can be asked of targets; of the simulated panel its sizes, better ones and rivals too."""
    panels = None if isinstance(asked, MomentTarget) else asked
    return Question(
        bank=bank,
        target=asked if isinstance(asked, MomentTarget) else asked.target,
        truth=base if panels else None,
        sizes=sizes or (SIZES if panels else SIZES[:1]),
        fixed=fixed,
        measurements=load_measurements(),
        panels=panels.better if panels else {},
        policies=load_policies(),
        worlds=load_worlds(),
        rivals=panels.rivals if panels else (),
        n_particles=n_particles,
        seed=seed,
    )
