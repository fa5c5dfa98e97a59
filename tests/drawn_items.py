"""Panels of items with known ability and noise, for tests and for the study in docs/items.md."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from withintask.panel.panel import Panel, PanelInfo


@dataclass(frozen=True, kw_only=True)
class Items:
    """How items are drawn; lengths in items, spreads in log points."""

    form: str = "within"
    """What varies: access within workers, between them, before and after, or both."""
    n_workers: int = 60
    """Workers, in each group where there are two."""
    n_items: int = 4
    """Items of a worker on each side."""
    ability_sd: float = 0.4
    """Spread of ability without AI."""
    noise: float = 0.5
    """Noise of a single item without AI."""
    gap: float = -0.25
    """AI multiplies the spread of ability by 1 + gap."""
    kept: float = 1.0
    """Correlation of a worker's ability with AI and without."""
    effect_sd: float = 0.0
    """Spread of a worker's effect that has nothing to do with ability."""
    noise_ratio: float = 1.0
    """AI multiplies noise by this."""
    persistence: float = 0.0
    """Correlation of the noise of neighbouring items."""
    item_sd: float = 0.0
    """Spread of difficulty."""
    is_shared: bool = False
    """Whether all workers do the same items."""
    heavy_tails: bool = False
    """Noise of Student's t with three degrees of freedom."""
    missing: float = 0.0
    """Share of items that are not there."""
    unequal: bool = False
    """Whether workers do from a third of the items to all of them."""
    n_tasks: int = 1
    """Tasks, which items take in turn."""
    n_firms: int = 1
    """Firms, of near-equal size."""

    @property
    def has_groups(self) -> bool:
        """Whether some workers never have access."""
        return self.form in ("between", "difference")

    def truth(self) -> dict[str, float]:
        """Return the terms' true values."""
        before = self.ability_sd**2
        after = (1 + self.gap) ** 2 * before + self.effect_sd**2
        if self.form == "difference":
            # Controls' ability changes by as much that has nothing to do with AI.
            before += self.effect_sd**2
        gradient = (1 + self.gap) * self.kept - (self.kept if self.form == "difference" else 1)
        return {
            "delta_log_sd": float(np.log(after / before) / 2),
            "delta_log_cv_net": float(np.log(np.expm1(after) / np.expm1(before)) / 2),
            "ability_gradient_net": gradient,
            "delta_log_noise": float(np.log(self.noise_ratio)),
        }


def draw_items(settings: Items, random: np.random.Generator) -> Panel:
    """Draw a panel of items."""
    s = settings
    n_workers = s.n_workers * (2 if s.has_groups else 1)
    n_all = s.n_items * (1 if s.form == "between" else 2)
    is_treated = (np.arange(n_workers) < s.n_workers)[:, None]
    place = np.broadcast_to(np.arange(n_all), (n_workers, n_all))
    if s.form == "within":
        side = np.argsort(random.random((n_workers, n_all)), axis=1) % 2
    elif s.form == "between":
        side = np.broadcast_to(is_treated, place.shape).astype(int)
    else:
        side = (place >= s.n_items).astype(int)
    has_ai = (side == 1) & is_treated
    ability = _ability(s, random, is_treated[:, 0])
    noise = s.noise * _noise(s, random, place.shape) * np.where(has_ai, s.noise_ratio, 1.0)
    difficulty = s.item_sd * random.standard_normal(n_all if s.is_shared else place.shape)
    value = np.where(side == 1, ability[1][:, None], ability[0][:, None]) + noise + difficulty
    kept = random.random(place.shape) >= s.missing
    if s.unequal:
        done = np.ceil(s.n_items * random.uniform(1 / 3, 1, n_workers))[:, None]
        kept &= (place % s.n_items < np.maximum(done, 2)) | (s.form == "within" and place < 4)
    worker = np.broadcast_to(np.arange(n_workers)[:, None], place.shape)
    columns = {
        "worker_id": worker,
        "task_id": place % s.n_tasks,
        "firm_id": worker * s.n_firms // n_workers,
        "item_id": place if s.is_shared else worker * n_all + place,
        "period": side if s.form in ("before_after", "difference") else np.ones_like(place),
        "sequence": place,
        "ai_access": has_ai,
        "output": np.exp(value + 0.3 * has_ai),
    }
    outputs = pl.DataFrame({name: np.asarray(column)[kept] for name, column in columns.items()})
    ids = pl.col("worker_id", "task_id", "firm_id", "item_id").cast(pl.String)
    info = PanelInfo(name="drawn items", first_ai_period=1, is_synthetic=True)
    return Panel(info=info, outputs=outputs.with_columns(ids))


def _ability(s: Items, random: np.random.Generator, is_treated: np.ndarray) -> np.ndarray:
    """Ability without AI (or before) and with it (or after), (2, worker)."""
    score, other, effect = random.standard_normal((3, is_treated.size))
    factor = np.where(is_treated, 1 + s.gap, 1.0)
    after = factor * (s.kept * score + np.sqrt(1 - s.kept**2) * other)
    return np.stack([s.ability_sd * score, s.ability_sd * after + s.effect_sd * effect])


def _noise(s: Items, random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Noise of unit variance, AR(1) over a worker's items."""
    draws = (
        random.standard_t(3, shape) / np.sqrt(3) if s.heavy_tails else random.standard_normal(shape)
    )
    for k in range(1, shape[1] if s.persistence else 0):
        draws[:, k] *= np.sqrt(1 - s.persistence**2)
        draws[:, k] += s.persistence * draws[:, k - 1]
    return draws
