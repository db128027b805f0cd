"""Numbers as people read them: two that differ never look alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_MOST_DIGITS = 9
"""Maximum number of significant digits."""


def percent(probability: float, digits: int = 2) -> str:
    """A probability in percent, rounded to significant digits and without an exponent.

    Example:
        >>> percent(0.0379), percent(0.5), percent(0.000312)
        ('3.8 %', '50 %', '0.031 %')
    """
    return f"{_rounded(100 * probability, digits)} %"


def percents(probability: float, other: float) -> tuple[str, str]:
    """Two probabilities in percent, with as many digits as tell them apart.

    Example:
        >>> percents(0.0379, 0.12), percents(0.1142, 0.1144), percents(1e-7, 0.002), percents(0.1, 0.1)
        (('3.8 %', '12 %'), ('11.42 %', '11.44 %'), ('under 0.01 %', '0.2 %'), ('10 %', '10 %'))
    """
    low, high = sorted((probability, other))
    if 0 < low < 1e-4 <= high:
        words = "under 0.01 %", percent(high)
        return words if probability == low else (words[1], words[0])
    for digits in range(2, _MOST_DIGITS + 1):
        words = percent(probability, digits), percent(other, digits)
        if words[0] != words[1] or probability == other:
            break
    return words


def probability_of_keeping(p: float) -> str:
    """A probability near 1, with as many decimals as show its distance to 1, and at least two.

    Example:
        >>> [probability_of_keeping(p) for p in (0.5, 0.968, 0.9968, 1.0)]
        ['0.50', '0.97', '0.997', '1.00']
    """
    decimals = 2 if p >= 1 else max(2, -math.floor(math.log10(1 - p)))
    return f"{p:.{decimals}f}"


def distinct(values: Sequence[float], digits: int = 3) -> list[str]:
    """Values with as many significant digits, at least ``digits``, as tell different ones apart.

    Example:
        >>> distinct([0.8959, 0.6304, 1.0, 0.98222]), distinct([0.97561, 0.97573]), distinct([1234.5, 1200.1])
        (['0.896', '0.63', '1', '0.982'], ['0.9756', '0.9757'], ['1234', '1200'])
    """
    n = len(set(values))
    for some in range(digits, _MOST_DIGITS + 1):
        words = [_rounded(value + 0.0, some) for value in values]  # no "-0"
        if len(set(words)) == n:
            break
    return words


def apart_from(value: float, others: Sequence[float], words: Sequence[str], digits: int = 3) -> str:
    """A value with as many digits as tell it from others, which are already in words.

    Example:
        >>> apart_from(0.6714, [0.506, 0.6711], ["0.506", "0.671"]), apart_from(0.9, [], [])
        ('0.6714', '0.9')
    """
    for some in range(digits, _MOST_DIGITS + 1):
        shown = _rounded(value + 0.0, some)
        if shown not in words or value in others:
            break
    return shown


def _rounded(value: float, digits: int) -> str:
    """A value rounded to significant digits. Digits before the point are all kept."""
    if not math.isfinite(value) or (value and not 1e-5 <= abs(value) < 1e15):
        return f"{value:.{digits}g}"
    before = math.floor(math.log10(abs(value))) + 1 if value else 1
    return str(np.format_float_positional(round(value, max(digits - before, 0)), trim="-"))
