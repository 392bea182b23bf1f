"""What does this chip file say? Chips listed, shown and checked from the shell."""

import os
from pathlib import Path
from typing import Any

from ..errors import FormatError
from ..hardware import check_chip, list_chips, load_chip

# Of the values in JSON; a count is of clock cycles.
_SI = {"energy": "J", "power": "W", "time": "s", "count": "cycles"}


def chip_rows() -> list[dict[str, Any]]:
    """Return one row per chip of the package: what it is and how well it is known."""
    rows = []
    for name in list_chips():
        chip = load_chip(name)
        rows.append(
            {
                "name": name,
                "title": chip.title,
                "vendor": chip.vendor,
                "year": chip.year,
                "kind": chip.kind,
                "node": chip.node,
                "tier": chip.tier,
            }
        )
    return rows


def chip_details(name_or_path: str) -> dict[str, Any]:
    """Return one chip with its cores, prices and sources, ready for JSON."""
    chip = load_chip(Path(name_or_path) if os.sep in name_or_path else name_or_path)
    return {
        "name": chip.name,
        "title": chip.title,
        "vendor": chip.vendor,
        "year": chip.year,
        "kind": chip.kind,
        "node": chip.node,
        "licence": chip.licence,
        "tier": chip.tier,
        "evidence": chip.evidence,
        "cores": [
            {
                "count": core.count,
                "roles": list(core.roles),
                "layers": list(core.layers),
                "resources": dict(core.resources),
            }
            for core in chip.cores
        ],
        "limits": dict(chip.limits),
        "neuron_models": list(chip.neuron.models),
        "prices": [_price(price) for price in chip.prices.values()],
        "figures_not_used": [
            {"what": figure.what, "value": figure.value, "why": figure.why}
            for figure in chip.figures
        ],
    }


def _price(price: Any) -> dict[str, Any]:
    if price.status != "priced":
        return {"path": price.path, "status": price.status, "reason": price.reason}
    return {
        "path": price.path,
        "status": price.status,
        "text": price.text,
        "value": price.value,
        "low": price.low,
        "high": price.high,
        "unit": _SI[price.dimension],
        "scope": price.scope,
        "basis": price.basis,
        "conditions": dict(price.conditions),
        "source": str(price.source),
        "read": price.read,
    }


def chip_text(details: dict[str, Any]) -> str:
    """Lay out :func:`chip_details` for people."""
    head = [
        f"{details['name']}: {details['title']} ({details['vendor']}, {details['year']}, "
        f"{details['node']})",
        f"kind {details['kind']}; tier {details['tier']}: {details['evidence']}",
    ]
    for core in details["cores"]:
        resources = ", ".join(f"{key} {value}" for key, value in core["resources"].items())
        what = ", ".join(core["roles"] + [f"{kind} layers" for kind in core["layers"]])
        head.append(f"{core['count']} x core ({what}): {resources}")
    if details["limits"]:
        limits = (
            f"{name} {limit if isinstance(limit, int) else '/'.join(map(str, limit))}"
            for name, limit in details["limits"].items()
        )
        head.append(f"limits: {', '.join(limits)}")
    head.append("prices (SI: low .. value .. high):")
    for price in details["prices"]:
        if price["status"] != "priced":
            head.append(f"  {price['path']:<28} {price['status']}: {price['reason']}")
            continue
        head.append(
            f"  {price['path']:<28} {price['low']:.4g} .. {price['value']:.4g} .. "
            f"{price['high']:.4g}  ({price['text']}; {price['scope']}, {price['basis']})"
        )
        head.append(f"  {'':<28} {price['source']}")
    head += [
        f"not used: {figure['what']}, {figure['value']}: {figure['why']}"
        for figure in details["figures_not_used"]
    ]
    return "\n".join(head)


def check_file(path: Path) -> dict[str, Any]:
    """Validate a chip file.

    Raises
    ------
    FormatError
        Every problem found, one per line.
    """
    found = check_chip(path)
    if isinstance(found, list):
        raise FormatError("\n".join(str(problem) for problem in found))
    return {"file": str(path), "valid": True, "name": found.name, "title": found.title}
