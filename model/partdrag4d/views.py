"""Views: where the twelve cameras of a state stand, and where its object is put before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from model.camera import Camera
from model.partdrag4d import light
from model.partdrag4d.articulated import ArticulatedObject, Samples
from model.partdrag4d.circle import VIEWS, partdrag4d_cameras
from model.partdrag4d.dataset import OFFSET, SCALE, SIZE, Y_UP
from model.partdrag4d.raster import look
from model.partdrag4d.soup import posed
from model.partdrag4d.states import State, carried, parts
from model.partdrag4d.surface import sampled

PresetName = Literal["partdrag4d", "plain"]
YAWS_DEG = (0.0, 90.0, 180.0, 270.0)
PARTNET_YAW_DEG = 90.0  # its objects look along +z, ours towards camera 0 at +x
PLAIN_SCALE, PLAIN_FOV_DEG, PLAIN_FILL = 0.5, 35.0, 0.92
PLAIN_ELEVATIONS_DEG = (20.0, 40.0)  # in turns
LEAST_GAIN = 0.9  # of the ground plan's box, for an object to be taken as askew
SMALL = 96  # px, side of the pictures that choose an object's front
DIRECTIONS = 256  # in which an object's outline is measured


@dataclass(frozen=True, eq=False)
class Preset:
    """A way to take pictures of an object."""

    name: PresetName
    scale: float  # points in files times this plus offset is Blender's world
    offset: tuple[float, float, float]
    light: np.ndarray  # see model.partdrag4d.light


PRESETS: dict[str, Preset] = {
    # PartDrag-4D's normalisation is the same for all objects: none is fitted to its pictures.
    "partdrag4d": Preset("partdrag4d", SCALE, OFFSET, light.BLENDER),
    "plain": Preset("plain", PLAIN_SCALE, (0.0, 0.0, 0.0), light.STUDIO),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """An object in the world of its cameras (y up), ready for its pictures to be taken."""

    made: ArticulatedObject
    mesh: str  # what names call it
    category: str
    preset: Preset
    yaw_deg: float  # how far it was turned about the vertical to face camera 0
    samples: Samples

    def in_file(self, points: np.ndarray) -> np.ndarray:
        """Return (N, 3) world points as point files hold them: z up, before the preset's scale and offset."""
        return (points @ Y_UP - np.array(self.preset.offset)) / self.preset.scale


def subject(made: ArticulatedObject, mesh: str, category: str, preset: Preset, seed: int) -> Subject:
    """Bring an object to PartNet's size and pose (unit sphere, front to +x) and put it before a preset's cameras.

    PartNet's objects have that size and a known front; of others the side is taken that shows most of what moves.
    """
    T, yaw = np.eye(4), PARTNET_YAW_DEG
    if not any(m.number >= 0 for m in made.movables):
        askew = _askew_deg(made)
        made = made.placed(turned(askew))
        points = made.points(made.rest)
        middle = (points.max(0) + points.min(0)) / 2
        radius = float(np.linalg.norm(points - middle, axis=1).max())
        T[:3, :3], T[:3, 3] = np.eye(3) / radius, -middle / radius
        yaw = _front_deg(made.placed(T), preset)
        told = (askew + yaw) % 360
    else:
        told = yaw
    made = made.placed(_placing(preset, yaw) @ T)
    return Subject(made, mesh, category, preset, told, sampled(made, mesh, seed))


def _placing(preset: Preset, yaw_deg: float) -> np.ndarray:
    """Return the (4, 4) that turns a normalised object and puts it into the world of the cameras."""
    T = turned(yaw_deg)
    T[:3, :3] *= preset.scale
    T[:3, 3] = Y_UP @ np.array(preset.offset)
    return T


def _front_deg(made: ArticulatedObject, preset: Preset) -> float:
    """Return the yaw at which camera 0 sees the moving parts best, at rest and half open; each part has one vote."""
    made = made.placed(_placing(preset, 0))
    chosen, _ = parts(made)
    half = made.rest
    for k in chosen:
        half[k] = sum(made.movables[k].limits) / 2
    states = [posed(made, made.rest), posed(made, half)]
    camera = partdrag4d_cameras(SMALL)[0]
    shown = np.zeros((len(YAWS_DEG), len(chosen)))  # px
    for i, yaw in enumerate(YAWS_DEG):
        round_it = replace(camera, T_world_camera=turned(-yaw) @ camera.T_world_camera)  # as turning the object
        for state in states:
            links = look(state, round_it, SMALL).link
            shown[i] += [np.isin(links, carried(made, k + 1)).sum() for k in chosen]
    votes = (shown / np.maximum(shown.max(0), 1)).sum(1)
    return YAWS_DEG[int(votes.argmax())]


