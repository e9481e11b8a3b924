"""From an image to views, from views to Gaussians, from surfaces to other views."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.articulation.joint import Joint
from model.camera import Camera
from model.errors import DragError, ImageError
from model.gaussians import matrix_from_quaternion
from model.network import blocks
from model.network.embedded import Completion, PartNet, PartOutput, Surface, part_logits
from model.stages import frame, multiview, part, part_mask, predict, reconstruct, reproject
from model.stages.state import Motion, State, View


def wall(size: int = 32) -> View:
    """A flat wall through the origin, facing the camera."""
    camera = Camera.orbit(0, 0, frame.distance(np.tan(np.deg2rad(17.5))), 35, size, size)
    depth = np.full((size, size), np.linalg.norm(camera.position), np.float32)
    normal = np.tile(np.array([0, 0, 1], np.float32), (size, size, 1))
    rgb = np.random.default_rng(0).random((size, size, 3)).astype(np.float32)
    return View(camera, rgb, depth, normal)


def test_frame_spans_the_promised_width() -> None:
    view = wall(64)
    left, _ = view.camera.project(np.array([-0.6, 0, 0]))
    assert left[0] == pytest.approx(0, abs=1e-9)


def test_crop_and_photo_camera_agree() -> None:
    mask = np.zeros((300, 500), bool)
    mask[100:200, 250:400] = True
    window = frame.crop_window(mask)
    crop = frame.input_camera(0.3, 35, 128)
    photo = frame.photo_camera(crop, window, 500, 300)
    point = np.array([0.1, -0.2, 0.05])
    in_crop, in_photo = crop.project(point)[0], photo.project(point)[0]
    assert np.allclose(in_photo, in_crop * window[2] / 128 + window[:2])


def test_empty_mask_is_no_object() -> None:
    with pytest.raises(ImageError):
        frame.crop_window(np.zeros((10, 10), bool))


def test_cut_keeps_colours_and_coverage() -> None:
    image = np.full((200, 200, 3), (255, 128, 0), np.uint8)
    mask = np.zeros((200, 200), bool)
    mask[50:150, 50:150] = True
    rgb, alpha = multiview.cut(image, mask, (0.0, 0.0, 200.0), 100)
    assert alpha.sum() == pytest.approx(2500, rel=0.02)
    assert np.allclose(rgb[50, 50], (1, 128 / 255, 0), atol=1e-3)
    assert rgb[5, 5].sum() == 0


def test_reprojection_into_the_same_view_is_the_view() -> None:
    view = wall()
    points, radii = reproject.surface_points(view.camera, view.depth, view.depth > 0)
    normals, rgb = view.normal.reshape(-1, 3), view.rgb.reshape(-1, 3)
    maps, owner = reproject.reproject(points, normals, rgb, 0.4 * radii, (view.camera,))
    assert (maps[0, 3] == 1).all()
    assert np.array_equal(owner[0].ravel(), np.arange(32 * 32))
    assert np.allclose(maps[0, :3].transpose(1, 2, 0), view.rgb, atol=1e-6)
    assert np.allclose(maps[0, 5:8, 4, 4], (0, 0, 1), atol=1e-6)


def test_a_slanted_surface_is_as_deep_in_another_view_as_it_is() -> None:
    """The middle of the nearest disc that reaches into a pixel lies before what the pixel's line of sight meets."""
    camera, other = (Camera.orbit(a, 20, 2.0, 35, 64, 64) for a in (0, 50))
    normal = np.array([0.0, 0.0, 1.0])  # the plane through the world's origin
    depths = []
    for c in (camera, other):
        sight = c.unproject(c.pixel_grid(), 1.0) - c.position
        depths.append(-c.position[2] / sight[..., 2])
    here = np.abs(camera.unproject(camera.pixel_grid(), depths[0])[..., :2]).max(-1) < 0.4
    points, radii = reproject.surface_points(camera, depths[0], here)
    normals = np.tile(normal, (len(points), 1))
    maps, _ = reproject.reproject(points, normals, np.ones_like(points), radii, (other,))
    known = maps[0, 3] > 0.5
    there = np.abs(other.unproject(other.pixel_grid(), depths[1])[..., :2]).max(-1) < 0.4
    assert (known != there).mean() < 0.01
    assert np.allclose((maps[0, 4] + 2.0)[known], depths[1][known], atol=1e-4)


