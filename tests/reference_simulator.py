"""The simulator in plain loops: slow, without arrays, to be laid beside the paper.

It is handed an economy and the shocks, and works everything else out one worker, task, period, item and rater at a time;
each table is a method that returns plain rows.
"""

import math

from reference_economy import ReferenceEconomy
from scipy.special import ndtr, ndtri
from scipy.stats import poisson


class ReferencePanel:
    """Rows of a panel, worked out one by one."""

    def __init__(self, economy, design, shocks):
        self.e = ReferenceEconomy(economy)
        self.p, self.d = economy.params, design
        self.draw = {name: values.tolist() for name, values in shocks.draws.items()}
        self.firm = [i * design.n_firms // design.n_workers for i in range(design.n_workers)]
        self.occupation_type = self._occupation_types()
        self.tasks = self._tasks()
        self.delay = self._delays()
        self.states = [self._state(t) for t in range(design.n_periods)]
        self.slopes = {}

    def is_post(self, period):
        return period >= self.d.n_pre

    def source(self, period):
        return period if self.d.is_repeated_cross_section else 0

    def _occupation_types(self):
        exposed = [o for o, row in enumerate(self.e.x) if max(row) > 0]
        unexposed = [o for o, row in enumerate(self.e.x) if max(row) == 0]
        u = self.draw["occupation"]
        n_unexposed = round(len(u) * len(unexposed) / len(self.e.x))
        types = []
        for number, draw in enumerate(u):
            kind = unexposed if number < n_unexposed and unexposed else exposed
            types.append(kind[int(draw * len(kind))])
        return types

    def _tasks(self):
        """(exposure, skill type) of the tasks of each panel occupation, or of all workers under None."""
        d, e = self.d, self.e
        if d.task_sampling == "occupations":
            return {
                o: [(e.x[kind][j], e.skill_of_task[j]) for j in range(d.n_tasks)]
                for o, kind in enumerate(self.occupation_type)
            }
        cells = [(o, j) for o in range(len(e.x)) for j in range(len(e.x[0]))]
        exposed = [c for c in cells if e.x[c[0]][c[1]] > 0]
        unexposed = [c for c in cells if e.x[c[0]][c[1]] == 0]
        picked = []
        for number, u in enumerate(self.draw["cell"]):
            kind = exposed if number < d.n_tasks else unexposed
            o, j = kind[int(u * len(kind))]
            picked.append((e.x[o][j], e.skill_of_task[j]))
        return {None: picked}

    def _delays(self):
        d = self.d
        if not d.treatment.startswith("staggered"):
            return [0] * d.n_firms
        opposed = d.treatment == "staggered_opposed"
        order = [-a for a in self.draw["assets"]] if opposed else self.draw["adoption"]
        rank = {j: r for r, j in enumerate(sorted(range(d.n_firms), key=lambda j: order[j]))}
        return [rank[j] * (d.n_post + 1) // d.n_firms for j in range(d.n_firms)]

    def _frontier(self, age):
        if age <= 0:
            return 0.0
        if self.d.treatment.startswith("staggered"):
            return self.p.capability * (1 - math.exp(-self.p.capability_rate * age))
        return self.p.capability

    def _state(self, period):
        return self.e.state(self._frontier(period - self.d.n_pre + 1))

    def age(self, firm, period):
        return max(period - self.d.n_pre - self.delay[firm] + 1, 0)

    def kind(self, firm):
        n = len(self.e.kinds)
        start = 0 if self.d.n_firms % n == 0 else math.floor(n * self.draw["industry"][0])
        return (start + firm) % n

    # Workers

    def occupation(self, worker):
        d = self.d
        by_firm = d.n_occupations_by_firm
        return (
            (self.firm[worker] * by_firm + worker % by_firm) % d.n_occupations
            if d.n_occupations
            else 0
        )

    def score(self, worker, source):
        sorting = self.d.ability_sorting
        own = self.draw["ability"][worker][source]
        return sorting * self.draw["assets"][self.firm[worker]] + math.sqrt(1 - sorting**2) * own

    def log_ability(self, worker, source):
        return self.p.ability_sd * self.score(worker, source) - self.p.ability_sd**2 / 2

    def education(self, worker, source, k):
        return self.education_at(self.score(worker, source), worker, source, k)

    def education_at(self, score, worker, source, k):
        p, taste = self.p, self.draw["taste"][worker][source][k]
        return max(0.0, p.educ_mean + p.educ_ability_slope * score + p.educ_taste_sd * taste)

    def skill(self, worker, source):
        return self.skill_at(self.score(worker, source), worker, source)

    def skill_at(self, score, worker, source):
        p = self.p
        theta = math.exp(p.ability_sd * score - p.ability_sd**2 / 2)
        years = [self.education_at(score, worker, source, k) for k in (0, 1)]
        return [theta * math.exp(p.return_per_year * e) for e in years]

    def is_treated(self, worker, source):
        d = self.d
        if d.treatment == "self_selected":
            tie = d.ability_selection
            own = self.draw["use_taste"][worker]
            wish = tie * self.score(worker, source) + math.sqrt(1 - tie**2) * own
            return wish > -float(ndtri(d.treated_share))
        if d.treatment == "randomized":
            return self._is_early(worker, self.team(worker), self.draw["access_rank"])
        if d.treatment == "randomized_firms":
            return self._is_early(self.firm[worker], range(d.n_firms), self.draw["adoption"])
        return True

    def team(self, worker):
        by_firm = self.d.n_occupations_by_firm
        return [
            i
            for i in range(self.d.n_workers)
            if self.firm[i] == self.firm[worker] and i % by_firm == worker % by_firm
        ]

    def _is_early(self, member, members, draws):
        before = sum(draws[i] < draws[member] for i in members)
        return (before + 1 / 2) / len(members) < self.d.treated_share

    def is_lost(self, worker, period):
        d, source = self.d, self.source(period)
        if not self.is_post(period):
            return False
        low = 2 * float(ndtr(-self.score(worker, source)))
        if d.attrition and self.draw["attrition"][worker] < d.attrition * low:
            return True
        is_exposed = d.arm_attrition and self.is_treated(worker, source)
        return bool(is_exposed and self.draw["arm_attrition"][worker] < d.arm_attrition * low)

    def is_unsampled(self, worker, period):
        share = self.share_unsampled(worker, period)
        return bool(share and self.draw["sampled"][worker] < share)

    def share_unsampled(self, worker, period):
        low = float(ndtr(-self.score(worker, self.source(period))))
        return 2 * self.d.undersampling * low

    # Tables

    def outputs(self):
        d, rows = self.d, []
        n_tasks = d.n_tasks + d.n_control_tasks
        for i in range(d.n_workers):
            own = None if d.task_sampling == "cells" else self.occupation(i)
            for j in range(n_tasks):
                for t in range(d.n_periods):
                    if self.is_unsampled(i, t) or self.is_lost(i, t):
                        continue
                    if self._is_moved(i, j, t, self.tasks[own][j][0]):
                        continue
                    for k in range(d.n_items):
                        rows += [
                            self._output_row(i, j, t, k, r, own, n_tasks) for r in range(d.n_raters)
                        ]
        return rows

    def _is_moved(self, worker, task, period, exposure):
        d = self.d
        if not d.task_reassignment or not self.is_post(period) or exposure == 0:
            return False
        chance = 2 * d.task_reassignment * float(ndtr(-self.score(worker, self.source(period))))
        return self.draw["reassignment"][worker][task] < chance

    def is_assigned(self, i, j, t, k):
        """Whether the worker, or the item, is in the treated arm."""
        if self.d.treatment == "randomized_items":
            return self.draw["item_access"][i][j][t][k] < self.d.treated_share
        return self.is_treated(i, self.source(t))

    def uses(self, i, j, t, k):
        """Whether AI is used, by those to whom it was assigned or by those who deviate."""
        if self.age(self.employer(i, t), t) == 0:
            return False
        deviates = self.d.noncompliance and self.draw["noncompliance"][i] < self.d.noncompliance
        return self.is_assigned(i, j, t, k) != bool(deviates)

    def _output_row(self, i, j, t, k, r, own, n_tasks):
        d = self.d
        is_there = self.age(self.employer(i, t), t) > 0
        has_access = self.is_assigned(i, j, t, k) and is_there
        if d.treatment == "self_selected":
            has_access = self.is_post(t)
        cell = (i * n_tasks + j) * d.n_periods + t
        task = j if own is None else own * n_tasks + j
        place = (t * n_tasks + j) * d.n_items + k
        return {
            "worker_id": f"r{cell:07d}" if d.is_repeated_cross_section else f"w{i:07d}",
            "task_id": f"t{task:07d}",
            "period": t,
            "item_id": f"k{self._item(i, j, t, k, task):07d}",
            "rater_id": f"v{r:07d}",
            "sequence": k if d.is_repeated_cross_section else place,
            "firm_id": f"f{self.employer(i, t):07d}",
            "ai_access": has_access,
            "ai_use": float(has_access and self.uses(i, j, t, k)),
            "arm": self._arm(i, j, t, k),
            "weight": 1 / (1 - self.share_unsampled(i, t)),
            "output": self._recorded(i, j, t, k, r, own),
            "rating_ceiling": {"positive": self._ceiling(), "score": d.score_ceiling}.get(
                d.outcome
            ),
        }

    def _arm(self, i, j, t, k):
        """Arm of a trial's worker, or of its item once there is AI to assign to it."""
        is_trial = self.d.treatment.startswith("randomized")
        if not is_trial or (self.d.treatment == "randomized_items" and not self.is_post(t)):
            return None
        return "ai" if self.is_assigned(i, j, t, k) else "control"

    def _item(self, i, j, t, k, task):
        """Number of an item among all, or among those that workers share."""
        d = self.d
        n_tasks = d.n_tasks + d.n_control_tasks
        cell = task if d.is_item_shared else i * n_tasks + j
        return (cell * d.n_periods + t) * d.n_items + k

    def _ceiling(self):
        return self.d.rating_ceiling * self.mean_output() if self.d.rating_ceiling else None

    def mean_output(self):
        return self.p.task_productivity * self.e.h_mean[0]

    def _recorded(self, i, j, t, k, r, own):
        """Eq. (11): what a rater records of an item."""
        d = self.d
        y = self._rated(i, j, t, k, r, own)
        relative = y / self.mean_output()
        if d.outcome == "count":
            return float(poisson.ppf(self.draw["outcome"][i][j][t][k][r], d.count_mean * relative))
        if d.outcome == "binary":
            chance = 1 / (1 + math.exp(-d.log_odds_slope * math.log(relative)))
            return float(self.draw["outcome"][i][j][t][k][r] < chance)
        if d.outcome == "score":
            score = (d.score_floor + d.score_ceiling) / 2 + d.score_slope * math.log(relative)
            return min(max(score, d.score_floor), d.score_ceiling)
        return {"positive": y, "time": 1 / y, "log": math.log(y)}[d.outcome]

    def _rated(self, i, j, t, k, r, own):
        d = self.d
        y = self._output(i, j, t, k, own)
        if d.output_noise:
            sd = d.output_noise * (d.ai_noise_ratio if self.uses(i, j, t, k) else 1)
            y *= math.exp(sd * self._noise(i, j, t, k) - d.output_noise**2 / 2)
        if d.item_sd:
            y *= math.exp(d.item_sd * self._difficulty(i, j, t, k, own) - d.item_sd**2 / 2)
        if d.rater_noise:
            draw = self.draw["rater_noise"][i][j][t][k][r]
            y *= math.exp(d.rater_noise * draw - d.rater_noise**2 / 2)
        return min(y, self._ceiling()) if d.rating_ceiling else y

    def _noise(self, i, j, t, k):
        """Autoregression along the worker's items by period, task and item; cross-sections have items only."""
        d, draw = self.d, self.draw["output_noise"][i]
        if not d.noise_persistence:
            return draw[j][t][k]
        if d.is_repeated_cross_section:
            chain = draw[j][t][: k + 1]
        else:
            chain = [z for s in range(d.n_periods) for cells in draw for z in cells[s]]
            chain = chain[: (t * len(draw) + j) * d.n_items + k + 1]
        noise = chain[0]
        for z in chain[1:]:
            noise = d.noise_persistence * noise + math.sqrt(1 - d.noise_persistence**2) * z
        return noise

    def _difficulty(self, i, j, t, k, own):
        if self.d.is_item_shared:
            return self.draw["item_difficulty"][0 if own is None else own][j][t][k]
        return self.draw["own_item_difficulty"][i][j][t][k]

    def capability_reached(self, i, j, t, k):
        """Capability that reaches a worker: the firm's where AI is used, or part of it from teammates."""
        p, d, e = self.p, self.d, self.e
        firm = self.employer(i, t)
        eta1 = e.kinds[self.kind(firm)][0]
        deployed = self._frontier(self.age(firm, t)) * (
            p.commodity + eta1 * e.kappa(self.draw["assets"][firm])
        )
        if self.uses(i, j, t, k):
            return deployed
        if d.spillover:
            n_tasks = d.n_tasks + d.n_control_tasks
            cells = [(z, n) for z in range(n_tasks) for n in range(d.n_items)]
            if any(self.uses(mate, z, t, n) for mate in self.team(i) for z, n in cells):
                return d.spillover * deployed
        return 0.0

    def _output(self, i, j, t, k, own):
        """Eq. (1) and the nuisances, before measurement."""
        p, d, e = self.p, self.d, self.e
        exposure, skill_type = self.tasks[own][j]
        score = self.score(i, self.source(t))
        is_used = self.uses(i, j, t, k)
        if d.reranking and is_used and exposure > 0:
            draw = self.draw["reranking"][i][self.source(t)]
            score = math.sqrt(1 - d.reranking**2) * score + d.reranking * draw
        h = self.skill_at(score, i, self.source(t))[skill_type]
        reached = self.capability_reached(i, j, t, k)
        if d.anticipation and t + 1 < d.n_periods and self.age(self.employer(i, t + 1), t + 1) == 1:
            reached += d.anticipation * self.capability_reached(i, j, t + 1, k)
        m = p.ai_floor * e.augmented(exposure, p.capability) * reached
        y = p.task_productivity * h + m * e.response(h, skill_type)
        y *= math.exp(self._log_change(i, j, t, k, exposure))
        if self.is_post(t):
            center = math.log(self.mean_output())
            y = math.exp(center + (1 - d.method_break * exposure) * (math.log(y) - center))
        return y

    def _log_change(self, i, j, t, k, exposure):
        """What changes log output without any effect of AI."""
        d, score, change = self.d, self.score(i, self.source(t)), 0.0
        is_treated = self.is_assigned(i, j, t, k) and self.age(self.employer(i, t), t) > 0
        if self.is_post(t):
            change += d.occupation_shock * exposure + self.firm_shock(self.employer(i, t))
        if is_treated:
            change += d.hawthorne * (1 - d.hawthorne_slope * score) - d.item_choice * score
        if self.uses(i, j, t, k):
            change += d.quality_tradeoff * exposure
            if d.effect_sd:
                draw = self.draw["worker_effect"][i][self.source(t)]
                change += d.effect_sd * draw * exposure
        done = t * d.n_items + k
        return change + d.practice * math.log(1 + done) * (1 - d.practice_slope * score)

    def firm_shock(self, firm):
        d = self.d
        if not d.firm_shock_sd:
            return 0.0
        tie, own = d.firm_shock_assets, self.draw["firm_shock"][firm]
        draw = tie * self.draw["assets"][firm] + math.sqrt(1 - tie**2) * own
        return d.firm_shock_sd * draw - d.firm_shock_sd**2 / 2

    def employer(self, worker, period):
        firm = self.firm[worker]
        if self.d.mobility and self.d.has_pay:
            for t in range(1, period + 1):
                if self.draw["move"][worker][t] < self.d.mobility:
                    firm = self._destination(worker, t)
        return firm

    def _destination(self, worker, period):
        d, u = self.d, self.draw["destination"][worker][period]
        if not d.mobility_sorting:
            return int(u * d.n_firms)
        tie, score = d.mobility_sorting, self.score(worker, self.source(period))
        rank = float(ndtr(tie * score + math.sqrt(1 - tie**2) * float(ndtri(u))))
        poorest_first = sorted(range(d.n_firms), key=lambda j: self.draw["assets"][j])
        return poorest_first[min(int(rank * d.n_firms), d.n_firms - 1)]

    def pay(self):
        rows = []
        for i in range(self.d.n_workers):
            for t in range(self.d.n_periods):
                if not self.is_lost(i, t):
                    rows.append(
                        {
                            "worker_id": f"w{i:07d}",
                            "period": t,
                            "firm_id": f"f{self.employer(i, t):07d}",
                            "pay": self._pay(i, t),
                        }
                    )
        return rows

    def _pay(self, i, t):
        d, e = self.d, self.e
        amount = self._plain_pay(i, t, self.states[t])
        if d.anticipation and t == d.n_pre - 1 and d.n_post:
            amount += d.anticipation * (self._plain_pay(i, t, self.states[t + 1]) - amount)
        firm = self.employer(i, t)
        log_extra = d.pay_noise * self.draw["pay_noise"][i][t] - d.pay_noise**2 / 2
        log_extra += d.firm_premium_sd * self.draw["firm_premium"][firm] - d.firm_premium_sd**2 / 2
        if self.is_post(t):
            log_extra += self.firm_shock(firm) + self._exposed_pay_change(i, t)
        return amount * math.exp(log_extra) / e.v_bar

    def _plain_pay(self, i, t, state):
        """Eq. (5) in a state of the economy, before noise."""
        firm, kind = self.employer(i, t), self.occupation_type[self.occupation(i)]
        human = self.e.human_pay(self.skill(i, self.source(t)), kind, state)
        return human * self.e.premium(self.draw["assets"][firm], self.kind(firm), state)

    def _exposed_pay_change(self, i, t):
        d, o = self.d, self.occupation(i)
        row = self.e.x[self.occupation_type[o]]
        exposure = sum(row) / len(row)
        change = d.occupation_shock * exposure
        if d.effect_sd:
            sd = d.effect_sd * exposure
            change += sd * self.draw["worker_effect"][i][self.source(t)] - sd**2 / 2
        if d.occupation_effect_sd:
            sd = d.occupation_effect_sd * exposure
            change += sd * self.draw["occupation_effect"][o] - sd**2 / 2
        return change

    def occupation_pay(self):
        """Sorted pay of those who are surveyed, by occupation and period, after a change of method."""
        d = self.d
        pay = {(i, t): self._pay(i, t) for i in range(d.n_workers) for t in range(d.n_periods)}
        center = math.fsum(math.log(w) for w in pay.values()) / len(pay)
        cells = {}
        for (i, t), amount in pay.items():
            if self.is_lost(i, t):
                continue
            o = self.occupation(i)
            row = self.e.x[self.occupation_type[o]]
            shrink = 1 - d.method_break * sum(row) / len(row) if self.is_post(t) else 1.0
            value = math.exp(center + shrink * (math.log(amount) - center))
            cells.setdefault((f"o{o:07d}", t), []).append(value)
        return {cell: sorted(values) for cell, values in cells.items()}

    def workers(self):
        rows = []
        for i in range(self.d.n_workers):
            row = {"worker_id": f"w{i:07d}"}
            for column, noise in (
                ("ability_log", "ability_noise"),
                ("ability_retest_log", "ability_retest_noise"),
            ):
                if noise in self.draw:
                    row[column] = (
                        self.log_ability(i, 0) + self.d.ability_noise * self.draw[noise][i]
                    )
            for k, name in enumerate(("cog", "soc")):
                row[f"educ_{name}"] = self.education(i, 0, k)
            rows.append(row)
        return rows

    def firms(self):
        rows = []
        for j in range(self.d.n_firms):
            score = self.draw["assets"][j]
            for t, state in enumerate(self.states):
                frontier = self._frontier(self.age(j, t))
                eta1 = self.e.kinds[self.kind(j)][0]
                rows.append(
                    {
                        "firm_id": f"f{j:07d}",
                        "period": t,
                        "assets": math.exp(self.e.log_sd * score),
                        "rent_per_worker": self.e.rent(score, self.kind(j), state) / self.e.v_bar,
                        "human_pay_mean": state["hc_mean"] / self.e.v_bar,
                        "ai_capability": frontier * (self.p.commodity + eta1 * self.e.kappa(score)),
                    }
                )
        return rows

    def slope(self, occupation, period):
        kind = self.occupation_type[occupation]
        capability = self.p.capability if self.is_post(period) else 0.0
        if (kind, capability) not in self.slopes:
            self.slopes[kind, capability] = self.e.signal_slope(kind, capability)
        return self.slopes[kind, capability]

    def postings(self):
        rows = []
        for o in range(self.d.n_occupations):
            for t in range(self.d.n_periods):
                chance = self._requirement(o, t)
                for u in self.draw["credential"][o][t]:
                    rows.append(
                        {
                            "occupation_code": f"o{o:07d}",
                            "period": t,
                            "is_credential_required": u < chance,
                        }
                    )
        return rows

    def _requirement(self, o, t):
        d = self.d
        chance = self.e.requirement(self.slope(o, t))
        if d.anticipation and t == d.n_pre - 1 and d.n_post:
            chance += d.anticipation * (self.e.requirement(self.slope(o, t + 1)) - chance)
        if not self.is_post(t):
            return chance
        row, shift = self.e.x[self.occupation_type[o]], d.credential_drift
        if d.credential_effect_sd:
            shift += d.credential_effect_sd * self.draw["credential_effect"][o]
        log_odds = math.log(chance / (1 - chance)) + shift * sum(row) / len(row)
        return 1 / (1 + math.exp(-log_odds))

    def screening(self):
        p, d, draw, rows = self.p, self.d, self.draw, []
        for o in range(d.n_occupations):
            for t in range(d.n_periods):
                for a in range(d.n_applicants_by_occupation):
                    theta = p.ability_sd * draw["applicant_ability"][o][t][a] - p.ability_sd**2 / 2
                    sample = (
                        self.slope(o, t) * theta
                        + p.work_sample_noise * draw["work_sample_noise"][o][t][a]
                    )
                    rows.append(
                        {
                            "occupation_code": f"o{o:07d}",
                            "period": t,
                            "work_sample_log": sample,
                            "credential_log": theta
                            + p.credential_noise * draw["credential_noise"][o][t][a],
                            "later_output_log": theta
                            + d.later_output_noise * draw["later_output_noise"][o][t][a],
                        }
                    )
        return rows
