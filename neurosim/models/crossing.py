"""When does a neuron with decaying currents reach the threshold? A march that passes nothing.

Let u be the potential (of a leaky neuron: above its resting value) and

    u' = push(t) - rate_m u,   push(t) = drift + lift I(t),   u < th now,

rate_m = 0 for the perfect integrator, drift = 0 for the leaky neuron. The crossing cannot come
before the first roots of these, for all s >= 0, because of upper bounds P, P', P'' of push and
its derivatives over all the time to come:

0. th = u + (P - rate_m u) s                        never, if P <= rate_m th
1. th = u + u' s + b s^2 / 2,                       b = P' - rate_m u'
2. th = u + u' s + u'' s^2 / 2 + c s^3 / 6,         c = P'' - rate_m u''
3. rate_m th = push + push' s + P'' s^2 / 2         for u' >= 0 at the crossing

b and c are 0 where negative: without its currents the equation is a decay, which bends towards
zero, so it lies below its tangents. Steps from root to root, each state computed from the first
one, come to the crossing from the left and pass none. Curves 0 to 2 touch u: the steps double
the digits, as Newton's do; with a current that only falls, curve 0 is Newton's tangent. Near a
peak that just reaches the threshold, or just does not, the distance halves at each step.

Nothing here depends on the horizon but when the march may stop.
"""

import math

from .._jit import shared
from .flow import through_alpha, through_synapse

LIMIT = 200  # steps; the worst grazing peaks take sixty
CLOSE = 2e-16  # shorter steps, in units of 1/rates + t, are lost in rounding
NOTHING = 1e-300  # what decays to this is gone
FAR = 0.5  # in units of tau_m: beyond, the decay itself makes the better step
_PEAK = math.exp(-1.0)  # greatest x e^{-x}


@shared
def time_to_threshold(v, v_th, target, tau_m, wait, horizon):
    """``wait`` and the time in which v, drawn to a fixed ``target``, reaches v_th > v."""
    if target <= v_th:
        return math.inf
    bound = wait + tau_m * ((v_th - v) / (target - v))
    if bound > horizon:
        return bound
    return max(bound, wait + tau_m * math.log1p((v_th - v) / (target - v_th)))


@shared
def step_below_push(missing, u, th, push, rate_m):
    """Root of curve 0: ``push`` bounds all that is to come; inf: it never suffices."""
    surplus = push - rate_m * th
    if surplus <= NOTHING * rate_m * missing:
        return math.inf
    step = missing / (push - rate_m * u)
    if rate_m * step > FAR:
        return math.log1p(rate_m * missing / surplus) / rate_m
    return step


@shared
def root_of_parabola(missing, slope, bend):
    """First s > 0 with slope s + bend s^2 / 2 = missing, for bend >= 0; inf: there is none."""
    if bend <= 0.0:
        return missing / slope if slope > 0.0 else math.inf
    root = math.sqrt(slope * slope + 2.0 * bend * missing)
    return 2.0 * missing / (slope + root) if slope > 0.0 else (root - slope) / bend


@shared
def step_below_curves(missing, slope, lack, rise, most_rise, most_curve, rate_m):
    """The farthest root of curves 1 to 3, or a time before it.

    Parameters
    ----------
    missing, slope : float          th - u > 0, and u' now
    lack : float                    rate_m th - push now
    rise, most_rise : float         push' now, and its bound
    most_curve : float              bound of push''
    """
    bend = rise - rate_m * slope
    step = root_of_parabola(missing, slope, most_rise - rate_m * slope)
    if lack > 0.0:
        step = max(step, root_of_parabola(lack, rise, most_curve))
    jerk = most_curve - rate_m * bend
    if bend >= 0.0:
        reach = missing / slope if slope > 0.0 else 2.0 * step
        if reach == math.inf:
            return reach
        # on [0, reach] the cubic lies below the parabola that it crosses at reach
        root = root_of_parabola(missing, slope, bend + max(jerk, 0.0) * reach / 3.0)
        return max(step, min(reach, root))
    bent_down = -3.0 * bend / jerk if jerk > 0.0 else math.inf
    if slope <= 0.0:
        return max(step, bent_down)
    tangent = missing / slope
    if tangent <= bent_down:
        return max(step, tangent)
    return max(step, bent_down, root_of_parabola(missing, slope, bend + jerk * tangent / 3.0))


@shared
def highest_of_two(a, b, rate_a, rate_b, spread):
    """Bound, not below 0, of a e^{-rate_a s} + b e^{-rate_b s} over all s >= 0.

    ``spread`` = (faster rate / slower rate - 1) / e bounds e^{-slow s} - e^{-fast s}.
    """
    if rate_a < rate_b:
        a, b = b, a
    if b <= 0.0 or a >= 0.0:  # a is the faster one
        return max(a + b, 0.0)
    return min(b, max(a + b, 0.0) - a * spread)


@shared
def highest_alpha(a, b, rate):
    """Bound, not below 0, of (a + b s) e^{-rate s} over all s >= 0."""
    if b <= 0.0 or rate * a >= b:
        return max(a, 0.0)
    return b / rate * _PEAK + max(a, 0.0) * (1.0 - _PEAK)  # e^x lies below its chord