def test_a_guess_that_another_view_looks_past_or_through_is_left_out() -> None:
    view = wall()
    depth = view.depth.copy()
    depth[:, :16] = 0  # the left half is empty there
    seen = replace(view, depth=depth)
    middle = float(np.median(view.depth))
    pixels = np.array([[8.5, 16.5], [24.5, 16.5], [24.5, 16.5], [24.5, 16.5], [400.0, 16.5]])
    depths = middle + np.array([0, 0, 0.2, -0.2, 0])  # beside it, on it, behind it, before it, out of the picture
    kept = reconstruct.consistent(view.camera.unproject(pixels, depths), [seen])
    assert kept.tolist() == [False, True, True, False, True]


def test_reprojection_tells_backs_from_fronts() -> None:
    view = wall()
    behind = Camera.orbit(180, 0, float(np.linalg.norm(view.camera.position)), 35, 32, 32)
    points, radii = reproject.surface_points(view.camera, view.depth, view.depth > 0)
    maps, _ = reproject.reproject(points, view.normal.reshape(-1, 3), view.rgb.reshape(-1, 3), radii, (behind,))
    assert maps[0, 3].sum() == 0 and maps[0, 8].mean() > 0.95


def test_discs_lie_in_their_surface() -> None:
    gaussians = reconstruct.view_discs(wall(), 0.5)
    R = matrix_from_quaternion(gaussians.rotations)
    assert np.allclose(np.abs(R[:, 2, 2]), 1, atol=1e-5)
    assert (gaussians.scales[:, 2] < gaussians.scales[:, 0]).all()
    assert np.allclose(gaussians.positions[:, 2], 0, atol=1e-6)
    assert np.allclose(np.abs(part.disc_normals(gaussians)[:, 2]), 1, atol=1e-5)


def test_a_slanted_surface_is_seen_where_the_line_of_sight_meets_it() -> None:
    """A regression: the nearest of a pixel's splats is the one drawn, and its middle lay 0.03 before the surface."""
    fine, coarse = wall(128).camera, wall(32).camera
    normal = np.array([np.sin(1.1), 0.0, np.cos(1.1)])
    sight = fine.unproject(fine.pixel_grid(), 1.0) - fine.position
    depth = (-(fine.position @ normal) / (sight @ normal)).astype(np.float32)
    flat = np.tile(normal.astype(np.float32), (128, 128, 1))
    gaussians = reconstruct.view_discs(View(fine, np.zeros((128, 128, 3), np.float32), depth, flat))
    seen = part.look(gaussians, coarse, 32)
    sight = coarse.unproject(coarse.pixel_grid(), 1.0) - coarse.position
    truth = -(coarse.position @ normal) / (sight @ normal)
    assert np.allclose(seen.depth[:, :20], truth[:, :20], atol=1e-3)


def test_a_plane_seen_from_its_edge_keeps_its_points_depth() -> None:
    camera = wall().camera
    point = np.array([0.1, 0.0, 0.0])
    depth = part.plane_depth(camera, np.array([16.0, 16.0]), point, np.array([1.0, 0.0, 0.0]))
    assert depth == pytest.approx(np.linalg.norm(camera.position))


def test_a_click_on_a_border_asks_its_decided_neighbours() -> None:
    code = torch.zeros(1, PartNet.CODE, 128, 128)
    code[:, 0, :, 64:] = 2.0
    code[:, 0, :, 63] = 0.7  # at the border, the network is between the two
    spread = torch.zeros(1, 128, 128)
    spread[:, :, 63] = 1.65
    small = torch.zeros(1, 3, 64, 64)
    out = PartOutput(code, spread, small[:, 0], small[:, 0], small, small)
    blank = np.zeros((128, 128, 3))
    seen = part.Seen(blank[..., 0], blank, blank, np.zeros((128, 128), np.int32))
    parts = part.Parts(out, seen, blank, blank, blank, np.ones((128, 128), bool))
    click = np.array([63.5, 40.5])
    assert part_logits(out, torch.from_numpy(click)[None, None])[0, 0, 40, 100] > 0  # alone, it would take all
    logits = part.clicked_logits(parts, click)
    assert logits[40, 20] > 0 and logits[40, 100] < 0


