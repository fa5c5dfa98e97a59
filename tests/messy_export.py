"""An export of a help desk as its owner has it: own names, German dates and decimals, zeros, gaps, a roll-out by site."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

WEEKS, SITES, MONDAY = 30, 20, date(2024, 1, 1)
FIRST_LIVE = 12  # weeks after the first Monday
KEPT = 0.6  # share of an agent's ability that still shows with AI
ABILITY_SD, NOISE_SD = 0.4, 0.5


@dataclass(frozen=True, kw_only=True)
class Export:
    n_rows: int
    n_zero: int
    n_empty: int
    live: dict[str, int]  # site -> period in which AI begins there
    gradient: float
    log_sd_change: float


def write_export(file: Path, *, n_agents: int, n_rows: int, seed: int = 1) -> Export:
    random = np.random.default_rng(seed)
    agent = random.integers(0, n_agents, n_rows)
    week = random.integers(0, WEEKS, n_rows)
    site = agent % SITES
    wave = np.arange(SITES) % 4
    start = np.where(wave == 3, WEEKS + 1, FIRST_LIVE + 2 * wave)
    ability = random.normal(0, ABILITY_SD, n_agents)[agent]
    has_ai = week >= start[site]
    log_speed = 2.5 + 0.15 * has_ai + ability * np.where(has_ai, KEPT, 1)
    speed = np.exp(log_speed + random.normal(0, NOISE_SD, n_rows))
    is_zero, is_empty = random.random((2, n_rows)) < [[0.01], [0.004]]
    is_zero &= ~is_empty
    days = [f"{MONDAY + timedelta(days=k):%d.%m.%Y}" for k in range(7 * (WEEKS + 2))]
    live = np.array([days[7 * s] if s < WEEKS else "" for s in start])
    cells = np.char.replace(np.char.mod("%.3f", np.where(is_zero, 0, speed)), ".", ",")
    pl.DataFrame(
        {
            "Ticket No": [f"T{k:07d}" for k in range(n_rows)],
            "Agent": [f"A{k:05d}" for k in agent],
            "Site": [f"site {k:02d}" for k in site],
            "Queue": np.array(["billing", "returns", "technical"])[random.integers(0, 3, n_rows)],
            "Date": np.array(days)[7 * week + random.integers(0, 7, n_rows)],
            "Copilot live": live[site],
            "Resolved per hour": np.where(is_empty, "", cells),
            "Comment": ['said "no"; left' if k % 500 == 0 else "x" for k in range(n_rows)],
        }
    ).write_csv(file, separator=";", include_bom=True, null_value="")
    return Export(
        n_rows=n_rows,
        n_zero=int(is_zero.sum()),
        n_empty=int(is_empty.sum()),
        live={f"site {k:02d}": int(s) + 1 for k, s in enumerate(start) if s < WEEKS},
        gradient=KEPT - 1,
        log_sd_change=float(np.log(KEPT)),
    )
