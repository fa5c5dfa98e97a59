"""A lazy panel as estimators see it: sums of its rows, made in passes over them, none of which stays in memory."""

from functools import cached_property

from withintask.tests_of_model.samples.firm_moments import FirmMoments, scanned_firm_moments
from withintask.tests_of_model.samples.pay_changes import PayChanges
from withintask.tests_of_model.samples.pay_rows import UsablePay
from withintask.tests_of_model.samples.postings import PostingRows, scanned_posting_rows
from withintask.tests_of_model.samples.rents import RentRows, scanned_rent_rows
from withintask.tests_of_model.samples.sample import Sample
from withintask.tests_of_model.samples.scanned_pay import scanned_changes, scanned_pay


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
    def rent_rows(self) -> RentRows:
        """Pay and rents."""
        return scanned_rent_rows(self.panel)

    def usable_pay(self, *names: str) -> UsablePay:
        """Pay of which the fields named are known."""
        return scanned_pay(self.panel, *names)

    def pay_changes(self, *names: str, with_unit: bool = False) -> PayChanges:
        """Changes of pay of workers of whom the fields named are known."""
        return scanned_changes(self.panel, *names, with_unit=with_unit)