def test_guessed_points_before_the_image_are_carved() -> None:
    first = wall(64)
    side = Camera.orbit(90, 0, float(np.linalg.norm(first.camera.position)), 35, 64, 64)
    # the side view claims a surface through the whole frame: its half before the wall must go
    depth = np.full((64, 64), np.linalg.norm(side.position), np.float32)
    guess = View(side, np.ones((64, 64, 3), np.float32), depth, np.tile(np.array([1, 0, 0], np.float32), (64, 64, 1)))
    joined = reconstruct.reconstruct((first, guess))
    extra = joined.positions[64 * 64 :]
    assert len(extra) > 100 and (extra[:, 2] < 0.05).all()


def test_level_brings_the_elevation_nearer_to_upright_faces() -> None:
    e = np.deg2rad(25)
    R = Camera.orbit(0, 25, 1, 35, 8, 8).T_world_camera[:3, :3]
    faces = np.repeat(np.array([[0.6, 0, 0.8], [-0.8, 0, 0.6], [0, 1, 0]]), 50, 0)
    assert abs(multiview.level(faces @ R, e + np.deg2rad(6)) - e) < np.deg2rad(4.5)


def test_sharp_upsample_keeps_edges() -> None:
    depth = np.where(np.arange(8) < 4, 1.0, 2.0)[None].repeat(8, 0).astype(np.float32)
    large = multiview.sharp_upsample(depth, np.ones((8, 8), bool), 16)
    assert set(np.unique(large)) == {1.0, 2.0}


def small_state() -> State:
    view = wall(64)
    gaussians = reconstruct.view_discs(view, 0.5)
    image = (view.rgb * 255).astype(np.uint8)
    return State(image, np.ones((64, 64), bool), view.camera, view.camera, gaussians)


def test_every_object_pixel_can_be_clicked() -> None:
    torch.manual_seed(0)
    state = small_state()
    parts = part.read_parts(state, PartNet().eval())
    for click in ((0.0, 0.0), (32.0, 32.0), (63.9, 63.9)):
        found = part.find_part(state, parts, click)
        assert found.mask[int(click[1]), int(click[0])]
        assert found.splats.shape == (len(state.gaussians),)
        assert np.hypot(*(state.camera.project(found.grab)[0] - click)) < 1


def test_click_beside_the_object_snaps_and_far_away_is_refused() -> None:
    mask = np.zeros((100, 100), bool)
    mask[40:60, 40:60] = True
    assert part_mask.nearest_object_pixel(mask, (38.5, 50.2)) == (40.5, 50.5)
    with pytest.raises(DragError, match="no object"):
        part_mask.nearest_object_pixel(mask, (10.0, 10.0))
    with pytest.raises(DragError, match="outside"):
        part_mask.nearest_object_pixel(mask, (-4.0, 10.0))


def test_sweep_covers_both_places() -> None:
    camera = wall(64).camera
    before = np.array([[-0.3, -0.1, 0], [-0.2, -0.1, 0], [-0.3, 0.1, 0], [-0.2, 0.1, 0]])
    swept = predict.sweep(np.concatenate([before, before + np.array([0.5, 0, 0])]), camera)
    pixels = camera.project(np.array([[-0.25, 0, 0], [0.0, 0, 0], [0.25, 0, 0], [0.0, 0.4, 0]]))[0].astype(int)
    assert [bool(swept[y, x]) for x, y in pixels] == [True, True, True, False]


def test_networks_keep_their_shapes() -> None:
    out = Surface().eval()(torch.rand(2, 3, 128, 128), torch.rand(2, 128, 128), torch.tensor([0.3, 0.4]))
    assert out.depth.shape == (2, 128, 128) and out.normal.shape == (2, 3, 128, 128)
    done = Completion().eval()(torch.rand(2, 4, 13, 64, 64))
    assert done.rgb.shape == (2, 4, 3, 64, 64) and done.alpha.shape == (2, 4, 64, 64)


@pytest.mark.parametrize("keys", [blocks.FEW, blocks.FEW + 1])
def test_attention_is_what_the_library_computes(keys: int) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 1, n, c, generator=generator) for n, c in ((7, 8), (keys, 8), (keys, 3)))
    bias = torch.where(torch.rand(2, 1, 1, keys, generator=generator) < 0.5, 0.0, -1e4)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    torch.testing.assert_close(blocks.attend(q, k, v, bias), expected)


def test_unit_has_length_one_and_survives_zero() -> None:
    long = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(blocks.unit(long, 1), torch.nn.functional.normalize(long, dim=1))
    assert (blocks.unit(torch.zeros(1, 3), 1) == 0).all()


