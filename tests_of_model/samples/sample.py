"""A panel as estimators see it: its rows as arrays, prepared once, and how regressions are to be fitted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from withintask.panel.arrays import floats
from withintask.panel.panel import Frame, Panel
from withintask.panel.transform import eager
from withintask.panel.trial_arms import of_arm
from withintask.tests_of_model.regression.errors import Errors
from withintask.tests_of_model.regression.options import BY_RULE, Options
from withintask.tests_of_model.samples.controls import NOTHING, Adjust
from withintask.tests_of_model.samples.firm_moments import FirmMoments, firm_moments
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows, with_arms
from withintask.tests_of_model.samples.item_scan import ItemScan
from withintask.tests_of_model.samples.pay_changes import PayChanges, pay_changes
from withintask.tests_of_model.samples.pay_rows import PayRows, UsablePay, pay_rows
from withintask.tests_of_model.samples.postings import PostingRows, posting_rows
from withintask.tests_of_model.samples.rents import RentRows, rent_rows
from withintask.tests_of_model.samples.signals import SignalRows, signal_rows
from withintask.tests_of_model.samples.task_rows import TaskRows, task_rows


@dataclass(frozen=True, eq=False)
class Sample:
    """What an estimator is given; arrays are prepared when they are first asked for."""

    panel: Panel
    """The tables, in memory."""
    options: Options = BY_RULE
    """How regressions are fitted."""
    arm: str = ""
    """The arm that is compared with the control; all arms with AI together if empty."""
    distance: int | None = None
    """Smallest distance between the items of a pair; chosen by the persistence of noise if None."""
    is_crossed: bool = False
    """Whether items' difficulty must be taken out, so that only items of two workers or more are used."""
    adjust: Adjust = NOTHING
    """Controls, fixed effects and weights that were asked for."""
    terms: frozenset[str] = frozenset()
    """Terms that are asked for; all that an estimator gives if empty."""

    def wanted(self, terms: Iterable[str]) -> tuple[str, ...]:
        """Return those of an estimator's terms that are asked for, in its order."""
        return tuple(term for term in terms if not self.terms or term in self.terms)

    @cached_property
    def arm_number(self) -> int:
        """Number of the arm compared among those of the items; 0 for all together."""
        if not self.arm:
            return 0
        of_arm(self.panel, self.arm)
        return self.item_rows.arm_names.index(self.arm)

    def with_errors(self, errors: Errors) -> "Sample":
        """Return the sample with other errors, its rows kept."""
        return _kept(replace(self, options=replace(self.options, errors=errors)), self, _ROWS)

    def of_arm_alone(self) -> "Sample":
        """Return a sample of the arm compared and the control, if one is named."""
        panel = of_arm(self.panel, self.arm) if self.arm else self.panel
        return replace(self, panel=panel, arm="") if self.arm else self

    def with_access(self, panel: Panel) -> "Sample":
        """Return a sample, of all arms, of the panel with other access and named arms in the same rows of outputs."""
        other = _kept(replace(self, panel=panel), self, ("pay_rows", "firm_moments"))
        if "task_rows" in vars(self):
            access = floats(eager(other.outputs)["ai_access"].cast(pl.Boolean))
            vars(other)["task_rows"] = replace(self.task_rows, access=access)
        if "item_rows" in vars(self):
            vars(other)["item_rows"] = with_arms(self.item_rows, panel)
        return other

    @property
    def outputs(self) -> Frame:
        """The table of outputs."""
        assert self.panel.outputs is not None
        return self.panel.outputs

    @property
    def item_scan(self) -> ItemScan | None:
        """The second pass over items where rows stand for several; None where all are in memory."""
        return None

    @cached_property
    def task_rows(self) -> TaskRows:
        """Task outputs, of the arm compared and the control."""
        panel = of_arm(self.panel, self.arm) if self.arm else self.panel
        return task_rows(panel, self.adjust)

    @cached_property
    def item_rows(self) -> ItemRows:
        """Items of the workers."""
        return item_rows(self.panel, self.adjust)

    @cached_property
    def pay_rows(self) -> PayRows:
        """Pay."""
        return pay_rows(self.panel, self.adjust)

    def usable_pay(self, *names: str) -> UsablePay:
        """Pay of which the fields named are known."""
        rows, note = self.pay_rows.usable(*names)
        return UsablePay(rows=rows, n_obs=rows.pay.size, note=note)

    def pay_changes(self, *names: str, with_unit: bool = False) -> PayChanges:
        """Changes of pay of workers of whom the fields named are known."""
        return pay_changes(self.panel, self.usable_pay(*names), with_unit=with_unit)

    @cached_property
    def posting_rows(self) -> PostingRows:
        """Postings."""
        return posting_rows(self.panel, self.adjust)

    @cached_property
    def signal_rows(self) -> SignalRows:
        """Work samples and later output, by occupation."""
        return signal_rows(self.panel)

    @cached_property
    def rent_rows(self) -> RentRows:
        """Pay and rents."""
        return rent_rows(self.panel, self.pay_rows)

    @cached_property
    def firm_moments(self) -> FirmMoments:
        """Moments of log pay by firm."""
        return firm_moments(self.panel, self.pay_rows)


_ROWS = ("task_rows", "item_rows", "pay_rows", "firm_moments")


def _kept(new: Sample, old: Sample, names: Sequence[str]) -> Sample:
    """Give a sample the arrays that another has prepared already."""
    vars(new).update({name: vars(old)[name] for name in names if name in vars(old)})
    return new
