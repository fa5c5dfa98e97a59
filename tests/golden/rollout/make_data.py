"""An invented staggered roll-out: ``python make_data.py`` writes panel.csv.

Forty-five units over eight periods; starts in periods 4, 5 and 7 or never (0, as csdid counts), of twelve, ten, nine and
fourteen units; effects that grow with time and differ by cohort and unit; weights that differ.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STARTS = {4: 12, 5: 10, 7: 9, 0: 14}
PERIODS = np.arange(1, 9)


def main() -> None:
    random = np.random.default_rng(17)
    start = np.repeat(list(STARTS), list(STARTS.values()))
    lines = ["unit,period,start,weight,y"]
    for unit, first in enumerate(start):
        level, effect = random.normal(scale=0.5), -0.2 - 0.03 * first + random.normal(scale=0.1)
        weight = round(random.uniform(0.5, 2.0), 3)
        for period in PERIODS:
            age = period - first + 1 if first and period >= first else 0
            y = level + 0.05 * period + effect * (1 - np.exp(-0.7 * age)) + random.normal(scale=0.2)
            lines.append(f"{unit},{period},{first},{weight},{y:.6f}")
    (HERE / "panel.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
