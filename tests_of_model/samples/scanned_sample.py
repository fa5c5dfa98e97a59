"""A lazy panel as estimators see it: sums of its rows, made in passes over them, none of which stays in memory."""

from functools import cached_property

from withintask.panel.panel import Panel
from withintask.panel.trial_arms import of_arm
from withintask.tests_of_model.samples.comparisons import ENOUGH_SHARED, fewest_compared
from withintask.tests_of_model.samples.firm_moments import FirmMoments, scanned_firm_moments
from withintask.tests_of_model.samples.item_rows import ItemRows
from withintask.tests_of_model.samples.item_scan import ItemScan
from withintask.tests_of_model.samples.pay_changes import PayChanges
from withintask.tests_of_model.samples.pay_rows import UsablePay
from withintask.tests_of_model.samples.postings import PostingRows, scanned_posting_rows
from withintask.tests_of_model.samples.rents import RentRows, scanned_rent_rows
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.scanned_items import (
    item_scan,
    item_sums,
    most_in_shared_items,
    scanned_item_rows,
    scanned_task_rows,
)
from withintask.tests_of_model.samples.scanned_pay import scanned_changes, scanned_pay
from withintask.tests_of_model.samples.task_rows import TaskRows


class ScannedSample(Sample):
    """A sample whose rows are few that stand for many; regressions of them give the numbers of all rows."""

    @cached_property
    def firm_moments(self) -> FirmMoments:
        """Moments of log pay by firm."""
        return scanned_firm_moments(self.panel)

    @cached_property
    def posting_rows(self) -> PostingRows:
        """Shares of postings by occupation and period."""
        return scanned_posting_rows(self.panel)

    @cached_property
    def item_sums(self) -> Panel:
        """The panel with sums of items for outputs; by item only where enough of them are shared for effects to be taken out item by item."""
        sums = item_sums(self.panel, by_item=False)
        shared = most_in_shared_items(self.panel)
        if not shared:
            return sums
        rows = scanned_item_rows(sums)
        arms = (rows.arm_names.index(self.arm),) if self.arm else ()
        needs_items = shared >= ENOUGH_SHARED * fewest_compared(rows, *arms)
        return item_sums(self.panel, by_item=True) if needs_items else sums

    @property
    def item_scan(self) -> ItemScan | None:
        """The second pass over items."""
        return item_scan(self.panel, self.item_sums)

    @cached_property
    def item_rows(self) -> ItemRows:
        """Items that no regression on access tells apart, as one row."""
        return scanned_item_rows(self.item_sums)

    @cached_property
    def task_rows(self) -> TaskRows:
        """The same for task outputs, of the arm compared and the control."""
        return scanned_task_rows(of_arm(self.item_sums, self.arm) if self.arm else self.item_sums)

    @cached_property
    def rent_rows(self) -> RentRows:
        """Pay and rents."""
        return scanned_rent_rows(self.panel)

    def usable_pay(self, *names: str) -> UsablePay:
        """Pay of which the fields named are known."""
        return scanned_pay(self.panel, *names)

    def pay_changes(self, *names: str, with_unit: bool = False) -> PayChanges:
        """Changes of pay of workers of whom the fields named are known."""
        return scanned_changes(self.panel, *names, with_unit=with_unit)
