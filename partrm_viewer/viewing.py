"""Viewing: the actions that change how the 3D view is looked at; none changes the Document. GUI thread only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from model.stages.frame import elevation_deg
from partrm_viewer.feature import Feature
from partrm_viewer.panels.pose import PoseSheet
from partrm_viewer.tools import navigate
from partrm_viewer.tools.grips import PRESETS
from partrm_viewer.words import tr

if TYPE_CHECKING:
    from partrm_viewer.window import Window

UP_NAMES = {f"up_{'plus' if name[0] == '+' else 'minus'}_{name[1]}": axis for name, axis in navigate.UPS.items()}


class Viewing(Feature):
    """The window's view menu; an action of that menu is a method here."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._viewport = viewport = window.parts.viewport
        self._pose: PoseSheet | None = None
        viewport.set_background(window.settings.background)
        viewport.set_ground(window.settings.ground)
        viewport.set_upright(window.settings.upright)
        viewport.steering.preset = window.settings.navigation
        viewport.steering.flying_changed.connect(self._flying)
        for name, axis in UP_NAMES.items():
            setattr(self, name, partial(self._stand, axis))
        for name in PRESETS:
            setattr(self, f"navigate_{name}", partial(self._hold, name))

    def checked(self) -> dict[str, bool]:
        """Tell which of the actions are switched on."""
        settings, view = self._window.settings, self._viewport.view
        return {
            "background": settings.background == "black",
            "ground": settings.ground,
            "upright": settings.upright,
            "orthographic": view is not None and view.orthographic,
            "fly": self._viewport.steering.flying,
            **{name: view is not None and bool((view.up == axis).all()) for name, axis in UP_NAMES.items()},
            **{f"navigate_{name}": settings.navigation == name for name in PRESETS},
        }

    # ---- actions

    def input_view(self) -> None:
        """Look from where the photo was taken."""
        self._viewport.go_home()
        self._window.parts.photo.fit()
        self._window.work_changed()

    def focus_part(self) -> None:
        """Turn around the selected part."""
        self._viewport.focus_part()

    def background(self) -> None:
        """Change between white and black behind the splats."""
        name = "white" if self._window.settings.background == "black" else "black"
        self._window.settings = replace(self._window.settings, background=name)
        self._viewport.set_background(name)
        self._window.work_changed()

    def ground(self) -> None:
        """Show a grid under the object, or no longer."""
        self._window.settings = replace(self._window.settings, ground=not self._window.settings.ground)
        self._viewport.set_ground(self._window.settings.ground)
        self._window.work_changed()

    def upright(self) -> None:
        """Take the object's own vertical for the vertical, or the photo's."""
        window = self._window
        upright, shown = not window.settings.upright, window.session.document.shown
        window.settings = replace(window.settings, upright=upright)
        self._viewport.set_upright(upright)
        window.work_changed()
        if shown is not None and shown.state is not None:
            tilt = f"the photo looks down by {elevation_deg(shown.state.crop):.0f}°"
            window.say(f"Upright: {tilt}" if upright else f"As the photo's camera has it: {tilt}, which is left in")

    def orthographic(self) -> None:
        """Let parallel lines stay parallel, or no longer."""
        view = self._viewport.view
        if view is not None:
            self._viewport.set_view(replace(view, orthographic=not view.orthographic))
            self._window.work_changed()

    def fly(self) -> None:
        """Move with keys until it is ended."""
        self._viewport.steering.fly(not self._viewport.steering.flying)

    def camera_pose(self) -> None:
        """Show the camera's numbers, to be changed."""
        if self._pose is None:
            self._pose = PoseSheet(self._window, self._viewport)
        self._pose.show()
        self._pose.raise_()

    # ---- what the table's many-fold actions do

    def _stand(self, up: np.ndarray) -> None:
        """Turn the view so that another axis of the file, (3,), points upwards."""
        view = self._viewport.view
        if view is not None:
            self._viewport.set_view(navigate.with_up(view, up))
            self._window.work_changed()

    def _hold(self, preset: str) -> None:
        """Hold the mouse as another program has it."""
        self._window.settings = replace(self._window.settings, navigation=preset)
        self._viewport.steering.preset = preset
        self._window.work_changed()
        self._window.say(self._window.bars.actions[f"navigate_{preset}"].toolTip())

    def _flying(self, on: bool) -> None:
        window = self._window
        window.say(tr("Flying: W A S D, Q and E move, Shift hurries, the wheel changes the speed") if on else "")
        window.work_changed()
