"""What the model's own studies give: verdicts of the matrix, a fit to moments, what moves it, and the headline.

Each prints at any width, explains itself in sentences, draws, writes and cites itself, as :class:`withintask.Estimates` does.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from withintask.results import Tabular
from withintask.tests_of_model.evidence import headline as of_headline
from withintask.tests_of_model.moments import fit as of_moments
from withintask.tests_of_model.moments import sensitivity as of_sensitivity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from withintask.report.estimate_table import EstimateTable


class ModelResult(Tabular):
    """A result that is used as a Polars frame, and more: ``summary``, ``table``, ``save``, ``plot``, ``cite``."""

    behind: ClassVar[str] = ""
    """Field that holds all that was found, whose attributes the result has too; empty where the frame is all."""

    def summary(self, *, width: int | None = None) -> str:
        """Say in words what was found.

        Parameters
        ----------
        width
            Characters in a line; the terminal's if None.

        Returns
        -------
        str
            Paragraphs.
        """
        from withintask.report.terminal import paragraphs

        return paragraphs(self._sentences(), width)

    @property
    def drawings(self) -> tuple[str, ...]:
        """Names of what :meth:`plot` can draw, the first as if left out."""
        return tuple(self._drawings())

    def plot(
        self,
        what: str | None = None,
        path: str | PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> "Figure":
        """Draw the result.

        Parameters
        ----------
        what
            One of :attr:`drawings`; the first if None.
        path
            File to write (pdf, svg, png), fonts within; None writes none.
        force
            Whether a file that is there is replaced.

        Returns
        -------
        matplotlib.figure.Figure
            To be changed or saved further.

        Raises
        ------
        ParameterError
            If there is no such drawing, or the file cannot be written.
        """
        from withintask.report.style import draw_named

        known = self._drawings()
        return draw_named(known, what or next(iter(known)), path, force=force)

    def save(self, path: str | PathLike[str], *, force: bool = False) -> Path:
        """Write the result to a file in the format of its suffix.

        Parameters
        ----------
        path
            ``.tex``, ``.typ``, ``.md``, ``.html`` and ``.docx`` get the table in words; ``.csv``, ``.parquet``, ``.json``,
            ``.xlsx`` and ``.dta`` every row and column.
        force
            Whether a file that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ParameterError
            If the suffix is not known, or the file is there and not to be replaced.
        """
        from withintask.report.tables import write_result

        return write_result(self.frame, self.table_in_words(), Path(path), force=force)

    def cite(self) -> str:
        """Write BibTeX entries of the toolkit, the paper and the methods used.

        Returns
        -------
        str
            BibTeX.
        """
        from withintask.report.citation import citation

        return citation(self._methods())

    def _methods(self) -> Sequence[str]:
        return ()

    def __getattr__(self, name: str) -> Any:
        """Answer what the object behind the result answers, then what a Polars frame does."""
        if name.startswith("_") or name in (self.behind, "frame"):
            raise AttributeError(name)
        whole = getattr(self, self.behind) if self.behind else None
        return getattr(whole if hasattr(whole, name) else self.frame, name)

    @abstractmethod
    def _sentences(self) -> Sequence[str]: ...

    @abstractmethod
    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]: ...


@dataclass(frozen=True, eq=False, repr=False)
class Verdicts(ModelResult):
    """Verdicts of the identification matrix: one a design, estimator and claim.

    Examples
    --------
    >>> import withintask as wt
    >>> design = wt.change_design(wt.load_design("rct"), n_workers=60, n_firms=6, n_tasks=2)
    >>> worlds = [wt.load_world("reference"), wt.load_world("no_ai")]
    >>> study = wt.plan(wt.load_params(), [design], worlds, seed=1, replicates=4, estimators=["dispersion_by_access"])
    >>> result = wt.verdicts(wt.replicate(study))
    >>> print(result.summary(width=100))
    H1a · Change of log coefficient of variation: underpowered on rct (power 25.0% (MC error 17.1%); 4.5
      times the sample would do).
    """

    frame: pl.DataFrame
    """Claim, design, estimator, verdict, its reason and the figures behind it; ``is_chosen``: an analyst would take it."""
    worlds: pl.DataFrame
    """Figures of every world behind the verdicts."""

    def table_in_words(self) -> "EstimateTable":
        """Return the table in words, for writers."""
        from withintask.report.verdict_words import verdict_table

        return verdict_table(self.frame)

    def _sentences(self) -> Sequence[str]:
        from withintask.report.verdict_words import verdict_sentences

        return verdict_sentences(self.frame)

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from withintask.report.matrix_figure import verdict_figure

        return {"matrix": lambda: verdict_figure(self.frame)}

    def _methods(self) -> Sequence[str]:
        return self.frame["estimator"].unique(maintain_order=True).to_list()


@dataclass(frozen=True, eq=False, repr=False)
class ModelFit(ModelResult):
    """A fit of the model to moments.

    What :class:`~withintask.tests_of_model.moments.fit.MsmFit` has, it has too: ``params``, ``roots``, ``errors``,
    ``moment_table()`` and the rest.

    Examples
    --------
    >>> import withintask as wt
    >>> target = wt.load_target("illustrative").take(("m1", "m4"))
    >>> free = ("ai_floor", "credential_cost_scale")
    >>> result = wt.fit_msm(target, wt.load_params(), free=free, n_starts=1, n_workers=2**10)
    >>> result["parameter"].to_list()
    ['ai_floor', 'credential_cost_scale']
    >>> result.is_reached
    True
    >>> result.drawings
    ('parameters', 'moments', 'sensitivity')
    """

    behind: ClassVar[str] = "fit"
    fit: of_moments.MsmFit
    """The fit, with everything found on the way."""

    @cached_property
    def frame(self) -> pl.DataFrame:  # type: ignore[override]
        """Fitted parameters: value, standard error and interval, one row each."""
        return self.fit.table()

    def table_in_words(self) -> "EstimateTable":
        """Return parameters and moments in words, for writers."""
        from withintask.report.fit_words import fit_table

        return fit_table(self.fit)

    def _sentences(self) -> Sequence[str]:
        from withintask.report.fit_words import fit_sentences

        return fit_sentences(self.fit)

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from withintask.report.fit_figures import moment_figure, parameter_figure

        drawn: dict[str, Callable[[], Figure]] = {"parameters": lambda: parameter_figure(self.fit)}
        if self.fit.problem.target.covariance is not None:
            drawn["moments"] = lambda: moment_figure(self.fit)
            drawn["sensitivity"] = self._sensitivity
        return drawn

    def _methods(self) -> Sequence[str]:
        return ("msm",)

    def _sensitivity(self) -> "Figure":
        return MomentSensitivity(of_sensitivity.sensitivity(self.fit)).plot()


@dataclass(frozen=True, eq=False, repr=False)
class MomentSensitivity(ModelResult):
    """How each moment moves each fitted parameter and ΔGini.

    What :class:`~withintask.tests_of_model.moments.sensitivity.Sensitivity` has, it has too: arrays of every measure.
    """

    behind: ClassVar[str] = "effects"
    effects: of_sensitivity.Sensitivity
    """All measures, as arrays."""

    @cached_property
    def frame(self) -> pl.DataFrame:  # type: ignore[override]
        """One row a parameter (or ΔGini) and moment, all measures."""
        return self.effects.table()

    def table_in_words(self) -> "EstimateTable":
        """Return the effects of one standard error of each target in words, for writers."""
        from withintask.report.fit_words import sensitivity_table

        return sensitivity_table(self.effects)

    def _sentences(self) -> Sequence[str]:
        from withintask.report.fit_words import sensitivity_sentences

        return sensitivity_sentences(self.effects)

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from withintask.report.fit_figures import sensitivity_figure

        title = ", ".join(self.effects.moments)
        return {"sensitivity": lambda: sensitivity_figure([(self.effects, title)])}

    def _methods(self) -> Sequence[str]:
        return ("msm", "sensitivity")


@dataclass(frozen=True, eq=False, repr=False)
class HeadlineResult(ModelResult):
    """What the moments identify, and which claims of the paper hold in this closure."""

    behind: ClassVar[str] = "page"
    page: of_headline.Headline
    """Everything that the page shows; ``page.tables()`` has all tables by name."""

    @cached_property
    def frame(self) -> pl.DataFrame:  # type: ignore[override]
        """Claims: name, claim, verdict, finding, one row each."""
        from withintask.report.claims import claim_table

        return claim_table(self.page.claims)

    def table_in_words(self) -> "EstimateTable":
        """Return claims and verdicts in words, for writers."""
        from withintask.report.fit_words import headline_table

        return headline_table(self.page)

    def write(self, folder: str | PathLike[str]) -> Path:
        """Write ``index.html``, its figures and its tables to a folder.

        Parameters
        ----------
        folder
            Made if it is not there.

        Returns
        -------
        pathlib.Path
            The page.
        """
        from withintask.report.headline import write_headline

        write_headline(self.page, Path(folder))
        return Path(folder) / "index.html"

    def _sentences(self) -> Sequence[str]:
        from withintask.report.headline import lead

        claims = [f"{row['verdict']}: {row['claim']}" for row in self.frame.iter_rows(named=True)]
        return [lead(self.page), *claims]

    def _drawings(self) -> Mapping[str, Callable[[], "Figure"]]:
        from functools import partial

        from withintask.report.headline_figures import draw, figure_names

        return {name: partial(draw, self.page, name) for name in figure_names(self.page)}

    def _methods(self) -> Sequence[str]:
        return ("msm", "sensitivity")
