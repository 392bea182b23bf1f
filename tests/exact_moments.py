"""Neurons at a moment: random ones, grazing ones, and what 50 digits say of them.

v - v_th is a sum of exponentials times polynomials, whose extremes `exact_curve.py` isolates by
Rolle's theorem.

The *margin* of a state says how safely it is decided whether and when the neuron fires: the
least distance from the threshold, relative to all potentials involved, of the peaks before the
crossing and of the one behind it. A crossing so flat that it cannot be told when (as v
approaches a steady state) has the margin of a parabolic peak of that slope.
"""

import math
from dataclasses import dataclass

import numpy as np
from exact_curve import Curve, Digits

import neurosim as ns

DIGITS = Digits(50)
DIGITS.least = 1e-20  # places of extremes, where an error counts only squared
number = DIGITS.number
INF = math.inf
SYNAPSES = {
    "delta": {"tau_syn": None},
    "one": {"tau_syn": 1.0},
    "two": {"tau_syn": (1.0, 1.0)},
    "alpha": {"tau_syn": 1.0, "synapse": "alpha"},
    "step": {"synapse": "step"},
}
MODELS = {
    (kind, synapse): getattr(ns, kind)(1, **given).model
    for kind in ("LIF", "IF")
    for synapse, given in SYNAPSES.items()
}
CURRENTS = ("i_syn", "i_exc", "i_inh", "x_syn")


# -------------------------------------------------------------------- a neuron at a moment


@dataclass
class Moment:
    """A neuron's parameters and its state now."""

    which: tuple
    params: dict
    state: dict

    def __post_init__(self):
        self.model = MODELS[self.which]
        given = {**self.model.params, **self.params}, {**self.model.state, **self.state}
        self.params, self.state = ({k: float(v) for k, v in values.items()} for values in given)
        self.known = self.model.event_params(self.params)

    def _call(self, member, **values):
        given = {**self.known, **self.state, **values}
        names = self.model.arguments(member)
        return getattr(self.model, member)(**{name: given[name] for name in names})

    def flow(self, dt):
        return Moment(
            self.which,
            self.params,
            dict(zip(self.state, self._call("flow", dt=dt), strict=True)),
        )

    def crossing(self, horizon=INF):
        return self._call("crossing", horizon=horizon)

    def taus(self):
        names = ("tau_m", "tau_syn", "tau_syn_exc", "tau_syn_inh")
        return [self.params[name] for name in names if name in self.params]

    def scale(self):
        p = self.params
        lift = p.get("r_m", 1.0) if "tau_m" in p else max([*self.taus(), 1.0]) / p["c_m"]
        values = [self.state["v"], p["v_th"], p.get("v_rest", 0.0), lift * p["i_ext"]]
        for name in set(CURRENTS) & set(self.state):
            size = lift * self.state[name]
            values.append(size * p["tau_syn"] if name == "x_syn" else size)
        return max(map(abs, values))


def exact(moment):
    """(v - v_th after refractoriness, when that ends)."""
    p = {name: number(value) for name, value in moment.params.items()}
    s = {name: number(value) for name, value in moment.state.items()}
    leaky = "tau_m" in p
    rate_m = 1 / p["tau_m"] if leaky else number(0)
    lift = p["r_m"] / p["tau_m"] if leaky else 1 / p["c_m"]
    rest = p["v_rest"] if leaky else number(0)
    wait, constant = s["refractory"], p["i_ext"]
    terms = {number(0): [rest - p["v_th"]]}
    add(terms, rate_m, [s["v"] - rest])
    for name, tau in (("i_syn", "tau_syn"), ("i_exc", "tau_syn_exc"), ("i_inh", "tau_syn_inh")):
        if tau in p:
            rate, slope = 1 / p[tau], s.get("x_syn", number(0))
            left = DIGITS.exp(-rate * wait)
            add_current(
                terms, rate_m, rate, lift * (s[name] + slope * wait) * left, lift * slope * left
            )
        elif name in s:
            constant += s[name]
    if leaky:
        add(terms, number(0), [p["r_m"] * constant])
        add(terms, rate_m, [-p["r_m"] * constant])
    else:
        add(terms, number(0), [number(0), constant / p["c_m"]])
    return Curve(terms, DIGITS), wait


def add(terms, rate, polynomial):
    old = terms.get(rate, [])
    length = max(len(old), len(polynomial))
    zero = number(0)
    padded = [[*p, *[zero] * (length - len(p))] for p in (old, polynomial)]
    terms[rate] = [a + b for a, b in zip(*padded, strict=True)]


def add_current(terms, rate_m, rate, i, x):
    """The membrane's share of (i + x t) e^{-rate t}."""
    gap = rate - rate_m
    if gap == 0:
        add(terms, rate, [number(0), i, x / 2])
        return
    held = i / gap + x / gap**2
    add(terms, rate_m, [held])
    add(terms, rate, [-held, -x / gap])


@dataclass
class Truth:
    """Between which extremes v - v_th first becomes positive, and how clear that is."""

    curve: Curve
    wait: float
    low: float = 0.0
    high: float = INF  # inf: never
    margin: float = INF

    def fires_after(self, t):
        """Is it certain that v does not reach v_th before ``t`` [ms from now]?"""
        t = number(float(t)) - self.wait
        return t <= self.high and (t <= self.low or self.curve(t) < 0)

    def fires_before(self, t):
        t = number(float(t)) - self.wait
        return self.high < INF and t >= self.low and (t >= self.high or self.curve(t) >= 0)


