"""Size of two-stage least squares with few clusters, few of them treated, by kind of errors.

Output has a slope on ability that differs between clusters, N(1, .4); ability is measured twice with noise of its own size,
the second measurement instruments the first, clusters have 8 to 60 rows, and the first few are treated. The tested coefficient,
treatment x ability, is zero on average: a test should reject one in twenty.

    python benchmarks/size_instrumented.py --replicates 1000
"""

import argparse
import math

import numpy as np

import withintask as wt

KINDS = ("CR1", "CR2", "CR3")
CASES = ((6, 3), (8, 2), (8, 4), (12, 3), (20, 4), (20, 10))
SLOPE_SD = 0.4


def rejections(n_clusters: int, n_treated: int, random: np.random.Generator) -> dict[str, bool]:
    """Draw one data set and test it with errors of each kind."""
    cluster = np.repeat(np.arange(n_clusters), random.integers(8, 60, n_clusters))
    ability = random.normal(size=cluster.size)
    first, second = ability + random.normal(size=(2, cluster.size))
    treated = (cluster < n_treated).astype(float)
    slope = 1 + SLOPE_SD * random.normal(size=n_clusters)[cluster]
    y = slope * ability + random.normal(size=cluster.size)
    return {
        kind: wt.fit(
            y,
            np.column_stack([treated * first, first]),
            names=["product", "ability"],
            effects=wt.Effects(absorb=[cluster]),
            instruments=wt.Instruments(
                endogenous=["product", "ability"],
                excluded=np.column_stack([treated * second, second]),
            ),
            inference=wt.Inference(cluster=[cluster], errors=kind),  # type: ignore[arg-type]
        ).p_value[0]
        < 0.05
        for kind in KINDS
    }


def main() -> None:
    """Print shares rejected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    n = settings.replicates
    print(f"Monte-Carlo error of a share of .05: {math.sqrt(0.05 * 0.95 / n):.3f}")
    print("clusters  treated  " + "  ".join(KINDS))
    for n_clusters, n_treated in CASES:
        random = np.random.default_rng(settings.seed)
        draws = [rejections(n_clusters, n_treated, random) for _ in range(n)]
        shares = "  ".join(f"{sum(d[kind] for d in draws) / n:.3f}" for kind in KINDS)
        print(f"{n_clusters:>8}  {n_treated:>7}  {shares}")


if __name__ == "__main__":
    main()
