"""What an estimation gives: a result that prints, explains, draws, writes and cites itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from withintask.panel.errors import EstimationError, ParameterError, nearest, quoted, several
from withintask.panel.memory import Data, as_panel
from withintask.panel.outcome import OutcomeKind
from withintask.panel.panel import Panel, PanelInfo
from withintask.tests_of_model.harness.synthetic import with_truth
from withintask.tests_of_model.hypotheses.estimate import estimate as run_estimators
from withintask.tests_of_model.hypotheses.recommend import RECOMMENDED, recommendations
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.options import Engine
from withintask.tests_of_model.samples.controls import Adjust

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from withintask.report.estimate_table import EstimateTable

Layout = Literal["text", "latex", "typst", "markdown", "html"]
Drawing = Literal["estimates", "dispersion", "periods", "gains"]
DRAWINGS: tuple[Drawing, ...] = ("estimates", "dispersion", "periods", "gains")


class Tabular:
    """A frame that also is a table: what a Polars frame does, it does too."""

    frame: pl.DataFrame
    """The rows."""

    def table_in_words(self) -> "EstimateTable":
        """Return the table in words, for writers."""
        raise NotImplementedError

    def table(self, layout: Layout = "markdown") -> str:
        """Lay the table out as text of a document: booktabs LaTeX, Typst, Markdown, HTML, or plain text."""
        from withintask.report.tables import DOCUMENTS, document
        from withintask.report.terminal import grouped_text, terminal_width

        if layout == "text":
            return grouped_text(self.table_in_words(), terminal_width())
        if layout not in DOCUMENTS:
            known = ("text", *DOCUMENTS)
            raise ParameterError(
                f"layout {quoted(layout)}: expected one of {', '.join(known)}{nearest(layout, known)}; "
                "save() writes Word, Excel and other files"
            )
        return document(self.table_in_words(), layout)

    def to_pandas(self) -> Any:
        """Return the rows as a pandas frame."""
        return self.frame.to_pandas()

    def __str__(self) -> str:
        return self.table("text")

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from withintask.report.tables import html_fragment

        return html_fragment(self.table_in_words())

    def __getattr__(self, name: str) -> Any:
        """Answer what a Polars frame answers."""
        if name.startswith("_") or name == "frame":
            raise AttributeError(name)
        return getattr(self.frame, name)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __len__(self) -> int:
        return self.frame.height

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *dir(self.frame)})


@dataclass(frozen=True, eq=False, repr=False)
class Estimates(Tabular):
    """Estimates of a panel.

    It is used as a Polars frame (``result["estimate"]``, ``result.filter(…)``), and more: ``print(result)`` fits any width,
    ``summary()`` says what was found and which estimate to take, ``table()`` and ``save()`` write it for a paper,
    ``plot()`` draws it, ``cite()`` says whom to thank.

    Examples
    --------
    >>> import withintask as wt
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=["n_workers=120", "n_firms=6"])
    >>> result = wt.estimate(panel, estimators=["pairs_difference", "gradient_iv"])
    >>> result["term"].to_list()[0]
    'ability_gradient'
    >>> result.recommended
    ('pairs_difference',)
    >>> "Recommended: Pairs of items, difference in differences" in result.summary()
    True
    """

    frame: pl.DataFrame
    """One row an estimator and term: what :func:`estimate` says."""
    panel: Panel
    """The panel that was estimated on, in memory."""
    is_in_memory: ClassVar[bool] = True
    """Whether it is."""

    @cached_property
    def recommended(self) -> tuple[str, ...]:
        """Names of the estimators recommended for the panel, of those in the result; no estimate decides it."""
        names = recommendations(self.panel).filter(pl.col("verdict") == RECOMMENDED)["estimator"]
        present = set(self.frame["estimator"])
        return tuple(name for name in names if name in present)

    def summary(self, *, width: int | None = None) -> str:
        """Say in words what was estimated: the recommended first, the others by what they estimate and why they differ.

        Parameters
        ----------
        width
            Characters in a line; the terminal's if None.
        """
        from withintask.report.estimate_summary import estimate_summary
        from withintask.report.terminal import terminal_width

        return estimate_summary(self.frame, self.recommended, width=width or terminal_width())

    def table_in_words(self) -> "EstimateTable":
        """Return the table in words, for writers."""
        from withintask.report.estimate_table import estimate_table

        return estimate_table(self.frame, self.recommended, stars=True)

    def save(self, path: str | PathLike[str], *, force: bool = False) -> Path:
        """Write the estimates to a file in the format of its suffix.

        Parameters
        ----------
        path
            ``.tex``, ``.typ``, ``.md``, ``.html`` and ``.docx`` get the table in words; ``.csv``, ``.parquet``, ``.json``,
            ``.xlsx`` and ``.dta`` every column, and whether an estimator is recommended.
        force
            Whether a file that is there is replaced.

        Raises
        ------
        ParameterError
            If the suffix is not known, or the file is there and not to be replaced.
        """
        from withintask.report.tables import kind_of, write_estimates

        out = Path(path)
        write_estimates(
            self.frame, kind_of(out, None, force=force), out, recommended=self.recommended
        )
        return out

    def plot(
        self,
        what: Drawing = "estimates",
        path: str | PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> "Figure":
        """Draw the result.

        Parameters
        ----------
        what
            ``estimates`` with their sets and, where it is known, the truth; ``dispersion`` of outputs by arm and period;
            ``periods``, mean output by period (event study); ``gains`` by what workers do without AI.
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
        EstimationError
            If the panel has not what the drawing shows.
        """
        from withintask.report.style import draw_named

        drawings = {str(name): partial(self._drawn, name) for name in DRAWINGS}
        return draw_named(drawings, what, path, force=force)

    @property
    def __maketables_coef_table__(self) -> Any:
        """Estimates as the package maketables reads them, for tables beside models of other packages."""
        from withintask.report.estimate_words import estimator_words, term_words

        usable = self.frame.filter(pl.col("estimate").is_finite())
        names = [
            f"{term_words(term)}, {estimator_words(estimator)}"
            for term, estimator in usable.select("term", "estimator").iter_rows()
        ]
        columns = {"b": "estimate", "se": "std_error", "p": "p_value"}
        intervals = {"ci95l": "conf_low", "ci95u": "conf_high"}
        rows = usable.select(**{k: pl.col(v) for k, v in (columns | intervals).items()}).to_pandas()
        return rows.set_axis(names, axis=0).rename_axis("Coefficient")

    def __maketables_stat__(self, key: str) -> int | None:
        """Largest number of rows behind an estimate, by the name that maketables has for it; nothing else."""
        return int(str(self.frame["n_obs"].max())) if key == "N" else None

    def cite(self) -> str:
        """Write BibTeX entries of the toolkit, the paper and the methods of the estimators used."""
        from withintask.report.citation import citation

        return citation(self.frame["estimator"].unique(maintain_order=True).to_list())

    def __str__(self) -> str:
        from withintask.report.terminal import estimates_text, terminal_width

        return estimates_text(self.frame, self.recommended, width=terminal_width())

    def _drawn(self, what: Drawing) -> "Figure":
        from withintask.report.estimate_figure import estimate_figure
        from withintask.report.panel_figures import draw_panel_figure

        if what == "estimates":
            return estimate_figure(self.frame, self.recommended, title=self.panel.info.name)
        return draw_panel_figure(self.panel, what)


@dataclass(frozen=True, eq=False, repr=False)
class SideBySide(Tabular):
    """Results of several panels in one table."""

    frame: pl.DataFrame
    """The rows of all results, ``result`` first."""
    names: tuple[str, ...]
    """Of the results, in the order of the columns."""
    recommended: tuple[str, ...]
    """Estimators recommended in any of them."""

    def table_in_words(self) -> "EstimateTable":
        """Return the table in words, for writers."""
        from withintask.report.side_by_side import side_by_side_table

        return side_by_side_table(self.frame, self.names, self.recommended)

    def save(self, path: str | PathLike[str], *, force: bool = False) -> Path:
        """Write the table to a file in the format of its suffix: tex, typ, md, html, docx.

        Raises
        ------
        ParameterError
            If the suffix is not one of these, or the file is there and not to be replaced.
        """
        from withintask.report.tables import write_table

        return write_table(self.table_in_words(), Path(path), force=force)


def estimate(
    data: Data,
    *,
    hypotheses: str | Sequence[str] = (),
    estimators: str | Sequence[str] = (),
    first_ai_period: int | None = None,
    outcome: OutcomeKind | None = None,
    control_arm: str | None = None,
    info: PanelInfo | None = None,
    engine: Engine = "fast",
    arm: str = "",
    each_arm: bool = False,
    errors: Errors = "auto",
    distance: int | None = None,
    crossed: bool = False,
    controls: str | Sequence[str] = (),
    absorb: str | Sequence[str] = (),
    weight: str = "",
) -> Estimates:
    """Estimate hypotheses on a panel, real or synthetic.

    Parameters
    ----------
    data
        A panel; its folder or DuckDB file; or frames by the name of their table, see
        :func:`withintask.panel.memory.as_panel`.
    hypotheses, estimators
        One name or several; all if empty.
    first_ai_period, outcome, control_arm
        First period in which AI exists, kind of outcome and the control among the arms; as the panel says if None.
    info
        All of a panel's head, such as limits of a score and covariates, for frames in memory.
    engine
        How regressions are fitted, see :class:`withintask.tests_of_model.regression.options.Options`.
    arm
        The arm that is compared with the control, of several; all with AI together if empty.
    each_arm
        Compare every arm with the control in turn: the rows have a column ``arm``, and p-values are adjusted over the primary
        terms of all arms.
    errors
        ``auto`` (by the number of clusters), ``CR1``, ``CR2``, ``CR3``, ``jackknife``, ``wild``, or ``randomization``: the
        p-value of assigning access anew. What was chosen is in convention and message.
    distance, crossed
        Of estimators by pairs: smallest distance of a pair in the worker's own order, chosen from the panel if None; and
        whether items' difficulty must be taken out, with items of one worker left out.
    controls
        Columns to control for, ``tenure``, ``workers.tenure`` or ``C(site)``, instead of the declared covariates.
    absorb
        Columns whose levels are fixed effects.
    weight
        Column of sampling weights, beside ``outputs.weight``.

    Returns
    -------
    Estimates
        One row an estimator and term: estimate, std_error, interval, p_value, p_value_adjusted (Holm, over the
        hypotheses' primary terms), n_obs, n_clusters, status, message, convention, truth (null where the panel is not
        synthetic). A term that could not be estimated is a row that says why.

    Raises
    ------
    ParameterError
        If a name is not known, or the data are of another kind.
    SchemaError
        If the panel breaks a rule: all broken rules with their counts.

    Examples
    --------
    >>> import withintask as wt
    >>> panel = wt.draw_panel("rct-ability", seed=1, settings=["n_workers=120", "n_firms=6"])
    >>> wt.estimate(panel, estimators="gradient_iv").select("term", "status").row(0)
    ('ability_gradient', 'ok')
    """
    panel = as_panel(
        data,
        first_ai_period=first_ai_period,
        outcome=outcome,
        control_arm=control_arm,
        info=info,
        categories=True,
    )
    frame = run_estimators(
        panel,
        hypotheses=hypotheses,
        estimators=estimators,
        engine=engine,
        arm=arm,
        each_arm=each_arm,
        errors=errors,
        distance=distance,
        crossed=crossed,
        adjust=Adjust(controls=several(controls), absorb=several(absorb), weight=weight),
    )
    return Estimates(with_truth(frame, panel), panel)


def side_by_side(results: Mapping[str, Estimates], *, recommended_only: bool = False) -> SideBySide:
    """Put several results side by side in one table.

    Parameters
    ----------
    results
        By the name that stands above each column.
    recommended_only
        Keep what is recommended in one of them.

    Returns
    -------
    SideBySide
        A column a result; printed, laid out and saved as one result is.

    Raises
    ------
    ParameterError
        If there is no result.
    EstimationError
        If nothing is left to show.

    Examples
    --------
    >>> import withintask as wt
    >>> small = ["n_workers=120", "n_firms=6"]
    >>> results = {
    ...     f"seed {seed}": wt.estimate(wt.draw_panel("rct-ability", seed=seed, settings=small), estimators="gradient_iv")
    ...     for seed in (1, 2)
    ... }
    >>> print(wt.side_by_side(results).table("markdown").splitlines()[2])
    | estimator | seed 1 | seed 2 |
    """
    if not results:
        raise ParameterError("side_by_side: expected one result or more, by name")
    recommended = tuple(dict.fromkeys(n for r in results.values() for n in r.recommended))
    frame = pl.concat(
        result.frame.select(pl.lit(name).alias("result"), pl.all())
        for name, result in results.items()
    )
    if recommended_only:
        frame = frame.filter(pl.col("estimator").is_in(recommended))
    if frame.filter(pl.col("estimate").is_finite()).is_empty():
        raise EstimationError("side_by_side: no estimate to show in any of the results")
    return SideBySide(frame, tuple(results), recommended)
