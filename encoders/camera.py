"""What would an event camera see? A pixel model, fed by a sequence of images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim import random
from neurosim._jit import kernel
from neurosim.checks import integer, number
from neurosim.errors import ParameterError
from neurosim.events import Events

from .inputs import MAX_SPIKES, real_array, sides
from .photoreceptor import low_pass

_SLACK = 1.0 - 1e-9  # a contrast of exactly k thresholds gives k events in spite of rounding
_LEAST_SHARE = 0.1  # a pixel's threshold is at least this share of the nominal one
_SHORTEST_US = 0.001  # between two images
_LATEST_US = 2.0**61  # stamps of events, and their differences, fit into int64


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraModel:
    """Pixels that report relative changes of brightness, each on its own.

    Each pixel compares the logarithm of its intensity with a stored reference r::

        L(t) = ln(I(t) + floor)            linear in time between two images, then low-pass
        d(t) = L(t) - r(t),  dr/dt = -leak_rate threshold_on
        d >=  threshold_on   event of polarity 1
        d <= -threshold_off  event of polarity 0

    After an event at time t the pixel is blind until ``t + refractory_us`` and then
    stores ``r = L``. Crossing times are solved exactly, so a pixel may fire several
    times between two images, at any microsecond. At the first image r = L.

    Parameters
    ----------
    threshold_on, threshold_off : float
        Contrast thresholds, in units of ln intensity; >= 0.001.
    mismatch : float
        Standard deviation between pixels, relative to the threshold: pixel i has
        ``threshold * max(1 + mismatch z_i, 0.1)`` with z_i standard normal and fixed by
        ``seed``.
    refractory_us : float
        Dead time after an event [us].
    leak_rate : float
        Events of polarity 1 per second and pixel in a static scene [Hz].
    noise_rate : float
        Shot noise: events at random times, half of each polarity, per pixel [Hz]. They
        reset the reference like any other event.
    floor : float
        Added to the intensity: dark current, > 0, in units of the images.
    bandwidth : float
        Cut-off of the photoreceptor [Hz]: L is low-pass filtered, first order, before it is
        compared. Infinite: not at all.
    seed : int
        Which camera: its pattern of thresholds.

    Raises
    ------
    ParameterError
        For a parameter out of range; when called, for images that are negative or not
        finite, or times that do not ascend.

    Examples
    --------
    A pixel that brightens by a factor e within 1 ms crosses a threshold of 0.3 three
    times:

    >>> camera = CameraModel(threshold_on=0.3, threshold_off=0.3, floor=1e-12)
    >>> camera([[[1.0]], [[np.e]]], [0, 1000]).t
    array([300, 600, 900])
    """

    threshold_on: float = 0.2
    threshold_off: float = 0.2
    mismatch: float = 0.0
    refractory_us: float = 0.0
    leak_rate: float = 0.0
    noise_rate: float = 0.0
    floor: float = 0.02
    bandwidth: float = math.inf
    seed: int = 0

    def __post_init__(self) -> None:
        owner = "CameraModel"
        number(owner, "threshold_on", self.threshold_on, low=0.001)
        number(owner, "threshold_off", self.threshold_off, low=0.001)
        number(owner, "mismatch", self.mismatch, low=0, high=1)
        number(owner, "refractory_us", self.refractory_us, low=0, unit="us")
        number(owner, "leak_rate", self.leak_rate, low=0, high=1e5, unit="Hz")
        number(owner, "noise_rate", self.noise_rate, low=0, high=1e5, unit="Hz")
        number(owner, "floor", self.floor, above=0)
        if self.bandwidth != math.inf:
            number(owner, "bandwidth", self.bandwidth, low=0.01, high=1e6, unit="Hz")
        integer(owner, "seed", self.seed, low=0)

    def __call__(self, frames: Any, times: Any, *, seed: int | None = None) -> Events:
        """Events of the image sequence ``frames`` shown at ``times``.

        Parameters
        ----------
        frames : (T, H, W)
            Intensities >= 0, linear in light, T >= 2.
        times : (T,)
            When each image is seen [us], strictly ascending.
        seed : int, optional
            The noise of this recording; the camera's own seed when left out.

        Returns
        -------
        Events
            Sorted by exact time, then pixel (row-major); stamps rounded to 1 us.
        """
        frames, times = _movie(frames, times)
        count, height, width = frames.shape
        seed = self.seed if seed is None else integer("CameraModel", "seed", seed, low=0)
        logs = np.log(frames.reshape(count, -1).T + self.floor)
        physics = np.array([self.leak_rate, self.noise_rate, self.refractory_us])
        physics[:2] /= 1e6  # per us
        if self.bandwidth != math.inf:
            logs, times = low_pass(logs, times, self.bandwidth)
        start = np.floor(times[0])  # stamps since an epoch would cost precision
        pixel, t, p = _run(
            np.ascontiguousarray(logs),
            times - start,
            self.thresholds((width, height)).reshape(2, -1),
            physics,
            random.key_of(seed, "CameraModel", "noise"),
        )
        order = np.argsort(t, kind="stable")
        pixel = pixel[order]
        return Events(
            x=pixel % width,
            y=pixel // width,
            t=np.floor(t[order] + 0.5).astype(np.int64) + np.int64(start),
            p=p[order],
            sensor_size=(width, height),
            source="CameraModel",
        )

    def thresholds(self, sensor_size: tuple[int, int]) -> np.ndarray:
        """On and off threshold of every pixel, float64 of shape (2, H, W)."""
        width, height = sides("CameraModel", "sensor_size", sensor_size, ("W", "H"), high=65536)
        nominal = np.array([self.threshold_on, self.threshold_off])[:, None, None]
        if self.mismatch == 0.0:
            return np.broadcast_to(nominal, (2, height, width)).copy()
        key = random.key_of(self.seed, "CameraModel", "mismatch")
        share = 1.0 + self.mismatch * _normals(key, 2, height * width)
        return nominal * np.maximum(share, _LEAST_SHARE).reshape(2, height, width)


def _movie(frames: Any, times: Any) -> tuple[np.ndarray, np.ndarray]:
    frames = real_array("CameraModel", "frames", frames, low=0)
    if frames.ndim != 3 or len(frames) < 2 or 0 in frames.shape:
        raise ParameterError(
            f"CameraModel.frames must have shape (T >= 2, H, W), got {frames.shape}"
        )
    rules = {"shape": (len(frames),), "low": -_LATEST_US, "high": _LATEST_US, "unit": "us"}
    times = real_array("CameraModel", "times", times, **rules)
    short = np.diff(times) < _SHORTEST_US
    if short.any():
        k = int(short.argmax())
        raise ParameterError(
            f"CameraModel.times must ascend by >= {_SHORTEST_US} us, got {times[k]:g} then "
            f"{times[k + 1]:g} at {k + 1}"
        )
    return frames, times


def _run(logs, times, thresholds, physics, key):
    """Run the kernel with room for the events, more room as needed."""
    room = 4096 + 4 * len(logs)
    while True:
        pixel, t, p = np.empty(room, np.int64), np.empty(room), np.empty(room, np.uint8)
        n = _pixels(logs, times, thresholds, physics, key, pixel, t, p)
        if n >= 0:
            return pixel[:n], t[:n], p[:n]
        if room > MAX_SPIKES:
            raise ParameterError(
                f"CameraModel.frames must give at most {MAX_SPIKES:,} events in a call; "
                "raise the thresholds, lower the noise, or feed shorter sequences"
            )
        room *= 4


@kernel
def _normals(key, rows, columns):
    out = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = random.normal(key, j, i)
    return out


@kernel
def _pixels(logs, times, thresholds, physics, key, pixel, t, p):
    """Events of all pixels, pixel after pixel; -1 when ``pixel``, ``t``, ``p`` are full.

    Parameters
    ----------
    logs : float64[n, T]         ln intensity
    times : float64[T]           time of each image [us]
    thresholds : float64[2, n]   on and off, > 0
    physics : float64[3]         leak rate and noise rate [1/us], dead time [us]
    key : uint64                 of the noise
    pixel, t, p : [room]         filled with the events; t in us, not rounded
    """
    n = 0
    for i in range(len(logs)):
        n = _one_pixel(i, logs[i], times, thresholds[:, i], physics, key, (pixel, t, p), n)
        if n < 0:
            break
    return n


@kernel
def _one_pixel(i, log, times, threshold, physics, key, out, n):
    """Append the events of pixel ``i`` to ``out`` at ``n``; the new n, or -1 when full."""
    pixel, t, p = out
    noise_rate, dead = physics[1], physics[2]
    leak = physics[0] * threshold[0]
    draw = 0
    noise = np.inf
    if noise_rate > 0:
        noise = times[0] + random.exponential(key, i, 0) / noise_rate
    now, free, d = times[0], times[0], 0.0  # d: distance of the log from the reference
    for k in range(len(times) - 1):
        end = times[k + 1]
        slope = (log[k + 1] - log[k]) / (end - times[k]) + leak
        while True:
            if free > now:  # blind; noise in this time is lost too
                if free > end:
                    break
                now, d = free, 0.0
                while noise < now:
                    draw += 1
                    noise += random.exponential(key, i, 2 * draw) / noise_rate
            event, polarity = _crossing(now, d, slope, threshold), slope > 0
            spurious = noise < event
            event = min(event, noise)
            if event > end:
                d += slope * (end - now)
                now = end
                break
            if spurious:
                polarity = random.uniform(key, i, 2 * draw + 1) < 0.5
                draw += 1
                noise += random.exponential(key, i, 2 * draw) / noise_rate
            if n == len(t):
                return -1
            pixel[n], t[n], p[n] = i, event, polarity
            n += 1
            now, free, d = event, event + dead, 0.0
    return n


@kernel
def _crossing(now, d, slope, threshold):
    """When d, which changes with ``slope``, reaches a threshold; inf when never."""
    if slope > 0:
        return now + max(threshold[0] * _SLACK - d, 0.0) / slope
    if slope < 0:
        return now + min(-threshold[1] * _SLACK - d, 0.0) / slope
    return np.inf
