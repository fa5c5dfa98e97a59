"""A study of power from Python: run it, and use the answer as estimates are used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import polars as pl

from withintask.model_results import ModelResult
from withintask.panel.errors import EstimationError, ParameterError, nearest, quoted
from withintask.sim.design import Design
from withintask.tests_of_model.harness.parallel import open_executor
from withintask.tests_of_model.harness.power import run as of_power
from withintask.tests_of_model.harness.power.lab import Run
from withintask.tests_of_model.harness.power.study import PowerStudy, read_study
from withintask.tests_of_model.harness.replicate import replicate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from withintask.report.estimate_table import EstimateTable

EngineName = Literal["serial", "threads", "processes"]
"""How replicates are run; results do not depend on it."""
ParagraphLayout = Literal["markdown", "latex"]
"""How the paragraph for a methods section is written."""


@dataclass(frozen=True, eq=False, repr=False)
class PowerResult(ModelResult):
    """The cheapest valid design of a study of power, what it rests on, and what it becomes under trouble.

    What :class:`~withintask.tests_of_model.harness.power.run.PowerReport` has, it has too: ``study``, ``tests``, ``truths``,
    ``answer``, ``shown``.

    Examples
    --------
    >>> import withintask as wt
    >>> study = wt.PowerStudy(
    ...     effect="average_effect_log=15%",
    ...     settings=("n_tasks=3", "n_items=1", "n_firms=4"),
    ...     vary={"workers": (16, 24)},
    ...     costs={"worker": 10},
    ...     replicates=25,
    ...     explore=25,
    ... )
    >>> result = wt.run_power_study(study, robust=False, frontier=False)
    >>> print(result.summary(width=76).splitlines()[0])
    Test: Average effect, log points (average_effect_log) by Workers with AI
    >>> result.methods()[:32]
    'We computed power by simulation '
    """

    behind: ClassVar[str] = "report"
    report: of_power.PowerReport
    """Everything that was found, as objects."""

    @cached_property
    def frame(self) -> pl.DataFrame:  # type: ignore[override]
        """Designs with new replicates, one row each: role, cost, power with its interval, sizes, bias, coverage and size."""
        from withintask.report.power_frames import designs_frame

        return designs_frame(self.report)

    @property
    def design(self) -> Design | None:
        """The cheapest valid design, from which panels can be drawn; None where none is."""
        winner = self.report.answer.winner
        return None if winner is None else self.report.answer.space.design(winner.number)

    @cached_property
    def validity(self) -> pl.DataFrame:
        """Of the design shown: truth, bias, coverage, size and power of each term, with Monte-Carlo errors."""
        from withintask.report.power_frames import validity_frame

        return validity_frame(self.report)

    @cached_property
    def under_trouble(self) -> pl.DataFrame:
        """What real panels show: the size that it takes then, with its interval, and the bias; one row a trouble."""
        from withintask.report.power_frames import robust_frame

        return robust_frame(self.report)

    @cached_property
    def by_budget(self) -> pl.DataFrame:
        """The smallest effect that each budget finds, with its interval."""
        from withintask.report.power_frames import frontier_frame

        return frontier_frame(self.report)

    def table_in_words(self) -> "EstimateTable":
        """Return the designs in words, for writers."""
        from withintask.report.power_tables import design_table

        return design_table(self.report)

    def methods(self, layout: ParagraphLayout = "markdown") -> str:
        """Write the paragraph for a proposal's methods section, with numbers, seeds and Monte-Carlo errors.

        Parameters
        ----------
        layout
            ``markdown`` or ``latex``.

        Returns
        -------
        str
            The paragraph.

        Raises
        ------
        ParameterError
            If the layout is another.
        """
        from withintask.report.power_paragraph import latex, paragraph

        if layout not in ("markdown", "latex"):
            hint = nearest(layout, ("markdown", "latex"))
            raise ParameterError(f"layout {quoted(layout)}: expected markdown or latex{hint}")
        text = paragraph(self.report)
        return latex(text) if layout == "latex" else text

    def write(self, folder: str | PathLike[str]) -> Path:
        """Write what ``withintask power`` writes: the page, paragraphs and tables.

        Parameters
        ----------
        folder
            Made if it is not there.

        Returns
        -------
        pathlib.Path
            The page.
        """
        from withintask.report.power_study import write_files

        write_files(self.report, Path(folder), command="wt.run_power_study(…).write(…)")
        return Path(folder) / "index.html"

    def _sentences(self) -> Sequence[str]:
        from withintask.report.power_words import summary_lines

        return summary_lines(self.report)

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from withintask.report.power_figures import draw_curves, draw_frontier

        return {
            "curves": lambda: _drawn(draw_curves(self.report), "no size varies"),
            "frontier": lambda: _drawn(draw_frontier(self.report), "no budgets were tried"),
        }

    def _methods(self) -> Sequence[str]:
        return tuple(dict.fromkeys(test.estimator for test in self.report.tests))


def _drawn(figure: "Figure | None", reason: str) -> "Figure":
    if figure is None:
        raise EstimationError(f"nothing to draw: {reason}")
    return figure


def run_power_study(
    study: PowerStudy | str | PathLike[str],
    *,
    ledger: str | PathLike[str] | None = None,
    engine: EngineName = "serial",
    workers: int = 2,
    dask: str = "",
    robust: bool = True,
    frontier: bool = True,
    on_note: Callable[[str], None] | None = None,
) -> PowerResult:
    """Find the cheapest valid design with the power asked for, as ``withintask power`` does.

    Parameters
    ----------
    study
        What is asked, or the file that says it (``withintask power init`` writes one).
    ledger
        Folder of finished replicates; run again, it goes on where it stopped. None keeps none.
    engine, workers, dask
        How to run: serial, threads or processes, how many, or the address of a Dask scheduler. Results do not depend on it.
    robust, frontier
        Whether the answer is given again under what real panels show, and smallest effects are found by budget.
    on_note
        Told in words of each step.

    Returns
    -------
    PowerResult
        The answer, every design with new replicates, and what was held.

    Raises
    ------
    ParameterError
        Lists all that is wrong, before any replicate is drawn.

    Examples
    --------
    >>> import withintask as wt
    >>> study = wt.PowerStudy(
    ...     effect="average_effect_log=60%",
    ...     move="ai_floor",
    ...     settings=("n_tasks=3", "n_items=1", "n_firms=4", "output_noise=0.2"),
    ...     vary={"workers": (120, 160)},
    ...     costs={"worker": 10},
    ...     replicates=25,
    ...     explore=25,
    ... )
    >>> result = wt.run_power_study(study, robust=False, frontier=False)
    >>> result.tests[0].estimator
    'effect_between'
    >>> result["power"].is_between(0, 1).all()
    True
    """
    asked = study if isinstance(study, PowerStudy) else read_study(Path(study))
    with open_executor("serial" if dask else engine, workers, dask=dask) as executor:
        kept = None if ledger is None else Path(ledger)
        run: Run = lambda part, stage: replicate(part, executor=executor, ledger=kept)  # noqa: E731
        report = of_power.run_power_study(
            asked, run, is_robust=robust, has_frontier=frontier, on_note=on_note
        )
    return PowerResult(report)
