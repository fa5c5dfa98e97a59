"""Date the arrival of AI by country, as far as job postings can tell.

Run ``python examples/when_ai_arrived.py out/store.duckdb [arrivals.csv]``. Take the first period of a
panel from it with care: where the 95 % set is every month, the postings do not date it.
"""

import sys

import withintask as wt


def arrival_by_country(store):
    """Return the month in which postings turned, with its 95 % set."""
    return wt.arrivals(wt.scan_table(store, "ai_posting").collect())


if __name__ == "__main__":
    found = arrival_by_country(sys.argv[1])
    print(found)
    if len(sys.argv) > 2:
        found.write_csv(sys.argv[2])
