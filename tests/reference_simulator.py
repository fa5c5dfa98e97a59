"""The simulator in plain loops: slow, without arrays, to be laid beside the paper.

It is handed the quadrature (workers' ability and schooling, firm nodes, exposure) and the shocks, and works everything
else out one worker, task and period at a time. ``reference_panel`` returns plain rows by table.
"""

import math

from scipy.special import ndtr, ndtri

# Economy ------------------------------------------------------------------------------------------


class ReferenceEconomy:
    """Prices, rents and screening of a population, from equations (1), (3)-(5) and (9)."""

    def __init__(self, economy):
        p, pop = economy.params, economy.population
        self.p = p
        self.skill_of_task = [int(k) for k in pop.task_skill]
        self.x = pop.exposure.tolist()
        self.h = pop.workers.human_capital.tolist()
        n = len(self.h)
        self.h_mean = [math.fsum(row[k] for row in self.h) / n for k in (0, 1)]
        self.log_sd = math.sqrt(2) * float(ndtri((1 + p.asset_gini) / 2))
        self.node = pop.firm_score.tolist()
        self.node_weight = pop.firm_weight.tolist()
        self.kappa_mean = math.fsum(
            w * math.exp(p.capital_intensity * self.log_sd * s)
            for s, w in zip(self.node, self.node_weight, strict=True)
        )
        self.kinds = list(
            zip(
                pop.industries.proprietary.tolist(),
                pop.industries.rent_sharing.tolist(),
                strict=True,
            )
        )
        self.v_bar = self.state(0.0)["hc_mean"]

    def reach(self, capability):
        return 1 - math.exp(-self.p.reach_rate * capability) if capability > 0 else 0.0

    def augmented(self, x, capability):
        return x if x > 0 and x >= 1 - self.reach(capability) else 0.0

    def response(self, h, k):
        s = h / self.h_mean[k]
        mu, rho = self.p.ai_multiplicative, self.p.task_substitution
        return mu * s + (1 - mu) * s ** (1 - rho)

    def kappa(self, score):
        return math.exp(self.p.capital_intensity * self.log_sd * score) / self.kappa_mean

    def state(self, capability):
        p = self.p
        n = len(self.h)
        mean_response = [math.fsum(self.response(row[k], k) for row in self.h) / n for k in (0, 1)]
        cells = []
        for row in self.x:
            for task, x in enumerate(row):
                k = self.skill_of_task[task]
                human = p.task_productivity * self.h_mean[k]
                gain = p.ai_floor * self.augmented(x, capability) * mean_response[k]
                ratio = 1 + capability * (p.commodity + p.proprietary) * gain / human
                cells.append((human, gain, ratio))
        total = math.fsum(human for human, _, _ in cells)
        if p.substitution == 1:
            final = math.exp(math.fsum(h / total * math.log(r) for h, _, r in cells))
        else:
            power = (p.substitution - 1) / p.substitution
            final = math.fsum(h / total * r**power for h, _, r in cells) ** (1 / power)
        prices = [(final / r) ** (1 / p.substitution) for _, _, r in cells]
        hc = gain_value = 0.0
        for price, (human, gain, _) in zip(prices, cells, strict=True):
            hc += price * (human + p.commodity * capability * gain) / len(cells)
            gain_value += price * gain / len(cells)
        n_tasks = len(self.x[0])
        by_occupation = [prices[o * n_tasks : (o + 1) * n_tasks] for o in range(len(self.x))]
        return {"A": capability, "price": by_occupation, "hc_mean": hc, "gain_value": gain_value}

    def human_pay(self, h, occupation, state):
        """Eq. (4), for a worker with human capital h = (h_C, h_S)."""
        p, total = self.p, 0.0
        for task, x in enumerate(self.x[occupation]):
            k = self.skill_of_task[task]
            u = p.ai_floor * self.augmented(x, state["A"]) * self.response(h[k], k)
            output = p.task_productivity * h[k] + p.commodity * state["A"] * u
            total += state["price"][occupation][task] * output / len(self.x[occupation])
        return total

    def rent(self, score, kind, state):
        p = self.p
        proprietary = self.kinds[kind][0] * state["A"] * state["gain_value"]
        return self.kappa(score) * (p.base_rent * self.v_bar + proprietary)

    def premium(self, score, kind, state):
        return (1 + self.rent(score, kind, state) / state["hc_mean"]) ** self.kinds[kind][1]

    def signal_slope(self, occupation, capability):
        """Eq. (9): mean elasticity over exposed tasks, firms of all kinds and workers."""
        p, slopes = self.p, []
        for task, x in enumerate(self.x[occupation]):
            if x == 0:
                continue
            k = self.skill_of_task[task]
            total = 0.0
            for eta1, _ in self.kinds:
                for score, weight in zip(self.node, self.node_weight, strict=True):
                    deployed = capability * (p.commodity + eta1 * self.kappa(score))
                    m = p.ai_floor * self.augmented(x, capability) * deployed
                    for row in self.h:
                        total += weight * self._elasticity(row[k], k, m) / len(self.h)
            slopes.append(total / len(self.kinds))
        return sum(slopes) / len(slopes) if slopes else 1.0

    def _elasticity(self, h, k, m):
        p = self.p
        s = h / self.h_mean[k]
        proportional = p.task_productivity * h + m * p.ai_multiplicative * s
        floor = (1 - p.ai_multiplicative) * m * s ** (1 - p.task_substitution)
        return (proportional + (1 - p.task_substitution) * floor) / (proportional + floor)

    def requirement(self, slope):
        p = self.p
        v = 1 / (1 / p.ability_sd**2 + slope**2 / p.work_sample_noise**2)
        gain = v - 1 / (1 / v + 1 / p.credential_noise**2)
        return 1 / (1 + math.exp(-(gain - p.credential_cost) / p.credential_cost_scale))