def truth(moment, found):
    """What the reference says of a moment, and of the crossing that was ``found``."""
    curve, wait = exact(moment)
    scale = moment.scale()
    if moment.state["v"] >= moment.params["v_th"]:
        return Truth(curve, wait, high=number(0))
    tau = max([*moment.taus(), 1.0])
    drift = float(curve.terms.get(0, [0])[-1]) if "c_m" in moment.params else 0.0
    end = number(60.0 * tau + (20.0 * scale / drift if drift > 0.0 else 0.0))
    slope = curve.derivative()
    places = [number(0), *slope.sign_changes(end), end]
    heights = [curve(t) for t in places]
    above = next((k for k, height in enumerate(heights) if height >= 0), None)
    before = heights[1 : -1 if above is None else above]  # these are maxima, or far below
    clear = [abs(float(h)) for h, low in zip(before, heights, strict=False) if h > low]
    if above is None:
        clear.append(abs(float(heights[-1])))
        return Truth(curve, wait, margin=min(clear) / scale)
    clear.append(float(heights[above]))
    if found < INF:
        steepness = float(slope(number(float(found)) - wait)) * min([*moment.taus(), 20.0])
        clear.append(0.5 * steepness**2 / scale)
    return Truth(curve, wait, places[above - 1], places[above], min(clear) / scale)


# ------------------------------------------------------------------------ random neurons


def time_constants(rng, n):
    """tau_m and n synaptic ones: apart, equal, or nearly equal; faster or slower than tau_m."""
    tau_m = float(np.exp(rng.uniform(np.log(2.0), np.log(50.0))))
    taus = []
    for _ in range(n):
        other = rng.choice([tau_m, *taus])
        factor = rng.choice([1.0, 1 + 1e-9, 1 - 1e-9, 1 + 1e-5, 0.5, 2.0, np.nan, np.nan, np.nan])
        free = float(np.exp(rng.uniform(np.log(0.5), np.log(60.0))))
        taus.append(free if np.isnan(factor) else float(other * factor))
    return tau_m, taus


def random_moment(which, rng):
    """Any neuron: at rest or driven, excited or inhibited, in mV or not, refractory or not."""
    kind, synapse = which
    n = {"one": 1, "two": 2, "alpha": 1}.get(synapse, 0)
    tau_m, taus = time_constants(rng, n)
    names = ("tau_syn",) if n == 1 else ("tau_syn_exc", "tau_syn_inh")
    params = dict(zip(names, taus, strict=False))
    rest, unit = rng.choice([[0.0, 1.0], [-60.0, 10.0]])
    bias = float(rng.choice([0.0, rng.uniform(-0.5, 0.99), rng.uniform(1.001, 3.0)]))
    params |= {"v_th": rest + unit, "v_reset": rest, "soft_reset": float(rng.integers(2))}
    if kind == "LIF":
        r_m = float(rng.choice([1.0, 10.0]))
        params |= {"tau_m": tau_m, "v_rest": rest, "r_m": r_m, "i_ext": bias * unit / r_m}
        size = unit / r_m
    else:
        params |= {"c_m": float(rng.choice([1.0, 4.0])), "i_ext": (bias - 0.5) * unit / tau_m}
        size = unit * params["c_m"] / tau_m
    state = {"v": rest + unit * float(rng.uniform(-1.0, 1.0))}
    if rng.random() < 0.03:
        state["v"] = params["v_th"] + unit * float(rng.choice([0.0, 0.5]))
    if rng.random() < 0.2:
        state["refractory"] = params["t_ref"] = float(rng.uniform(0.0, 5.0))
    sign = float(rng.choice([-1.0, 1.0, 1.0]))
    for name in CURRENTS:
        if name in MODELS[which].state:
            sign = -sign if name == "i_inh" else sign
            strength = float(np.exp(rng.uniform(-2.0, 3.0)))
            state[name] = sign * size * strength / (taus[0] if name == "x_syn" else 1.0)
            if name == "x_syn" and rng.random() < 0.5:
                state["i_syn"] = 0.0
    return Moment(which, params, state)


def graze(moment, rng):
    """The same neuron, with two numbers of its state chosen so that v - v_th has a peak of
    +-10^-k; None where there is no such state below the threshold.
    """
    names = ["v", *(name for name in CURRENTS if name in moment.state)]
    state = dict(moment.state, refractory=0.0)
    chosen = [names[0], str(rng.choice(names[1:]))]
    place = number(float(rng.uniform(0.05, 3.0)) * max(moment.taus()))
    unit = moment.params["v_th"] - moment.params["v_reset"]
    height = number(float(rng.choice([-1.0, 1.0])) * unit * 10.0 ** -int(rng.integers(2, 15)))

    def at(values):
        filled = dict(state, **dict(zip(chosen, values, strict=True)))
        curve = exact(Moment(moment.which, moment.params, filled))[0]
        return curve(place), curve.derivative()(place)

    base, one, other = at([0.0, 0.0]), at([1.0, 0.0]), at([0.0, 1.0])
    a, b = ([p - q for p, q in zip(x, base, strict=True)] for x in (one, other))
    goal = [height - base[0], -base[1]]
    determinant = a[0] * b[1] - a[1] * b[0]
    if determinant == 0:
        return None
    v = float((goal[0] * b[1] - goal[1] * b[0]) / determinant)
    i = float((a[0] * goal[1] - a[1] * goal[0]) / determinant)
    if not moment.params["v_th"] - 50 * unit < v < moment.params["v_th"]:
        return None
    return Moment(moment.which, moment.params, dict(state, **{chosen[0]: v, chosen[1]: i}))


def moments(which, n, seed):
    """Random neurons; where there can be, every other one has a grazing peak."""
    rng = np.random.default_rng([seed, *map(ord, "".join(which))])
    found = []
    while len(found) < n:
        moment = random_moment(which, rng)
        if len(moment.state) > 2 and which[1] != "step" and rng.random() < 0.5:
            moment = graze(moment, rng)
        if moment is not None:
            found.append(moment)
    return found
