"""A laboratory of normal estimates whose standard error is a known function of the design: power in closed form."""

import zlib

import numpy as np
from scipy.special import ndtr, ndtri

from withintask.sim.worlds import NO_AI
from withintask.tests_of_model.harness.power.lab import Results

Z = float(ndtri(0.975))


class NormalLab:
    """Draws estimates N(effect, error²); intervals are too short where `honesty` is below one."""

    def __init__(self, error, effect, *, bias=lambda design: 0.0, honesty=lambda design: 1.0):
        self.error, self.effect, self.bias, self.honesty = error, effect, bias, honesty
        self.n_drawn = 0

    def __call__(self, visits, stage=""):
        return [self.draw(visit) for visit in visits]

    def draw(self, visit):
        truth = 0.0 if visit.world == NO_AI else self.effect
        n = visit.last - visit.first
        self.n_drawn += n
        name = zlib.crc32(f"{visit.design.name} {visit.world}".encode())
        rng = np.random.default_rng([visit.seed, visit.first, name])
        error = self.error(visit.design)
        estimate = (
            truth + self.bias(visit.design) * abs(self.effect) + error * rng.standard_normal(n)
        )
        stated = error * self.honesty(visit.design)
        return Results(
            truth=np.array([truth]),
            estimate=estimate[None],
            conf_low=(estimate - Z * stated)[None],
            conf_high=(estimate + Z * stated)[None],
            p_value=2 * ndtr(-np.abs(estimate / stated))[None],
        )

    def power(self, design):
        """Power in closed form, the other side left out."""
        return float(ndtr(abs(self.effect) / self.error(design) - Z))
