"""How are measurements summed up? Medians, ratios to neurosim, and tables of them."""

import statistics

COLUMNS = {  # entry of a case's JSON object: heading, and its format
    "run_cpu_s": ("run CPU-s", "10.3f"),
    "run_wall_s": ("run wall", "10.3f"),
    "build_cpu_s": ("build CPU-s", "12.2f"),
    "build_wall_s": ("build wall", "11.2f"),
    "peak_rss_mb": ("peak MB", "9.0f"),
    "rate_hz": ("Hz", "7.2f"),
    "events_per_cpu_s": ("events/CPU-s", "13.3e"),
}
RATIOS = ("run_cpu_s", "run_wall_s", "build_cpu_s", "build_wall_s", "peak_rss_mb")


def medians(runs: list[dict]) -> dict[str, float]:
    """Median of each number that all runs have."""
    common = set.intersection(*(set(run) for run in runs))
    numbers = {k for k in common if all(isinstance(run[k], (int, float)) for run in runs)}
    return {k: statistics.median(run[k] for run in runs) for k in sorted(numbers)}


def summary(found: dict, base: str = "neurosim") -> dict:
    """Per case and engine: medians, and ratios to ``base`` (above 1: ``base`` needs less)."""
    result: dict[str, dict[str, dict]] = {}
    for case, engines in found.items():
        middle = {name: medians(runs) for name, runs in engines.items() if runs}
        for name, entry in middle.items():
            entry["runs"] = len(engines[name])
            if base in middle:
                shared = [k for k in RATIOS if k in entry and middle[base].get(k)]
                ratios = {k: round(entry[k] / middle[base][k], 3) for k in shared}
                entry["ratios"] = ratios
        result[case] = middle
    return result


def share_of_probe(engines: dict) -> float | None:
    """neurosim's delivery rate over that of the probe beside it."""
    if not {"neurosim", "probe"} <= engines.keys():
        return None
    return engines["neurosim"]["events_per_cpu_s"] / engines["probe"]["events_per_cpu_s"]


def text(summed: dict) -> str:
    """The summary for a terminal."""
    widths = {k: max(int(form.split(".")[0]), len(head)) for k, (head, form) in COLUMNS.items()}
    lines = []
    for case, engines in summed.items():
        head = [f"{head:>{widths[k]}}" for k, (head, _) in COLUMNS.items()]
        lines += [f"{case:<26}" + "".join(f"  {h}" for h in head)]
        for engine, entry in engines.items():
            lines.append(f"  {engine:<24}" + _cells(entry, widths))
            ratios = entry.get("ratios", {})
            if engine not in ("neurosim", "probe") and ratios:
                lines.append(f"  {'  x neurosim':<24}" + _cells(ratios, widths, "10.2f"))
        share = share_of_probe(engines)
        if share is not None:
            lines.append(f"  neurosim delivers {100 * share:.0f} % of the probe's rate")
    return "\n".join(lines)


def _cells(entry: dict, widths: dict, form: str | None = None) -> str:
    cells = ""
    for key, (_, own) in COLUMNS.items():
        digits = (form or own).lstrip("0123456789")
        value = f"{entry[key]:{digits}}" if key in entry else ""
        cells += f"  {value:>{widths[key]}}"
    return cells


def markdown(summed: dict) -> str:
    """The summary as a table for the documentation; ratios to neurosim in brackets."""
    heads = ["case", "engine", *(head for head, _ in COLUMNS.values())]
    lines = ["| " + " | ".join(heads) + " |", "|---" * 2 + "|---:" * len(COLUMNS) + "|"]
    notes = []
    for case, engines in summed.items():
        for engine, entry in engines.items():
            cells = [f"`{case}`", engine, *(_bracketed(engine, entry, key) for key in COLUMNS)]
            lines.append("| " + " | ".join(cells) + " |")
        share = share_of_probe(engines)
        if share is not None:
            notes.append(f"In `{case}` neurosim delivers {100 * share:.0f} % of the probe's rate.")
    return "\n".join(lines + ([""] + notes if notes else []))


def _bracketed(engine: str, entry: dict, key: str) -> str:
    if key not in entry:
        return ""
    value = f"{entry[key]:{COLUMNS[key][1].lstrip('0123456789')}}"
    ratio = entry.get("ratios", {}).get(key)
    if ratio is None or engine in ("neurosim", "probe"):
        return value
    return f"{value} ({ratio:.1f} ×)"
