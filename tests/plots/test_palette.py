"""The lines of the report are told apart in both modes, with any colour vision."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from lcstop._utils.palette import BAND, GREY, INCUMBENT, INK, STOPPED
from lcstop.plots.figures import GROUPS
from lcstop.plots.page import DARK

GROUNDS = {"light": "#ffffff", "dark": DARK["#ffffff"]}
VISION = {
    "full": np.eye(3),
    # Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
MIN_DIFFERENCE = 20.0
"""Least distance of two colours in CIELAB. About 2 can just be seen."""

MIN_CONTRAST = 3.0
"""Least contrast of a graphic with its ground (WCAG 2.1, 1.4.11)."""

LINEAR_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = LINEAR_RGB_TO_XYZ @ rgb.clip(0, 1) / (LINEAR_RGB_TO_XYZ @ np.ones(3))
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def contrast(color: str, other: str) -> float:
    low, high = sorted((LINEAR_RGB_TO_XYZ @ linear(c))[1] for c in (color, other))
    return (high + 0.05) / (low + 0.05)


def shown(color: str, mode: str) -> str:
    return DARK.get(color, color) if mode == "dark" else color


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("mode", GROUNDS)
def test_lines_are_told_apart(mode, vision):
    # The chosen trial is drawn in INK.
    for one, other in combinations([*(style["color"] for style in GROUPS.values()), INK], 2):
        a, b = (lab(VISION[vision] @ linear(shown(color, mode))) for color in (one, other))
        assert np.linalg.norm(a - b) >= MIN_DIFFERENCE, (one, other)


@pytest.mark.parametrize("color", [BAND, GREY, INCUMBENT, INK, STOPPED])
@pytest.mark.parametrize("mode", GROUNDS)
def test_lines_stand_out_from_their_ground(mode, color):
    assert contrast(shown(color, mode), GROUNDS[mode]) >= MIN_CONTRAST


def test_without_any_colour_the_width_tells():
    widths = sorted(style["width"] for style in GROUPS.values())
    assert all(b / a >= 1.3 for a, b in pairwise(widths))
