"""Preferring: what can be preferred, and how a choice takes effect. GUI thread only."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model import weights
from model.published import catalogue
from partrm_viewer.panels.preferences import Choice, Preferences
from partrm_viewer.settings import COPY_EVERY_S, SCALES
from partrm_viewer.words import languages, tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

OF_ACTIONS = {"theme": "theme_", "navigation": "navigate_"}  # choices that actions make; so their names begin


class Preferring:
    """Offers the choices and writes them into the settings."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._began = window.settings
        self._page: Preferences | None = None

    # ---- action

    def preferences(self) -> None:
        """Show the preferences."""
        if self._page is not None:  # what can be chosen may have changed: weights come and go
            self._page.deleteLater()
        began = self._began
        self._page = Preferences(
            self._window, self._choices(), lambda name: getattr(began, name), self._now, self.choose, self._more
        )
        self._page.refresh()
        self._page.show()
        self._page.raise_()
        self._page.activateWindow()

    # ---- choosing

    def choose(self, name: str, value: Any) -> None:
        """Prefer something from now on; what can, takes effect at once."""
        window = self._window
        if name in OF_ACTIONS:
            window.bars.actions[f"{OF_ACTIONS[name]}{value}"].trigger()
        elif name == "network":
            window.use_network(str(value))
        else:
            window.settings = replace(window.settings, **{name: value})
        if name == "scale":
            window.dress()
        elif name == "device":
            window.use_network(window.network)

    @property
    def page(self) -> Preferences | None:
        """Return the page, where it has been asked for."""
        return self._page

    def _now(self, name: str) -> object:
        return self._window.network if name == "network" else getattr(self._window.settings, name)

    def _more(self, name: str) -> None:
        assert name == "network"
        self._window.weights()

    def _choices(self) -> list[Choice]:
        look, view, predict, work = tr("Look"), tr("3D view"), tr("Prediction"), tr("Work")
        cores = os.cpu_count() or 1
        counts = sorted({1, 2, 4, 8, 16, 32, cores} & set(range(1, cores + 1)))
        automatic = tr("Automatic")
        networks = ["embedded", *(e.name for e in catalogue.CATALOGUE if e.kind == "partrm" and _here(e))]
        choices = [
            Choice("theme", look, tr("Theme"), tr("Light or dark"), self._by_actions("theme")),
            Choice(
                "scale", look, tr("Size"), tr("Of letters and all around them"), tuple((n, f"{n} %") for n in SCALES)
            ),
            Choice(
                "language",
                look,
                tr("Language"),
                tr("Of all texts"),
                tuple((name, name) for name in languages()),
                after_restart=True,
            ),
            Choice(
                "renderer",
                view,
                tr("Renderer"),
                tr("What draws the splats; --renderer goes before it"),
                (
                    ("auto", automatic),
                    ("gl", "OpenGL"),
                    ("cpu", tr("Processor")),
                    ("cuda", "CUDA"),
                ),
                after_restart=True,
            ),
            Choice(
                "navigation",
                view,
                tr("Navigation"),
                tr("What the mouse does in the 3D view"),
                self._by_actions("navigation"),
            ),
            Choice(
                "network",
                predict,
                tr("Network"),
                tr("What predicts; others can be fetched on the page of weights"),
                tuple((name, name) for name in networks),
                more=tr("Weights…"),
            ),
            Choice(
                "device",
                predict,
                tr("Device"),
                tr("Where the network runs; --device goes before it"),
                (("auto", automatic), ("cpu", tr("Processor")), ("cuda", tr("Graphics card (CUDA)"))),
            ),
            Choice(
                "threads",
                predict,
                tr("Threads"),
                tr("How many cores may be used at a time"),
                ((0, tr("All cores")), *((n, str(n)) for n in counts)),
                after_restart=True,
            ),
            Choice(
                "copy_every_s",
                work,
                tr("Copies of unsaved work"),
                tr("Offered at the next start where the program did not end by itself"),
                tuple((n, tr("every {n} s").format(n=n)) for n in COPY_EVERY_S),
            ),
        ]
        return [choice for choice in choices if len(choice.offered) > 1 or choice.name == "network"]

    def _by_actions(self, name: str) -> tuple[tuple[object, str], ...]:
        """Return the choices that there are actions for; none where there is no such thing to choose."""
        head, actions = OF_ACTIONS[name], self._window.bars.actions
        found = [(key, action) for key, action in actions.items() if key.startswith(head)]
        return tuple((key.removeprefix(head), action.text().replace("&", "")) for key, action in found)


def _here(entry: catalogue.Weights) -> bool:
    return weights.status(entry).state == "present"