def test_a_move_that_uncovers_nothing_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    state = small_state()
    monkeypatch.setattr(predict, "sweep", lambda places, camera: np.zeros((64, 64), bool))
    monkeypatch.delattr(predict, "complete")
    part = np.zeros(len(state.gaussians), bool)
    part[:500] = True
    motion = Motion(Joint("prismatic", np.array([0, 0, 1.0]), np.zeros(3)), 0.2, 0.0, 1.0)
    moved = predict.move_and_fill(state, state.gaussians, part, motion, Completion().eval())
    assert len(moved) == len(state.gaussians)


def test_fill_knows_opening_from_closing() -> None:
    body = np.random.default_rng(0).uniform(-0.3, 0.3, (200, 3))
    shut = np.array([[0.0, 0.0, 0.3]])
    assert predict.opens(body, shut, shut + np.array([0, 0, 0.2]))
    assert not predict.opens(body, shut + np.array([0, 0, 0.2]), shut)


def test_fill_stays_in_the_boxes_of_what_is_there() -> None:
    corner = np.full(3, 0.3)
    points = np.array([[0.0, 0, 0], [0.5, 0, 0], [0.9, 0.9, 0.9]])
    boxes = [(-corner, corner), (corner + 0.5, corner + 0.7)]
    assert predict.in_boxes(points, boxes).tolist() == [True, False, True]
    assert not predict.in_boxes(points, []).any()


def test_closing_adds_only_the_outside_of_what_was_seen_from_within(monkeypatch: pytest.MonkeyPatch) -> None:
    state = small_state()
    pulled = np.zeros(len(state.gaussians), bool)
    pulled[:500] = True  # the wall's upper rows
    out = Joint("prismatic", np.array([0, 0, 1.0]), np.zeros(3))
    gaussians = state.gaussians.moved(out.transform(0.2), pulled)

    def guess(maps: np.ndarray, cameras: tuple[Camera, ...], net: Completion) -> tuple[View, ...]:
        depths = [np.full((64, 64), np.linalg.norm(c.position) - 0.015, np.float32) for c in cameras]
        flat = np.zeros((64, 64, 3), np.float32)
        return tuple(
            View(c, flat, d, flat + np.array([0, 0, 1], np.float32)) for c, d in zip(cameras, depths, strict=True)
        )

    monkeypatch.setattr(predict, "complete", guess)
    closed = predict.move_and_fill(state, gaussians, pulled, Motion(out, -0.2, 0.0, 1.0), Completion().eval())
    np.testing.assert_allclose(closed.positions[: len(gaussians)], state.gaussians.positions, atol=1e-6)
    added = closed.positions[len(gaussians) :]
    lowest = state.gaussians.positions[pulled, 1].min()
    assert len(added) > 100 and (added[:, 2] < 0).all() and (added[:, 1] > lowest - predict.ROOM - 0.02).all()


def plate(thick: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a plate's front and back, half a unit wide, as (N, 3) points and normals."""
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(-0.25, 0.25, 40), np.linspace(-0.25, 0.25, 40)))
    front, back = np.stack([x, y, 0 * x], 1), np.stack([x, y, 0 * x - thick], 1)
    normals = np.repeat([[0, 0, 1.0], [0, 0, -1.0]], len(x), 0)
    return np.concatenate([front, back]), normals


def test_a_part_whose_back_is_seen_has_its_thickness_and_a_shut_one_none() -> None:
    points, normals = plate(0.06)
    low, high = np.array([-0.25, -0.25, 0.0]), np.array([0.25, 0.25, 0.0])
    assert part.thickness(points, normals[:, 2] < 0, low, high) == pytest.approx(0.06)
    assert part.thickness(points[:1600], normals[:1600, 2] < 0, low, high) is None


def test_the_hidden_rim_of_a_free_lid_goes_with_it() -> None:
    points, normals = plate(0.06)
    points[1600:, :2] *= 1.09  # its back reaches 22 thousandths beyond its front
    n = len(points)
    camera = Camera.orbit(0, 0, 1.5, 35, 128, 128)
    gaussians = reconstruct.discs(points, normals, np.full((n, 3), 0.5), np.full(n, 0.008), camera.position)
    everything = np.ones((part_mask.EDGES, part_mask.EDGES), bool)
    own = part.part_splats(gaussians, camera, part.look(gaussians, camera), everything, points[:1600], normals[:1600])
    assert own.all()
