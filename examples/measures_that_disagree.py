"""Show how alike measures of exposure are, and on which occupations they disagree.

Run ``python examples/measures_that_disagree.py out/store.duckdb [disagreements.csv]``.
"""

import sys

import withintask as wt


def disagreements(store):
    """Return the comparison of one measure a source on the last May of the store."""
    return wt.compare_measures(store)


if __name__ == "__main__":
    found = disagreements(sys.argv[1])
    print(found.correlations)
    print(found.disagreements.head(10))
    if len(sys.argv) > 2:
        found.disagreements.write_csv(sys.argv[2])
