"""What do the neurons of a converted network do in a step? One model for each way to speak.

All have the threshold 1 (in units of the ANN's activation: theta of their layer) and reset by
subtraction. With ``bias`` b, a constant input current I (port "current": what arrives there stays),
and the sum s of weighted spikes that arrive in the step:

==================  ============================================  =============================
model               each step                                     sends
==================  ============================================  =============================
``DRIVEN``          v <- v + b + I + s                            1 if v >= 1
``SIGNED``          the same                                      also -1, if v < 0 and its spikes
                                                                  so far add up to more than 0
``BURST``           the same                                      clip(floor(v), 0, most)
``PHASE``           v <- v + w (b + I) + s                        w if v >= w
``FEW_SPIKE``       v <- v + s                                    h if v >= h
==================  ============================================  =============================

w = 2^-k / (1 - 2^-P) goes round with k = 1 ... P; h does so once, beginning at the layer's first
step, and is 0 (no spikes) before and after. Spikes of the last two carry no payload: the gain of
the projections behind them has the same course.
"""

import math

import numpy as np

from ..models.base import NeuronModel


def _hear(v, current, bias):
    return v + (bias + current), current


def _receive(v, current, weight, port):
    if port == 0:
        return v + weight, current
    return v, current + weight


def _fires(v, v_th):
    return v >= v_th


def _fire(v, current, v_th, v_reset, soft_reset):
    return v_reset + soft_reset * (v - v_th), current


_PORTS = ("spikes", "current")

DRIVEN = NeuronModel(
    name="IF",
    state={"v": 0.0, "current": 0.0},
    params={"v_th": 1.0, "v_reset": 0.0, "soft_reset": 1.0, "bias": 0.0},
    ports=_PORTS,
    advance=_hear,
    receive=_receive,
    fires=_fires,
    fire=_fire,
)


def _hear_signed(v, current, sent, bias):
    return v + (bias + current), current, sent


def _receive_signed(v, current, sent, weight, port):
    if port == 0:
        return v + weight, current, sent
    return v, current + weight, sent


def _sign(v, sent):
    if v >= 1.0:
        return 1.0
    if v < 0.0 and sent > 0.5:
        return -1.0
    return 0.0


def _fires_signed(v, sent):
    return v >= 1.0 or (v < 0.0 and sent > 0.5)


def _fire_signed(v, current, sent):
    if v >= 1.0:
        return v - 1.0, current, sent + 1.0
    return v + 1.0, current, sent - 1.0


SIGNED = NeuronModel(
    name="SignedIF",
    state={"v": 0.0, "current": 0.0, "sent": 0.0},
    params={"bias": 0.0},
    ports=_PORTS,
    advance=_hear_signed,
    receive=_receive_signed,
    fires=_fires_signed,
    fire=_fire_signed,
    payload=_sign,
)


def _burst(v, most):
    return min(max(np.floor(v), 0.0), most)


def _fires_burst(v):
    return v >= 1.0


def _fire_burst(v, current, most):
    return v - min(max(np.floor(v), 0.0), most), current


BURST = NeuronModel(
    name="BurstIF",
    state={"v": 0.0, "current": 0.0},
    params={"bias": 0.0, "most": 5.0},
    rules={"most": {"low": 1}},
    ports=_PORTS,
    advance=_hear,
    receive=_receive,
    fires=_fires_burst,
    fire=_fire_burst,
    payload=_burst,
)


def _hear_phase(v, current, w, bias, first, last):
    w = first if w < 1.5 * last or w > 1.0 else 0.5 * w
    return v + w * (bias + current), current, w


def _receive_phase(v, current, w, weight, port):
    if port == 0:
        return v + weight, current, w
    return v, current + weight, w


def _fires_phase(v, w):
    return v >= w


def _fire_phase(v, current, w):
    return v - w, current, w


PHASE = NeuronModel(
    name="PhaseIF",
    state={"v": 0.0, "current": 0.0, "w": 2.0},  # nobody reaches 2 before the first step
    params={"bias": 0.0, "first": 0.5, "last": 0.5},
    ports=_PORTS,
    advance=_hear_phase,
    receive=_receive_phase,
    fires=_fires_phase,
    fire=_fire_phase,
)


def _begin(v, h, t, start, first, last):
    if t == start:
        return v, first
    return v, 0.5 * h if h > 1.5 * last else h * 0.0


def _receive_few(v, h, weight):
    return v + weight, h


def _fires_few(v, h):
    return h > 0.0 and v >= h


def _fire_few(v, h):
    return v - h, h


FEW_SPIKE = NeuronModel(
    name="FewSpike",
    state={"v": 0.0, "h": 0.0},
    params={"start": 1.0, "first": 0.5, "last": 0.5},
    ports=("spikes",),
    advance=_begin,
    receive=_receive_few,
    fires=_fires_few,
    fire=_fire_few,
)


# ------------------------------------------------------------------ in continuous time
# Stages: 0 listens (v grows by the weights of the spikes that have come), 1 climbs (v grows by
# 1 / ms) and may fire, 2 is over. Spikes on the port "gate" lead from one to the next.


def _listen(v, slope, stage, dt, ramp):
    if stage < 0.5:
        return v + slope * dt, slope, stage
    if stage < 1.5:
        return v + ramp * dt, slope, stage
    return v, slope, stage


def _receive_timed(v, slope, stage, weight, port):
    if port == 0:
        return v, slope + weight, stage
    return v, slope, stage + weight


def _due(v, stage, ramp):
    if stage < 0.5 or stage > 1.5 or ramp <= 0.0:
        return math.inf
    return max(0.0, (1.0 - v) / ramp)


def _is_due(v, stage, ramp):
    return ramp > 0.0 and 0.5 < stage < 1.5 and v >= 1.0


def _over(v, slope, stage):
    return v, slope, 2.0


FIRST_SPIKE = NeuronModel(
    name="FirstSpike",
    state={"v": 0.0, "slope": 0.0, "stage": 0.0},
    params={"ramp": 1.0},
    ports=("spikes", "gate"),
    advance=_listen,
    receive=_receive_timed,
    fires=_is_due,
    fire=_over,
    flow=_listen,
    crossing=_due,
)


def _keep(x, done):
    return x, done


def _arrive(x, done, weight):
    return x + weight, done


def _at_once(x, done):
    return 0.0 if x > 0.0 and done < 0.5 else math.inf


def _has_come(x, done):
    return x > 0.0 and done < 0.5


def _only_once(x, done):
    return x * 0.0, 1.0


FIRST_OF = NeuronModel(
    name="FirstOf",
    state={"x": 0.0, "done": 0.0},
    advance=_keep,
    receive=_arrive,
    fires=_has_come,
    fire=_only_once,
    flow=_keep,
    crossing=_at_once,
)
