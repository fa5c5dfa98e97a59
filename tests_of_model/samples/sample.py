"""A panel as estimators see it: its rows as arrays, prepared once, and how regressions are to be fitted."""

from dataclasses import dataclass
from functools import cached_property

from withintask.panel.panel import Panel
from withintask.panel.trial_arms import of_arm
from withintask.tests_of_model.regression.options import DEFAULT, Options
from withintask.tests_of_model.samples.firm_moments import FirmMoments, firm_moments
from withintask.tests_of_model.samples.item_rows import ItemRows, item_rows
from withintask.tests_of_model.samples.pay_rows import PayRows, pay_rows
from withintask.tests_of_model.samples.task_rows import TaskRows, task_rows


@dataclass(frozen=True, eq=False)
class Sample:
    """What an estimator is given; arrays are prepared when they are first asked for."""

    panel: Panel
    """The tables, in memory."""
    options: Options = DEFAULT
    """How regressions are fitted."""
    arm: str = ""
    """The arm that is compared with the control; all arms with AI together if empty."""
    distance: int | None = None
    """Smallest distance between the items of a pair; chosen by the persistence of noise if None."""
    is_crossed: bool = False
    """Whether items' difficulty must be taken out, so that only items of two workers or more are used."""

    @cached_property
    def arm_number(self) -> int:
        """Number of the arm compared among those of the items; 0 for all together."""
        if not self.arm:
            return 0
        of_arm(self.panel, self.arm)
        return self.item_rows.arm_names.index(self.arm)

    @cached_property
    def task_rows(self) -> TaskRows:
        """Task outputs, of the arm compared and the control."""
        return task_rows(of_arm(self.panel, self.arm) if self.arm else self.panel)

    @cached_property
    def item_rows(self) -> ItemRows:
        """Items of the workers."""
        return item_rows(self.panel)

    @cached_property
    def pay_rows(self) -> PayRows:
        """Pay."""
        return pay_rows(self.panel)

    @cached_property
    def firm_moments(self) -> FirmMoments:
        """Moments of log pay by firm."""
        return firm_moments(self.panel, self.pay_rows)
