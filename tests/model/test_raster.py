"""The rasteriser: fine textures do not flicker, depth is the surface's own, and Blender's light is Blender's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.camera import Camera
from model.partdrag4d import light
from model.partdrag4d.articulated import ArticulatedObject, Piece, piece
from model.partdrag4d.raster import draw, look
from model.partdrag4d.soup import posed

CORNERS = np.array([[-1.0, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]])
FACES = np.array([[0, 2, 1], [0, 3, 2]])


def floor(texture: np.ndarray, repeat: float = 1.0, colour: float = 1.0) -> ArticulatedObject:
    """Make a level square of two units a side that faces up."""
    uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])[FACES] * repeat
    return ArticulatedObject("floor", (piece(0, np.eye(4), CORNERS, FACES, np.full(3, colour), uv, texture),), ())


def checks(size: int) -> np.ndarray:
    """Return a checkerboard of single pixels."""
    board = (np.indices((size, size)).sum(0) % 2 * 255).astype(np.uint8)
    return np.repeat(board[..., None], 3, axis=2)


def test_fine_patterns_become_grey_and_stay_so_when_the_camera_moves() -> None:
    made = floor(checks(256), repeat=4)
    seen = [draw(made, [], Camera.orbit(azimuth, 12, 4, 40, 128, 128), 128) for azimuth in (0, 0.3)]
    for one in seen:
        inside = one.rgba[..., 3] == 255
        assert inside.sum() > 1000
        assert one.rgba[inside][:, 0].std() < 12  # black and white without the pyramid: 120
    both = (seen[0].rgba[..., 3] == 255) & (seen[1].rgba[..., 3] == 255)
    moved = seen[0].rgba[both][:, 0].astype(int) - seen[1].rgba[both][:, 0]
    assert np.abs(moved).max() < 30


def test_near_textures_keep_their_pixels() -> None:
    made = floor(checks(8))
    seen = draw(made, [], Camera.orbit(0, 90, 3, 40, 256, 256), 256)
    inside = seen.rgba[..., 3] == 255
    values = seen.rgba[inside][:, 0]
    dark, bright = values.min(), values.max()
    assert dark < 5 and bright > 200
    assert values.std() > 30  # bilinear between the pixels, but no level of the pyramid: that would be grey


def test_depth_is_that_of_the_surface_at_the_pixel() -> None:
    made, camera = floor(np.full((1, 1, 3), 200, np.uint8)), Camera.orbit(25, 35, 4, 40, 128, 128)
    seen = draw(made, [], camera, 128)
    grid = camera.pixel_grid()
    rows, columns = np.nonzero(seen.rgba[..., 3] == 255)
    points = camera.unproject(grid[rows, columns], seen.depth[rows, columns].astype(np.float64))
    assert np.abs(points[:, 1]).max() < 1e-4  # the floor


def test_a_picture_of_two_triangles_has_no_gap() -> None:
    made = floor(np.full((1, 1, 3), 200, np.uint8))
    for azimuth in (0, 17, 45, 61):
        seen = draw(made, [], Camera.orbit(azimuth, 55, 2.2, 30, 96, 96), 96)
        assert (seen.rgba[30:66, 30:66, 3] == 255).all()


def test_what_is_partly_behind_the_camera_is_left_out_and_the_rest_is_drawn() -> None:
    near: Piece = piece(0, np.eye(4), CORNERS * 50, FACES, np.ones(3))
    far = piece(0, np.eye(4), CORNERS, FACES, np.ones(3))
    seen = draw(ArticulatedObject("both", (near, far), ()), [], Camera.orbit(0, 30, 4, 40, 64, 64), 64)
    assert 0 < (seen.rgba[..., 3] > 0).mean() < 0.5


@pytest.mark.parametrize(("grey", "drawn"), [(0.05, 90), (0.2, 139), (0.5, 178), (1.0, 206)])
def test_blenders_light_is_what_eevee_drew(grey: float, drawn: int) -> None:
    # measured: planes of Blender's default material, seen from above under the script's light, "Filmic"
    made = floor(np.full((1, 1, 3), 255, np.uint8), colour=grey)
    seen = draw(made, [], Camera.orbit(0, 89.9, 3, 20, 16, 16), 16, light.BLENDER)
    assert abs(int(seen.rgba[8, 8, 0]) - drawn) <= 2


def test_moved_links_are_drawn_where_their_joints_put_them() -> None:
    from model.articulation.joint import Joint
    from model.partdrag4d.articulated import Movable

    base = floor(np.full((1, 1, 3), 200, np.uint8))
    slide = Movable("lift", Joint("prismatic", np.array([0.0, 1, 0]), np.zeros(3)), (0, 1), 0)
    made = replace(base, pieces=(replace(base.pieces[0], link=1),), movables=(slide,))
    camera = Camera.orbit(0, 90, 4, 40, 32, 32)
    assert draw(made, [0.0], camera, 32).depth[16, 16] == pytest.approx(4, abs=1e-5)
    assert look(posed(made, [1.0]), camera, 32).depth[16, 16] == pytest.approx(3, abs=1e-5)
