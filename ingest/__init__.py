"""From published files to harmonized tables.

Heavy packages load with the first name that is used, so that importing a submodule stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from withintask.ingest.changes import education_changes, occupation_changes
    from withintask.ingest.database import connect, query
    from withintask.ingest.load import load_oews, scan_table
    from withintask.ingest.oews.comparable import Comparable, comparable_codes
    from withintask.ingest.oews.harmonize import Harmonized, harmonize
    from withintask.ingest.oews.recensor import recensor
    from withintask.ingest.oews.segments import PeriodComparison, compare_periods
    from withintask.ingest.oews.writer import write_national_workbook
    from withintask.ingest.store import BuiltStore, build_oews, build_store

_HOMES = {
    "BuiltStore": "store",
    "Comparable": "oews.comparable",
    "Harmonized": "oews.harmonize",
    "PeriodComparison": "oews.segments",
    "build_oews": "store",
    "build_store": "store",
    "comparable_codes": "oews.comparable",
    "compare_periods": "oews.segments",
    "connect": "database",
    "education_changes": "changes",
    "harmonize": "oews.harmonize",
    "load_oews": "load",
    "occupation_changes": "changes",
    "query": "database",
    "recensor": "oews.recensor",
    "scan_table": "load",
    "write_national_workbook": "oews.writer",
}
__all__ = [
    "BuiltStore",
    "Comparable",
    "Harmonized",
    "PeriodComparison",
    "build_oews",
    "build_store",
    "comparable_codes",
    "compare_periods",
    "connect",
    "education_changes",
    "harmonize",
    "load_oews",
    "occupation_changes",
    "query",
    "recensor",
    "scan_table",
    "write_national_workbook",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
