"""Who has access to AI, who uses it, and how much of a firm's capability reaches whom."""

from dataclasses import dataclass

import numpy as np

from withintask.panel.arrays import Array, Codes, Flags
from withintask.sim import equations as eq
from withintask.sim.block import Block
from withintask.sim.sample import worker_team


@dataclass(frozen=True, kw_only=True, eq=False)
class Use:
    """Access and use of AI, (worker, task, period, item) each; an axis along which nothing varies has length 1."""

    is_treated: Flags
    """Whether AI is there and the worker, or the item, was assigned to it or chose it."""
    has_access: Flags
    """Whether AI could be used, as recorded."""
    is_used: Flags
    """Whether it is used."""
    is_recorded: Flags
    """Whether it is used and the record shows it: use without access goes unseen."""


def draw_use(block: Block) -> Use:
    """Return access and use of these workers.

    Notes
    -----
    Access follows assignment. Where use is chosen, all have access after AI's arrival; where assignment is not
    complied with, use without access is not recorded.
    """
    design, draws = block.design, block.draws
    assigned = block.sample.is_treated[:, block.source][:, None, :, None]
    is_there = block.firm_age > 0
    if design.treatment == "randomized_items":
        assigned = draws["item_access"] < design.treated_share
    treated = assigned & is_there
    is_chosen = design.treatment == "self_selected"
    access = np.broadcast_to(block.post > 0, treated.shape) if is_chosen else treated
    if not design.noncompliance:
        return Use(is_treated=treated, has_access=access, is_used=treated, is_recorded=treated)
    deviates = (draws["noncompliance"] < design.noncompliance)[:, None, None, None]
    used = (assigned ^ deviates) & is_there
    return Use(is_treated=treated, has_access=access, is_used=used, is_recorded=used & access)


def reached_capability(block: Block, use: Use) -> Array:
    """Capability that reaches each worker, A_jt a, (worker, task, period, item) as in use.

    Notes
    -----
    With spillover, workers without AI have part of it from teammates who use it; with anticipation, those who will have
    it have part of it in the period before.
    """
    design, sample = block.design, block.sample
    share: Array | Flags = use.is_used
    if design.spillover:
        team = worker_team(sample.worker, sample.firm, design.n_occupations_by_firm)
        share = eq.reached_share(use.is_used, design.spillover, _has_user(team, use.is_used))
    capability: Array = block.firm_capability * share
    if not design.anticipation:
        return capability
    is_next = block.firm_age[:, :, 1:] == 1
    coming = capability[:, :, :-1] + capability[:, :, 1:] * is_next
    now = eq.anticipated(capability[:, :, :-1], coming, design.anticipation)
    return np.concatenate([now, capability[:, :, -1:]], axis=2)


def _has_user(team: Codes, is_used: Flags) -> Flags:
    """Whether anybody of the team uses AI in the period, (worker, 1, period, 1)."""
    member = team - team.min()
    uses = np.asarray(is_used.any(axis=(1, 3)), dtype=np.float64)
    users = np.stack(
        [np.bincount(member, uses[:, period]) for period in range(uses.shape[1])], axis=1
    )
    return np.asarray(users[member][:, None, :, None] > 0)
