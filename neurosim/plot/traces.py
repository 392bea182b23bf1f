"""How did a recorded variable move? One line per recorded neuron."""

from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from .figure import COLOURS, new_axes, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traces(
    result: Any, population: str, variable: str = "v", *, ax: "Axes | None" = None
) -> "Axes":
    """Draw a recorded state variable against time.

    Parameters
    ----------
    result : Result
        of a run with ``record={population: [variable]}`` (or ``"v[:5]"``).
    population, variable : str
    ax : matplotlib.axes.Axes, optional
        where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ParameterError
        The variable was not recorded; the message lists what was.
    """
    recorded = {
        f"{name}.{key}": trace
        for name, variables in result.traces.items()
        for key, trace in variables.items()
    }
    trace = recorded.get(f"{population}.{variable}")
    if trace is None:
        have = ", ".join(recorded) or "nothing"
        raise ParameterError(
            f"plot.traces: {population}.{variable} was not recorded (recorded: {have}); "
            f"ask for it with record={{{population!r}: [{variable!r}]}}"
        )
    ax = new_axes(ax, (8.0, 3.0))
    few = len(trace.ids) <= len(COLOURS)
    for k, neuron in enumerate(trace.ids):
        ax.plot(
            trace.times,
            trace.values[:, k],
            color=COLOURS[k % len(COLOURS)],
            linewidth=1.0 if few else 0.5,
            alpha=1.0 if few else 0.6,
            drawstyle="default" if result.time == "continuous" else "steps-post",
            label=f"{population}[{neuron}]",
        )
    ax.set_xlim(float(result.t_start), float(result.t_stop))
    ax.set_xlabel(time_label(result.time))
    ax.set_ylabel(f"{variable} ({trace.unit})" if trace.unit else variable)
    if few:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize="small")
    else:
        ax.set_title(f"{population}: {len(trace.ids)} neurons", fontsize="small", loc="left")
    return ax
