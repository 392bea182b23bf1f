"""What is wrong with a chip file? Problems are collected, all of a file at once."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neurosim.errors import ParameterError
from neurosim.units import parse_quantity, quantity

_NAME = re.compile("[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of a chip file: where, what stands there, the rule, and what to do."""

    file: str
    table: str
    key: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        got = f", got {self.value}" if self.value else ""
        where = f"[{self.table}] {self.key}" if self.key else f"[{self.table}]"
        return f"{self.file}: {where} {self.rule}{got}; {self.remedy}"


def short(value: Any) -> str:
    """A value from a stranger's file, short enough for a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# A check takes (problems, table, key, value) and returns the parsed value; where the value
# breaks its rule it reports that and returns None.
Check = Callable[["Problems", str, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: how it is checked, and whether it must be there."""

    check: Check
    required: bool = False
    default: Any = None


@dataclass(slots=True)
class Problems:
    """The list that a validation fills."""

    file: str
    found: list[Problem] = field(default_factory=list)

    def add(self, table: str, key: str, value: Any, rule: str, remedy: str) -> None:
        """Report one problem; ``value`` may be ``...`` where there is none to show."""
        shown = "" if value is ... else short(value)
        if len(key) > 60:
            key = key[:57] + "..."
        # A key of a stranger's file may hold what moves a terminal's cursor.
        key = key if key.isprintable() else ascii(key)
        self.found.append(
            Problem(file=self.file, table=table, key=key, value=shown, rule=rule, remedy=remedy)
        )

    def table(self, name: str, value: Any, keys: dict[str, Key]) -> dict[str, Any]:
        """Check a table against its keys; return parsed values and defaults."""
        if not isinstance(value, dict):
            self.add(name, "", value, "must be a table", f"write [{name}] and its keys")
            return {key: rule.default for key, rule in keys.items()}
        for key in value:
            if key not in keys:
                known = ", ".join(keys)
                self.add(name, key, ..., "is an unknown key", f"known keys: {known}")
        parsed = {}
        for key, rule in keys.items():
            if key in value:
                result = rule.check(self, name, key, value[key])
                parsed[key] = rule.default if result is None else result
            else:
                parsed[key] = rule.default
                if rule.required:
                    self.add(name, key, ..., "is missing", "add it; it is required")
        return parsed


def text(limit: int = 400) -> Check:
    """A non-empty string of bounded length, without control characters."""

    def check(problems: Problems, table: str, key: str, value: Any) -> str | None:
        if isinstance(value, str) and value.strip() and len(value) <= limit:
            line = " ".join(value.split())
            if line.isprintable():
                return line
        rule = f"must be text of 1 to {limit} printable characters"
        problems.add(table, key, value, rule, "write it in quotes")
        return None

    return check


def name_of(limit: int) -> Check:
    """A name that is safe in paths, tables and spreadsheets."""

    def check(problems: Problems, table: str, key: str, value: Any) -> str | None:
        if isinstance(value, str) and len(value) <= limit and _NAME.fullmatch(value):
            return value
        rule = f"must be a name of 1 to {limit} of the characters a-z 0-9 . _ -"
        problems.add(table, key, value, rule, "begin it with a letter or a digit")
        return None

    return check


def words(*options: str) -> Check:
    """One word of a closed list."""

    def check(problems: Problems, table: str, key: str, value: Any) -> str | None:
        if isinstance(value, str) and value in options:
            return value
        problems.add(
            table, key, value, "is not one of the words allowed", f"use {', '.join(options)}"
        )
        return None

    return check


def whole(low: int = 0, high: int = 2**40) -> Check:
    """An integer within bounds (a boolean is not one)."""

    def check(problems: Problems, table: str, key: str, value: Any) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        rule = f"must be an integer from {low} to {high}"
        problems.add(table, key, value, rule, "write a plain number")
        return None

    return check


def fraction(problems: Problems, table: str, key: str, value: Any) -> float | None:
    """A number above 0 and at most 1."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    problems.add(table, key, value, "must be a number above 0 and up to 1", "for example 0.01")
    return None


def true_or_false(problems: Problems, table: str, key: str, value: Any) -> bool | None:
    """A boolean."""
    if isinstance(value, bool):
        return value
    problems.add(table, key, value, "must be true or false", "write it without quotes")
    return None


def in_unit(dimension: str) -> Check:
    """A positive quantity written with its unit."""

    def check(problems: Problems, table: str, key: str, value: Any) -> float | None:
        try:
            result = quantity(value, dimension, owner=table, name=key)
        except ParameterError as error:
            rule = str(error).removeprefix(f"{table}.{key} ").split("; ")[0]
            problems.add(table, key, ..., rule, f"write a value and a unit of {dimension}")
            return None
        if result <= 0:
            problems.add(table, key, value, "must be above 0", "write the published value")
            return None
        return result

    return check


def any_quantity(problems: Problems, table: str, key: str, value: Any) -> str | None:
    """Text that parses as a quantity of any dimension; kept as text."""
    try:
        parse_quantity(value, owner=table, name=key)
    except ParameterError as error:
        rule = str(error).removeprefix(f"{table}.{key} ").split("; ")[0]
        problems.add(table, key, ..., rule, "write a value and a unit, such as '23.6 pJ'")
        return None
    return value


def list_of(check_one: Check, limit: int = 64) -> Check:
    """A list of bounded length, every element checked; a tuple."""

    def check(problems: Problems, table: str, key: str, value: Any) -> tuple | None:
        if not isinstance(value, list) or len(value) > limit:
            rule = f"must be a list of at most {limit}"
            problems.add(table, key, value, rule, 'for example ["a", "b"]')
            return None
        parsed = (check_one(problems, table, key, element) for element in value)
        return tuple(element for element in parsed if element is not None)

    return check


def one_or_some(check_one: Check) -> Check:
    """A single value, or a list of those that are allowed; a tuple, ascending."""

    def check(problems: Problems, table: str, key: str, value: Any) -> Any:
        if not isinstance(value, list):
            return check_one(problems, table, key, value)
        if not value:
            problems.add(table, key, value, "must name what is allowed", "leave the key out")
            return None
        some = list_of(check_one)(problems, table, key, value)
        return None if some is None else tuple(sorted(some))

    return check
