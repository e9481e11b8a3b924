"""Themes: text can be read, and colours that mean something differ for those who see fewer of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtGui import QColor

from partrm_viewer import theme
from partrm_viewer.theme import DARK, LIGHT, Theme

# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    """Return (3,) linear RGB of a colour's name."""
    c = QColor(colour)
    v = np.array([c.redF(), c.greenF(), c.blueF()])
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Return WCAG's contrast ratio, 1..21."""
    high, low = sorted((float(TO_XYZ[1] @ linear(c)) for c in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, who: str) -> np.ndarray:
    """Return (3,) CIE Lab of a colour as somebody sees it."""
    xyz = TO_XYZ @ np.clip(SEEN_BY[who] @ linear(colour), 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("of", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_what_it_lies_on(of: Theme) -> None:
    pairs = [(text, on) for text in (of.text, of.muted) for on in (of.window, of.pane, of.hover)]
    pairs += [(of.accent_text, of.accent), (of.warning_text, of.warning), (of.warning_text, of.pane)]
    for text, on in pairs:
        assert contrast(text, on) >= 4.5, (text, on, contrast(text, on))
    for mark in (of.accent, of.muted):
        assert contrast(mark, of.pane) >= 3


@pytest.mark.parametrize("who", SEEN_BY)
@pytest.mark.parametrize("of", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_that_mean_something_differ_for_everybody(of: Theme, who: str) -> None:
    meanings = {"text": of.text, "muted": of.muted, "selected": of.accent, "warning": of.warning_text}
    for (one, a), (other, b) in combinations(meanings.items(), 2):
        distance = float(np.linalg.norm(lab(a, who) - lab(b, who)))
        assert distance > 15, (one, other, distance)


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_pull_stands_out_of_furniture_for_everybody(who: str) -> None:
    furniture = ("#ffffff", "#000000", "#8a6a4a", "#c49a6c", "#5b3a22", "#9aa0a6", "#d8d2c4", "#6b7a3a", "#a33b2e")
    for colour in furniture:
        assert np.linalg.norm(lab(theme.PULL.name(), who) - lab(colour, who)) > 30, colour
