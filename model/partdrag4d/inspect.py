"""Look at an articulated object: its tree in words, and one sheet of pictures with every joint at its limits."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from model.camera import Camera
from model.partdrag4d.articulated import ArticulatedObject, Movable
from model.partdrag4d.raster import draw

PANE = 288  # px, a picture's side
LABEL = 34  # px, of the words below it
MARGIN = 0.94  # of the pane's half, that the object reaches in its widest pose
ELEVATION, FOV = 22.0, 35.0  # degrees
MAX_COLUMNS = 6


def tree(made: ArticulatedObject) -> str:
    """Describe an object: links with their faces and textures, joints with kind, axis (y up) and limits."""
    low, high = (f(made.points(made.rest), axis=0) for f in (np.min, np.max))
    faces = sum(len(p.faces) for p in made.pieces)
    lines = [
        f"{made.name}  {made.category or 'category unknown'}",
        f"  {' x '.join(f'{x:.3g}' for x in high - low)} (x, y up, z), {faces:,} faces, {len(made.movables)} joints"
        + (f", {len(made.samples.points):,} surface points" if made.samples is not None else ""),
        f"  body: {_shown(made, 0)}",
    ]

    def below(link: int, indent: str) -> None:
        for k, m in enumerate(made.movables):
            if m.parent == link:
                lines.append(f"{indent}{_number(k, m)} {m.name or 'unnamed'}: {_moves(m)}; {_shown(made, k + 1)}")
                below(k + 1, indent + "  ")

    below(0, "    ")
    return "\n".join(lines)


def sheet(made: ArticulatedObject) -> np.ndarray:
    """Draw an object at rest and with each joint at its lower and its upper limit, (H, W, 3) uint8."""
    rest = made.rest
    poses, labels = [rest], ["at rest"]
    for k, m in enumerate(made.movables):
        for amount in m.limits:
            pose = rest.copy()
            pose[k] = amount
            poses.append(pose)
            labels.append(f"{_number(k, m)} {m.name}: {_amount(m, amount)}")
    camera = _camera(made, poses)
    panes = []
    for pose, label in zip(poses, labels, strict=True):
        seen = (draw(made, pose, camera, PANE).on_white * 255).round().astype(np.uint8)
        pane = np.full((PANE + LABEL, PANE, 3), 255, np.uint8)
        pane[:PANE] = seen
        told = label.encode("ascii", "replace").decode()  # the letters that OpenCV can draw
        cv2.putText(pane, told[:44], (6, PANE + 21), cv2.FONT_HERSHEY_SIMPLEX, 0.37, (40, 40, 40), 1, cv2.LINE_AA)
        panes.append(pane)
    columns = min(MAX_COLUMNS, len(panes))
    panes += [np.full_like(panes[0], 255)] * (-len(panes) % columns)
    return np.concatenate(
        [np.concatenate(panes[k : k + columns], axis=1) for k in range(0, len(panes), columns)], axis=0
    )


def _camera(made: ArticulatedObject, poses: list[np.ndarray]) -> Camera:
    """Look from the side from which most of the movable parts is seen; all poses fit into the picture."""
    points = np.concatenate([made.points(pose) for pose in poses])
    low, high = points.min(0), points.max(0)
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    away = radius / np.sin(np.deg2rad(FOV / 2))

    def at(azimuth: float, size: int) -> Camera:
        camera = Camera.orbit(azimuth, ELEVATION, away, FOV, size, size, target=tuple(middle))
        pixels, _ = camera.project(points)
        grow = MARGIN * size / 2 / float(np.abs(pixels - size / 2).max())
        return replace(camera, fx=camera.fx * grow, fy=camera.fy * grow)

    def moving(azimuth: float) -> int:
        seen = draw(made, poses[0], at(azimuth, 96), 96)
        return int(((seen.link > 0) & (seen.depth > 0)).sum())

    best = max((25.0, 115.0, 205.0, 295.0, -25.0, 65.0, 155.0, 245.0), key=moving)
    return at(best, PANE)


def _moves(m: Movable) -> str:
    low, high = (_amount(m, x) for x in m.limits)
    kind = "continuous" if m.continuous else m.joint.kind
    reach = "without end" if m.continuous else f"{low} to {high}"
    axis = ", ".join(f"{x:.2f}" for x in np.round(m.joint.axis, 2) + 0.0)  # no -0.00
    return f"{kind} about ({axis}), {reach}" if m.joint.kind == "revolute" else f"{kind} along ({axis}), {reach}"


def _shown(made: ArticulatedObject, link: int) -> str:
    pieces = [p for p in made.pieces if p.link == link]
    sizes = sorted({p.texture.shape[:2] for p in pieces if p.texture.shape[:2] != (1, 1)})
    textures = ", ".join(f"{w}x{h}" for h, w in sizes)
    return f"{sum(len(p.faces) for p in pieces):,} faces, " + (f"textures {textures}" if textures else "no texture")


def _number(k: int, m: Movable) -> int:
    return m.number if m.number >= 0 else k


def _amount(m: Movable, amount: float) -> str:
    return f"{np.rad2deg(amount):.1f} deg" if m.joint.kind == "revolute" else f"{amount:.3g}"