def _askew_deg(made: ArticulatedObject) -> float:
    """Return how far an object must be turned to stand straight: its ground plan's box is then clearly the smallest."""
    plan = made.points(made.rest)[:, [0, 2]].astype(np.float32)

    def area(yaw_deg: float) -> float:
        return float(np.ptp(plan @ turned(yaw_deg)[np.ix_([0, 2], [0, 2])].T, axis=0).prod())

    angle = round(float(cv2.minAreaRect(plan)[2]), 1)
    best = min((0.0, angle, -angle), key=area)
    return best if area(best) < LEAST_GAIN * area(0.0) else 0.0


def turned(yaw_deg: float) -> np.ndarray:
    """Return the (4, 4) turn about the vertical."""
    c, s = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    return np.array([[c, 0, s, 0], [0, 1, 0, 0], [-s, 0, c, 0], [0, 0, 0, 1]])


def cameras(subject: Subject, states: Sequence[State]) -> list[Camera]:
    """Return the twelve cameras of all states of an object, SIZE² pixels."""
    if subject.preset.name == "partdrag4d":
        return partdrag4d_cameras(SIZE)
    return plain_cameras(subject.made, [state.amounts for state in states])


def plain_cameras(made: ArticulatedObject, states: Sequence[Sequence[float]]) -> list[Camera]:
    """Return twelve cameras evenly round an object, as near as all its states fit into all pictures.

    They look at the middle of the box that all states fill, from two heights in turns.
    """
    points = _outline(made, states)
    middle = (points.max(0) + points.min(0)) / 2
    points = points - middle
    aims = [(90.0 + 360 / VIEWS * k, PLAIN_ELEVATIONS_DEG[k % 2]) for k in range(VIEWS)]  # the first from +x
    tan = PLAIN_FILL * np.tan(np.deg2rad(PLAIN_FOV_DEG) / 2)
    away = 0.0
    for azimuth, elevation in aims:
        local = points @ Camera.orbit(azimuth, elevation, 1, PLAIN_FOV_DEG, SIZE, SIZE).T_world_camera[:3, :3]
        away = max(away, float((np.abs(local[:, :2]).max(1) / tan + local[:, 2]).max()))
    x, y, z = (float(m) for m in middle)
    return [Camera.orbit(a, e, away, PLAIN_FOV_DEG, SIZE, SIZE, (x, y, z)) for a, e in aims]


def _outline(made: ArticulatedObject, states: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the outermost points of every link in every state, (P, 3) world: all others lie between them."""
    aims = np.random.default_rng(0).normal(size=(DIRECTIONS, 3))
    links = sorted({p.link for p in made.pieces})
    outer = {}
    for link in links:
        vertices = np.concatenate([p.vertices for p in made.pieces if p.link == link])
        ends = np.unique(np.concatenate([(vertices @ aims.T).argmax(0), vertices.argmin(0), vertices.argmax(0)]))
        outer[link] = vertices[ends]
    found = []
    for amounts in sorted(set(map(tuple, states))) or [tuple(made.rest)]:
        poses = made.poses(amounts)
        found += [outer[link] @ poses[link, :3, :3].T + poses[link, :3, 3] for link in links]
    return np.concatenate(found)


def camera_told(camera: Camera, depth_scale: float) -> dict[str, object]:
    """Return what NNN_camera.json says: PartDrag-4D's place and axes in Blender's world, and our lens."""
    pose = Y_UP.T @ camera.T_world_camera[:3]
    told: dict[str, object] = {"origin": pose[:, 3].tolist()}
    told |= {name: pose[:, i].tolist() for i, name in enumerate("xyz")}
    return told | {"fov_y_deg": camera.fov_y_deg, "depth_scale": depth_scale}