# Panel --------------------------------------------------------------------------------------------


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
        p, score = self.p, self.score(worker, source)
        taste = self.draw["taste"][worker][source][k]
        return max(0.0, p.educ_mean + p.educ_ability_slope * score + p.educ_taste_sd * taste)

    def skill(self, worker, source):
        theta, r = math.exp(self.log_ability(worker, source)), self.p.return_per_year
        return [theta * math.exp(r * self.education(worker, source, k)) for k in (0, 1)]

    def is_treated(self, worker, source):
        d = self.d
        if d.treatment == "self_selected":
            tie = d.ability_selection
            own = self.draw["use_taste"][worker]
            wish = tie * self.score(worker, source) + math.sqrt(1 - tie**2) * own
            return wish > -float(ndtri(d.treated_share))
        if d.treatment == "randomized":
            by_firm = d.n_occupations_by_firm
            team = [
                i
                for i in range(d.n_workers)
                if self.firm[i] == self.firm[worker] and i % by_firm == worker % by_firm
            ]
            before = sum(
                self.draw["access_rank"][i] < self.draw["access_rank"][worker] for i in team
            )
            return (before + 1 / 2) / len(team) < d.treated_share
        return True

    def is_lost(self, worker, period):
        if not self.d.attrition or not self.is_post(period):
            return False
        chance = 2 * self.d.attrition * float(ndtr(-self.score(worker, self.source(period))))
        return self.draw["attrition"][worker] < chance

    # Tables

    def outputs(self):
        d, rows = self.d, []
        n_tasks = d.n_tasks + d.n_control_tasks
        for i in range(d.n_workers):
            own = None if d.task_sampling == "cells" else self.occupation(i)
            for j in range(n_tasks):
                for t in range(d.n_periods):
                    if self.is_lost(i, t) or self._is_moved(i, j, t, self.tasks[own][j][0]):
                        continue
                    rows.append(self._output_row(i, j, t, own, n_tasks))
        return rows

    def _is_moved(self, worker, task, period, exposure):
        d = self.d
        if not d.task_reassignment or not self.is_post(period) or exposure == 0:
            return False
        chance = 2 * d.task_reassignment * float(ndtr(-self.score(worker, self.source(period))))
        return self.draw["reassignment"][worker][task] < chance

    def _output_row(self, i, j, t, own, n_tasks):
        d = self.d
        exposure, k = self.tasks[own][j]
        uses = self.is_treated(i, self.source(t)) and self.age(self.firm[i], t) > 0
        has_access = self.is_post(t) if d.treatment == "self_selected" else uses
        row = (i * n_tasks + j) * d.n_periods + t
        return {
            "worker_id": f"r{row:07d}" if d.is_repeated_cross_section else f"w{i:07d}",
            "task_id": f"t{j if own is None else own * n_tasks + j:07d}",
            "period": t,
            "firm_id": f"f{self.firm[i]:07d}",
            "ai_access": has_access,
            "ai_use": float(uses),
            "output": self._output(i, j, t, exposure, k, uses),
            "rating_ceiling": self._ceiling(),
        }

    def _ceiling(self):
        mean = self.p.task_productivity * self.e.h_mean[0]
        return self.d.rating_ceiling * mean if self.d.rating_ceiling else None

    def _output(self, i, j, t, exposure, k, uses):
        p, d, e = self.p, self.d, self.e
        h = self.skill(i, self.source(t))[k]
        firm = self.firm[i]
        m = 0.0
        if uses:
            frontier = self._frontier(self.age(firm, t))
            deployed = frontier * (
                p.commodity + e.kinds[self.kind(firm)][0] * e.kappa(self.draw["assets"][firm])
            )
            m = p.ai_floor * e.augmented(exposure, p.capability) * deployed
        y = p.task_productivity * h + m * e.response(h, k)
        if self.is_post(t):
            y *= math.exp(d.occupation_shock * exposure)
            center = math.log(p.task_productivity * e.h_mean[0])
            y = math.exp(center + (1 - d.method_break * exposure) * (math.log(y) - center))
        if d.output_noise:
            y *= math.exp(
                d.output_noise * self.draw["output_noise"][i][j][t] - d.output_noise**2 / 2
            )
        return min(y, self._ceiling()) if d.rating_ceiling else y

    def employer(self, worker, period):
        firm = self.firm[worker]
        if self.d.mobility:
            for t in range(1, period + 1):
                if self.draw["move"][worker][t] < self.d.mobility:
                    firm = int(self.draw["destination"][worker][t] * self.d.n_firms)
        return firm

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
        d, e, state = self.d, self.e, self.states[t]
        firm = self.employer(i, t)
        kind = self.occupation_type[self.occupation(i)]
        human = e.human_pay(self.skill(i, self.source(t)), kind, state)
        premium = e.premium(self.draw["assets"][firm], self.kind(firm), state)
        log_extra = d.pay_noise * self.draw["pay_noise"][i][t] - d.pay_noise**2 / 2
        log_extra += d.firm_premium_sd * self.draw["firm_premium"][firm] - d.firm_premium_sd**2 / 2
        if self.is_post(t):
            log_extra += d.occupation_shock * sum(e.x[kind]) / len(e.x[kind])
        return human * premium * math.exp(log_extra) / e.v_bar

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
                chance = self.e.requirement(self.slope(o, t))
                for u in self.draw["credential"][o][t]:
                    rows.append(
                        {
                            "occupation_code": f"o{o:07d}",
                            "period": t,
                            "is_credential_required": u < chance,
                        }
                    )
        return rows

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
