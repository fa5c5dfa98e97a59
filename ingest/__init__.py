"""From published files to harmonized tables.

Heavy packages load with the first name that is used, so that importing a submodule stays cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from withintask.ingest.changes import education_changes, occupation_changes
    from withintask.ingest.database import connect, query
    from withintask.ingest.describe import StoreDescription, describe_store
    from withintask.ingest.exposure.compare import Comparison, compare_measures, exposure_values
    from withintask.ingest.exposure.isco import exposure_by_isco
    from withintask.ingest.exposure.microsoft import recompute_applicability
    from withintask.ingest.exposure.own import add_measure
    from withintask.ingest.load import load_oews, scan_table
    from withintask.ingest.occupation_years import OccupationPanel, occupation_panel
    from withintask.ingest.oews.comparable import Comparable, comparable_codes
    from withintask.ingest.oews.harmonize import Harmonized, harmonize
    from withintask.ingest.oews.recensor import recensor
    from withintask.ingest.oews.segments import PeriodComparison, compare_periods
    from withintask.ingest.oews.writer import write_national_workbook
    from withintask.ingest.store import BuiltStore, build_oews, build_store

_HOMES = {
    "BuiltStore": "store",
    "Comparable": "oews.comparable",
    "Comparison": "exposure.compare",
    "Harmonized": "oews.harmonize",
    "OccupationPanel": "occupation_years",
    "PeriodComparison": "oews.segments",
    "StoreDescription": "describe",
    "add_measure": "exposure.own",
    "build_oews": "store",
    "build_store": "store",
    "comparable_codes": "oews.comparable",
    "compare_measures": "exposure.compare",
    "compare_periods": "oews.segments",
    "connect": "database",
    "describe_store": "describe",
    "education_changes": "changes",
    "exposure_by_isco": "exposure.isco",
    "exposure_values": "exposure.compare",
    "harmonize": "oews.harmonize",
    "load_oews": "load",
    "occupation_changes": "changes",
    "occupation_panel": "occupation_years",
    "query": "database",
    "recensor": "oews.recensor",
    "recompute_applicability": "exposure.microsoft",
    "scan_table": "load",
    "write_national_workbook": "oews.writer",
}
__all__ = [
    "BuiltStore",
    "Comparable",
    "Comparison",
    "Harmonized",
    "OccupationPanel",
    "PeriodComparison",
    "StoreDescription",
    "add_measure",
    "build_oews",
    "build_store",
    "comparable_codes",
    "compare_measures",
    "compare_periods",
    "connect",
    "describe_store",
    "education_changes",
    "exposure_by_isco",
    "exposure_values",
    "harmonize",
    "load_oews",
    "occupation_changes",
    "occupation_panel",
    "query",
    "recensor",
    "recompute_applicability",
    "scan_table",
    "write_national_workbook",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
