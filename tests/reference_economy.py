"""The economy in plain loops: slow, without arrays, to be laid beside the paper.

It is handed the quadrature (workers' ability and schooling, firm nodes, exposure) and works everything else out one
worker, task and firm at a time.
"""

import math

from scipy.special import ndtri


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