@shared
def search_one(
    u, i, th, t, wait, horizon, drift, rate_m, lift, rate, gain, gap, near, whole, is_capped
):  # fmt: skip
    """Time to the crossing with one exponential current.

    Parameters
    ----------
    u, i, th : float          potential, current and threshold now
    t, wait : float           the crossing is not before ``t``; all is ``wait`` later
    horizon : float           a bound beyond it may be returned
    drift, rate_m, lift : float    of the membrane, see the module
    rate, gain, gap, near, whole : float    of the synapse, see `through_synapse`
    is_capped : bool          without push u does not reach th, and gap > 0: then it never
                              does unless u + gain max(i, 0) > th
    """
    pace = rate_m + rate
    for _ in range(LIMIT):
        leak = math.exp(-rate_m * t)
        left, held = through_synapse(t, leak, rate, gap, near, whole)
        now, left = u * leak + drift * t + i * gain * held, i * left
        missing, top = th - now, max(left, 0.0)
        if missing <= 0.0:
            break
        if is_capped and now + top * gain <= th:
            return math.inf
        step = step_below_push(missing, now, th, drift + lift * top, rate_m)
        if left < 0.0 and step < math.inf:
            push, rise = drift + lift * left, -lift * rate * left
            slope, lack = push - rate_m * now, rate_m * th - push
            bound = step_below_curves(missing, slope, lack, rise, rise, 0.0, rate_m)
            step = max(step, bound)
        if step == math.inf:
            return step
        if step * pace <= CLOSE * (1.0 + t * pace):
            break
        t += step
        if wait + t > horizon:
            break
    else:
        if rate_m * th >= drift:  # where it is drawn to is the threshold itself
            return math.inf
    return wait + t


@shared
def search_two(
    u, i, j, th, t, wait, horizon, drift, rate_m, lift, rate_i, rate_j, gain_i, gain_j,
    gap_i, gap_j, near_i, near_j, whole_i, whole_j, spread, is_capped,
):  # fmt: skip
    """The same with two exponential currents, i and j."""
    pace = rate_m + min(rate_i, rate_j)
    for _ in range(LIMIT):
        leak = math.exp(-rate_m * t)
        left, held = through_synapse(t, leak, rate_i, gap_i, near_i, whole_i)
        now, i_now = u * leak + drift * t + i * gain_i * held, i * left
        left, held = through_synapse(t, leak, rate_j, gap_j, near_j, whole_j)
        now, j_now = now + j * gain_j * held, j * left
        missing = th - now
        if missing <= 0.0:
            break
        if is_capped and now + max(i_now, 0.0) * gain_i + max(j_now, 0.0) * gain_j <= th:
            return math.inf
        top = highest_of_two(i_now, j_now, rate_i, rate_j, spread)
        step = step_below_push(missing, now, th, drift + lift * top, rate_m)
        if i_now + j_now < top and step < math.inf:
            push = drift + lift * (i_now + j_now)
            slope, lack = push - rate_m * now, rate_m * th - push
            i_now, j_now = -rate_i * i_now, -rate_j * j_now
            rise, most = i_now + j_now, highest_of_two(i_now, j_now, rate_i, rate_j, spread)
            i_now, j_now = -rate_i * i_now, -rate_j * j_now
            curve = highest_of_two(i_now, j_now, rate_i, rate_j, spread)
            bound = step_below_curves(
                missing, slope, lack, lift * rise, lift * most, lift * curve, rate_m
            )
            step = max(step, bound)
        if step == math.inf:
            return step
        if step * pace <= CLOSE * (1.0 + t * pace):
            break
        t += step
        if wait + t > horizon:
            break
    else:
        if rate_m * th >= drift:  # where it is drawn to is the threshold itself
            return math.inf
    return wait + t


@shared
def search_alpha(u, i, x, th, t, wait, horizon, drift, rate_m, lift, rate, gap, is_capped):
    """The same with an alpha current (i + x s) e^{-rate s}."""
    pace = rate_m + rate
    for _ in range(LIMIT):
        leak = math.exp(-rate_m * t)
        left, of_i, of_x = through_alpha(t, leak, rate, gap)
        now = u * leak + drift * t + lift * (i * of_i + x * of_x)
        i_now, x_now, missing = (i + x * t) * left, x * left, th - now
        if missing <= 0.0:
            break
        reach = max(i_now, 0.0) + max(x_now, 0.0) / gap if is_capped else math.inf
        if is_capped and now + lift / gap * reach <= th:
            return math.inf
        top = highest_alpha(i_now, x_now, rate)
        step = step_below_push(missing, now, th, drift + lift * top, rate_m)
        if i_now < top and step < math.inf:
            push = drift + lift * i_now
            slope, lack = push - rate_m * now, rate_m * th - push
            i_now, x_now = x_now - rate * i_now, -rate * x_now
            rise, most = i_now, highest_alpha(i_now, x_now, rate)
            i_now, x_now = x_now - rate * i_now, -rate * x_now
            curve = highest_alpha(i_now, x_now, rate)
            bound = step_below_curves(
                missing, slope, lack, lift * rise, lift * most, lift * curve, rate_m
            )
            step = max(step, bound)
        if step == math.inf:
            return step
        if step * pace <= CLOSE * (1.0 + t * pace):
            break
        t += step
        if wait + t > horizon:
            break
    else:
        if rate_m * th >= drift:  # where it is drawn to is the threshold itself
            return math.inf
    return wait + t
