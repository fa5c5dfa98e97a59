"""All adapters and all tables of a store."""

from withintask.ingest import postings
from withintask.ingest.adapters import Adapter
from withintask.ingest.exposure import (
    aioe,
    anthropic_index,
    anthropic_raw,
    gpts_are_gpts,
    ilo,
    microsoft,
    observed,
    own,
    patents,
)
from withintask.ingest.exposure.schema import (
    ACTIVITY_WEIGHT,
    AI_USE,
    EXPOSURE_ACTIVITY,
    EXPOSURE_MEASURE,
    EXPOSURE_OCCUPATION,
    EXPOSURE_TASK,
)
from withintask.ingest.oews.audit import AUDIT
from withintask.ingest.oews.comparable import COMPARABLE
from withintask.ingest.oews.reference import SOC_BRIDGE
from withintask.ingest.oews.schema import OEWS
from withintask.ingest.onet import read as onet
from withintask.ingest.onet.schema import ONET_JOB_ZONE, ONET_RATING, ONET_TASK
from withintask.ingest.postings import AI_POSTING
from withintask.ingest.sources import SOURCE
from withintask.ingest.tables import Table

ADAPTERS: tuple[Adapter, ...] = (
    *gpts_are_gpts.ADAPTERS,
    *anthropic_index.ADAPTERS,
    *aioe.ADAPTERS,
    *microsoft.ADAPTERS,
    *observed.ADAPTERS,
    *anthropic_raw.ADAPTERS,
    *ilo.ADAPTERS,
    *patents.ADAPTERS,
    *own.ADAPTERS,
    *postings.ADAPTERS,
    *onet.ADAPTERS,
)

OEWS_TABLES: tuple[Table, ...] = (OEWS, COMPARABLE, SOC_BRIDGE, AUDIT, SOURCE)
TABLES: tuple[Table, ...] = (
    OEWS,
    COMPARABLE,
    EXPOSURE_OCCUPATION,
    EXPOSURE_TASK,
    EXPOSURE_ACTIVITY,
    ACTIVITY_WEIGHT,
    EXPOSURE_MEASURE,
    AI_USE,
    AI_POSTING,
    ONET_TASK,
    ONET_JOB_ZONE,
    ONET_RATING,
    SOC_BRIDGE,
    AUDIT,
    SOURCE,
)
