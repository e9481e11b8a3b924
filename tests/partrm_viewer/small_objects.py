"""Objects that cost little to draw, and a pool whose worker is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from model.partdrag4d import build
from partrm_viewer.dataset.pool import LocalPool, Lost

T = TypeVar("T")
R = TypeVar("R")

CABINET = """<robot name="cabinet">
  <link name="body"><visual><geometry><box size="0.5 0.8 1"/></geometry></visual></link>
  <joint name="drawer" type="prismatic"><origin xyz="0.26 0 0.2"/><parent link="body"/><child link="front"/>
    <axis xyz="1 0 0"/><limit lower="0" upper="0.4"/></joint>
  <link name="front"><visual><geometry><box size="0.02 0.7 0.3"/></geometry>
    <material name="red"><color rgba="0.8 0.1 0.1 1"/></material></visual></link>
  <joint name="door" type="revolute"><origin xyz="0.26 0.35 -0.2"/><parent link="body"/><child link="leaf"/>
    <axis xyz="0 0 1"/><limit lower="0" upper="1.5"/></joint>
  <link name="leaf"><visual><origin xyz="0 -0.35 0"/><geometry><box size="0.02 0.7 0.4"/></geometry></visual></link>
  <joint name="knob" type="continuous"><origin xyz="0.3 -0.2 0.2"/><parent link="front"/><child link="k"/>
    <axis xyz="1 0 0"/></joint>
  <link name="k"><visual><geometry><sphere radius="0.05"/></geometry></visual></link>
</robot>"""


def write_cabinet(folder: Path, name: str = "cabinet") -> Path:
    """Write an object with a drawer, a door and a knob on the drawer that turns without end."""
    path = folder / f"{name}.urdf"
    path.write_text(CABINET)
    return path


class HerePool:
    """Runs tasks in this process."""

    def run(self, work: Callable[[T], R], tasks: Sequence[T], stop: Callable[[], None]) -> Iterator[tuple[T, R | Lost]]:
        return ((task, work(task)) for task in tasks)

    def close(self) -> None:
        """Do nothing."""


class DyingPool(LocalPool):
    """Kills its worker in the middle of a state: once, or whenever the task is tried."""

    def __init__(self, marker: Path, always: bool = False) -> None:
        super().__init__(1)
        self.marker, self.always = marker, always

    def run(self, work: Callable[[T], R], tasks: Sequence[T], stop: Callable[[], None]) -> Iterator[tuple[T, R | Lost]]:
        return super().run(partial(_dying, self.marker, self.always, work), tasks, stop)


def _dying(marker: Path, always: bool, work: Callable[[T], R], task: T) -> R:
    if work.__name__ == "draw_shard" and (always or not marker.exists()):
        marker.touch()
        write, left = build._write_png, 5

        def killed(path: Path, pixels: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            write(path, pixels)  # type: ignore[arg-type]

        build._write_png = killed
    return work(task)


def tell_pid_and_sleep(path: Path) -> None:
    """Write this process's number, then do nothing for long."""
    path.with_suffix(".part").write_text(str(os.getpid()))
    path.with_suffix(".part").rename(path)
    time.sleep(60)


def write_when(task: tuple[Path | None, Path]) -> None:
    """Wait for the first file, then write the second."""
    first, second = task
    while first is not None and not first.exists():
        time.sleep(0.02)
    second.touch()
