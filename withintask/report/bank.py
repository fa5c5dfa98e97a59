"""What a bank of draws holds, for readers."""

from typing import TYPE_CHECKING

import numpy as np

from withintask.report.terminal import print_rows

if TYPE_CHECKING:
    from withintask.tests_of_model.moments.bank import Bank


def print_bank(bank: "Bank") -> None:
    """Print the effective numbers under each prior, what the prior predicts and the quadrature's errors."""
    from withintask.tests_of_model.moments.bank import (
        FEATURES,
        place,
    )
    from withintask.tests_of_model.moments.weights import (
        effective_number,
        normalized,
        weighted_quantile,
    )

    weight = normalized(bank.log_weight())
    rows = []
    for name in FEATURES:
        drawn = bank.features[:, place(name)]
        low, middle, high = weighted_quantile(drawn, weight, (0.025, 0.5, 0.975))
        error = float(np.sqrt(bank.quadrature[place(name), place(name)]))
        rows.append((name, f"{low:.4g}", f"{middle:.4g}", f"{high:.4g}", f"{error:.1g}"))
    header = ("moment", "2.5 percent", "median", "97.5 percent", "quadrature error")
    print_rows(header, rows, title=f"{len(bank.values):,} draws, key {bank.key[:12]}")
    for label, prior in (
        ("the prior", bank.prior),
        ("the prior twice as wide", bank.prior.widened()),
        ("the flat prior", bank.prior.flattened()),
    ):
        n = effective_number(normalized(bank.log_weight(prior)))
        print(f"effective number under {label}: {n:,.0f}")
    print_quadrature(bank)


def print_quadrature(bank: "Bank") -> None:
    """Print ΔGini of income at the parameters given as each quadrature has it, tail cuts included, and the error of a draw."""
    from withintask.tests_of_model.moments.bank import (
        DELTA_GINI_INCOME,
        delta_gini_cut_and_uncut,
        place,
    )
    from withintask.tests_of_model.moments.moments import N_WORKERS

    cut, uncut = delta_gini_cut_and_uncut(bank.base)
    error = np.sqrt(bank.quadrature[place(DELTA_GINI_INCOME), place(DELTA_GINI_INCOME)])
    print(
        f"ΔGini of income at the parameters given: {uncut:.5f} without cut tails, {cut:.5f} at {N_WORKERS:,} points with tails cut; "
        f"error of a draw {error:.1g}"
    )
