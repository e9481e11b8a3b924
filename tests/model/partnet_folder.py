"""A small PartNet-Mobility v0 folder: a cabinet with a door, a knob on the door that turns without end, a drawer.

Made from the layout's public description; its part list names children before their parents, as real ones do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

BOXES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {  # low and high corner
    "original-1": ((-0.5, -0.5, -0.3), (0.5, 0.5, 0.2)),
    "original-2": ((-0.5, 0.0, 0.2), (0.5, 0.5, 0.22)),
    "new-0": ((0.35, 0.2, 0.22), (0.4, 0.3, 0.24)),
    "original-3": ((0.36, 0.22, 0.24), (0.39, 0.25, 0.27)),
    "original-7": ((-0.5, -0.5, -0.2), (0.5, 0.0, 0.23)),
}
RESULT: list[dict[str, Any]] = [
    {"id": 0, "name": "storage_furniture", "text": "Storage", "children": [
        {"id": 1, "name": "cabinet_body", "objs": ["original-1"]},
        {"id": 2, "name": "cabinet_door", "children": [
            {"id": 4, "name": "door_panel", "objs": ["original-2"]}, {"id": 5, "name": "handle", "objs": ["new-0"]},
            {"id": 6, "name": "knob", "objs": ["original-3"]},
        ]},
        {"id": 3, "name": "drawer", "objs": ["original-7"]},
    ]}
]  # fmt: skip
LEAVES = {"original-1": 1, "original-2": 4, "new-0": 5, "original-3": 6, "original-7": 3}
KNOB, DOOR, DRAWER, BODY = range(4)  # places in mobility_v2.json
HINGE, TURN, SLIDE = (-0.5, 0.0, 0.2), (0.375, 0.235, 0.24), (0.0, -0.2, 0.0)


def parts() -> list[dict[str, Any]]:
    """Return mobility_v2.json's list."""

    def entry(
        number: int, parent: int, joint: str, name: str, leaves: list[int], told: dict[str, Any]
    ) -> dict[str, Any]:
        listed = [{"id": leaf, "name": name, "children": []} for leaf in leaves]
        return {"id": number, "parent": parent, "joint": joint, "name": name, "parts": listed, "jointData": told}

    def told(origin: Any, way: Any, a: Any, b: Any, free: bool = False) -> dict[str, Any]:
        return {"limit": {"a": a, "b": b, "noLimit": free}, "axis": {"origin": list(origin), "direction": list(way)}}

    return [
        entry(KNOB, DOOR, "hinge", "knob", [6], told(TURN, (0, 0, 1), None, None, True)),
        entry(DOOR, BODY, "hinge", "door", [4, 5], told(HINGE, (0, 1, 0), 0, -90)),  # opens from a to a lower b
        entry(DRAWER, BODY, "slider", "drawer", [3], told((0, -0.2, None), (0, 0, 2), 0, 0.2)),
        entry(BODY, -1, "heavy", "cabinet_body", [1], {}),
    ]


def write(folder: Path, listed: list[dict[str, Any]] | None = None, points: int = 200) -> Path:
    """Write the object into a folder of its own; `listed` stands in for mobility_v2.json."""
    (folder / "textured_objs").mkdir(parents=True)
    (folder / "images").mkdir()
    paint = np.zeros((16, 16, 3), np.uint8)
    paint[:8, :, 0], paint[8:, :, 2] = 255, 255
    Image.fromarray(paint).save(folder / "images" / "texture_0.png")
    for name, (low, high) in BOXES.items():
        (folder / "textured_objs" / f"{name}.obj").write_text(box(name, low, high))
        (folder / "textured_objs" / f"{name}.mtl").write_text("newmtl m0\nKd 1 1 1\nmap_Kd ../images/texture_0.png\n")
    (folder / "result.json").write_text(json.dumps(RESULT))
    (folder / "mobility_v2.json").write_text(json.dumps(parts() if listed is None else listed))
    (folder / "mobility.urdf").write_text(urdf())
    (folder / "meta.json").write_text('{"model_cat": "StorageFurniture", "anno_id": "0"}')
    if points:
        rng = np.random.default_rng(0)
        labels = rng.choice([*LEAVES.values(), 99], points)  # 99: a part that mobility_v2.json leaves out
        mesh_of = {leaf: mesh for mesh, leaf in LEAVES.items()} | {99: "original-1"}
        at = np.array([rng.uniform(*BOXES[mesh_of[label]]) for label in labels])
        (folder / "point_sample").mkdir()
        np.savetxt(folder / "point_sample" / "pts-10000.txt", at, fmt="%.6f")
        np.savetxt(folder / "point_sample" / "label-10000.txt", labels, fmt="%d")
    return folder


def box(name: str, low: tuple[float, float, float], high: tuple[float, float, float]) -> str:
    """Return a textured box as OBJ text."""
    lines = [f"mtllib {name}.mtl"]
    for k in range(8):
        lines.append("v " + " ".join(str((high if k >> i & 1 else low)[i]) for i in range(3)))
    lines += ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1", "usemtl m0"]
    for a, b, c, d in ((1, 3, 4, 2), (5, 6, 8, 7), (1, 2, 6, 5), (3, 7, 8, 4), (1, 5, 7, 3), (2, 4, 8, 6)):
        lines += [f"f {a}/1 {b}/2 {c}/3", f"f {a}/1 {c}/3 {d}/4"]
    return "\n".join(lines) + "\n"


def urdf() -> str:
    """Return the same object as the data set's own mobility.urdf has it: z up, its front towards -x."""

    def link(number: int, meshes: tuple[str, ...], at: tuple[float, float, float]) -> str:
        where = " ".join(str(-x) for x in at)
        shown = "".join(
            f'<visual><origin xyz="{where}"/><geometry><mesh filename="textured_objs/{m}.obj"/></geometry></visual>'
            for m in meshes
        )
        return f'<link name="link_{number}">{shown}</link>'

    def joint(number: int, kind: str, parent: str, at: Any, axis: str, limits: str = "") -> str:
        return (
            f'<joint name="joint_{number}" type="{kind}"><origin xyz="{" ".join(map(str, at))}"/>'
            f'<parent link="{parent}"/><child link="link_{number}"/><axis xyz="{axis}"/>{limits}</joint>'
        )

    knob = tuple(a - b for a, b in zip(TURN, HINGE, strict=True))
    return (
        '<?xml version="1.0" ?><robot name="partnet"><link name="base"/>'
        + link(KNOB, ("original-3",), TURN)
        + link(DOOR, ("original-2", "new-0"), HINGE)
        + link(DRAWER, ("original-7",), SLIDE)
        + link(BODY, ("original-1",), (0, 0, 0))
        + f'<joint name="joint_{BODY}" type="fixed"><origin rpy="1.570796326794897 0 -1.570796326794897" xyz="0 0 0"/>'
        f'<parent link="base"/><child link="link_{BODY}"/></joint>'
        + joint(KNOB, "continuous", f"link_{DOOR}", knob, "0 0 1")
        + joint(DOOR, "revolute", f"link_{BODY}", HINGE, "0 1 0", '<limit lower="-1.5707963267948966" upper="0"/>')
        + joint(DRAWER, "prismatic", f"link_{BODY}", SLIDE, "0 0 1", '<limit lower="0" upper="0.4"/>')
        + "</robot>"
    )
