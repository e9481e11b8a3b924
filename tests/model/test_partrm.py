"""PartRM: the released network key for key and number for number, and its oddities each where they belong."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from model.camera import Camera
from model.errors import Cancelled, WeightsError
from model.gaussians import matrix_from_quaternion
from model.network import partrm_input
from model.network.attention import Attention
from model.network.drag_embedding import DragEmbedding, blur, fourier, splat
from model.network.partrm import PartRM, from_weights, gaussians_from_output
from model.network.precision import fastest_dtype
from model.network.unet import DragMerge

GOLDEN = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden beside the checkout")


def free_memory_gb() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20
    except (OSError, StopIteration):
        return 0.0


def recipe(name: str, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Make a weight as the golden file's README says."""
    rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    x = rng.standard_normal(shape).astype(np.float32)
    if name.endswith("alpha"):
        x = np.zeros(shape, np.float32)
    elif len(shape) >= 2:
        x = x / np.sqrt(np.prod(shape[1:]), dtype=np.float32)
    else:
        x = 1 + 0.1 * x if name.endswith("weight") else 0.05 * x
    return torch.from_numpy(np.asarray(x, np.float32))


@golden
def test_big_has_the_released_networks_keys_and_shapes() -> None:
    with torch.device("meta"):
        network = PartRM("big")
    expected = json.loads((GOLDEN / "partrm_big_state_dict_shapes.json").read_text())
    assert {name: list(t.shape) for name, t in network.state_dict().items()} == expected
    assert sum(p.numel() for p in network.parameters()) == 440_746_529


@golden
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_big_gives_the_released_networks_numbers() -> None:
    if free_memory_gb() < 8:
        pytest.skip("needs 8 GB of free memory")
    data = np.load(GOLDEN / "partrm_dev.npz")
    seed = int(data["seed"])
    shapes = json.loads((GOLDEN / "partrm_big_state_dict_shapes.json").read_text())
    network = from_weights({name: recipe(name, tuple(shape), seed) for name, shape in shapes.items()})
    rng = np.random.Generator(np.random.PCG64([seed, 7]))
    views = torch.from_numpy(rng.standard_normal((1, 4, 9, 256, 256)).astype(np.float32))
    with torch.inference_mode():
        out = network(views, *(torch.from_numpy(data[key])[None] for key in ("drags_start", "drags_end")))[0].numpy()
    assert out.shape == (65536, 14)
    assert np.abs(out[data["index"]] - data["gaussians"]).max() < 2e-3
    np.testing.assert_allclose(out.mean(axis=0), data["mean"], atol=1e-3)
    np.testing.assert_allclose(out.std(axis=0), data["std"], atol=1e-3)


def small(merge: DragMerge = "replace") -> PartRM:
    torch.manual_seed(0)
    return PartRM("small", merge).eval()


def inputs(n: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    starts = torch.rand(2, n, 2, generator=generator) * 511
    return torch.randn(2, 4, 9, 64, 64, generator=generator), starts, (starts + 40).clamp(0, 511)


def test_small_gives_gaussians_in_their_ranges() -> None:
    with torch.inference_mode():
        out = small()(*inputs())
    assert out.shape == (2, 4 * 32 * 32, 14)
    assert out[..., :3].abs().max() <= 1 and out[..., 4:7].min() > 0
    assert out[..., 3].min() > 0 and out[..., 3].max() < 1
    torch.testing.assert_close(out[..., 7:11].norm(dim=-1), torch.ones(2, 4096))
    gaussians = gaussians_from_output(out[0])
    assert len(gaussians) == 4096
    np.testing.assert_allclose(gaussians.colours, out[0, :, 11:], atol=1e-6)
    np.testing.assert_array_equal(gaussians.rotations, out[0, :, 7:11])


def test_objects_of_a_batch_do_not_see_each_other() -> None:
    network, (views, starts, ends) = small(), inputs()
    with torch.inference_mode():
        both, one = network(views, starts, ends), network(views[1:], starts[1:], ends[1:])
    torch.testing.assert_close(both[1:], one, atol=1e-4, rtol=1e-4)


def test_every_parameter_that_is_used_learns() -> None:
    network = small().train()
    network(*inputs()).square().mean().backward()
    silent = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent == {"unet.alpha"}


def test_zero_residual_starts_blind_to_drags() -> None:
    network, (views, starts, ends) = small("zero_residual"), inputs()
    with torch.inference_mode():
        torch.testing.assert_close(network(views, starts, ends), network(views, starts * 0, ends * 0))
        assert not torch.equal(small()(views, starts, ends), small()(views, starts * 0, ends * 0))


def test_merge_is_told_from_the_weights() -> None:
    for merge, alpha, told in (
        ("replace", None, "replace"),
        ("replace", 0.0, "replace"),
        ("alpha_residual", 0.7, "alpha_residual"),
        ("zero_residual", 1.0, "alpha_residual"),
    ):
        source = PartRM("small", merge)  # type: ignore[arg-type]
        tensors = source.state_dict()
        if alpha is None:
            del tensors["unet.alpha"]
        else:
            tensors["unet.alpha"] = torch.tensor(alpha)
        network = from_weights(dict(tensors), "small")
        assert network.unet.drag_merge == told
        with torch.inference_mode():
            if merge != "alpha_residual":
                torch.testing.assert_close(network(*inputs()), source.eval()(*inputs()), atol=1e-4, rtol=1e-4)


@golden
def test_lgms_weights_are_partrms_without_drags() -> None:
    with torch.device("meta"):
        lgm = PartRM("big", "none")
    released = json.loads((GOLDEN / "partrm_big_state_dict_shapes.json").read_text())
    drags = ("unet.alpha", "unet.drag_position_net.", "unet.conv_merges.")
    expected = {name: shape for name, shape in released.items() if not name.startswith(drags)}
    assert {name: list(t.shape) for name, t in lgm.state_dict().items()} == expected and len(expected) == 376
    assert sum(p.numel() for p in lgm.parameters()) == 415_042_848


def test_weights_without_drags_are_told_and_give_the_rest_state() -> None:
    network = from_weights(dict(small("none").state_dict()), "small")
    assert network.unet.drag_merge == "none"
    views, starts, ends = inputs()
    with torch.inference_mode():
        torch.testing.assert_close(network(views, starts, ends), network(views, ends, starts))


def test_half_precision_weights_are_widened() -> None:
    tensors = {name: t.half() for name, t in small().state_dict().items()}
    assert all(p.dtype == torch.float32 for p in from_weights(tensors, "small").parameters())


def test_bfloat16_blocks_say_nearly_what_float32_ones_do() -> None:
    tensors = small().state_dict()
    exact, fast = from_weights(tensors, "small"), from_weights(tensors, "small", dtype=torch.bfloat16)
    assert fast.unet.conv_in.weight.dtype == torch.bfloat16
    assert fast.unet.conv_out.weight.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in fast.unet.drag_position_net.parameters())
    with torch.inference_mode():
        wanted, got = exact(*inputs()), fast(*inputs())
    assert got.dtype == torch.float32 and not torch.equal(wanted, got)
    assert (wanted - got).abs().mean() < 0.01 * wanted.std()


def test_the_dtype_is_one_of_the_two_that_are_measured() -> None:
    assert fastest_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)
    assert fastest_dtype(torch.device("cuda"), torch.float16) == torch.float16


def test_weights_of_another_network_are_refused() -> None:
    tensors = small().state_dict()
    with pytest.raises(WeightsError, match="not made for"):
        from_weights(dict(tensors), "big")
    del tensors["conv.weight"]
    with pytest.raises(WeightsError) as caught:
        from_weights(dict(tensors), "small")
    assert "conv.weight" in caught.value.hint


def test_prediction_can_be_cancelled_between_blocks() -> None:
    told: list[float] = []

    def progress(fraction: float, what: str) -> None:
        told.append(fraction)
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled), torch.inference_mode():
        small()(*inputs(), progress=progress)
    assert told == sorted(told) and len(told) > 4


def test_attention_is_softmax_attention() -> None:
    torch.manual_seed(0)
    attention, x = Attention(32, 4), torch.randn(2, 10, 32)
    q, k, v = attention.qkv(x).view(2, 10, 3, 4, 8).unbind(2)
    weights = torch.einsum("bihd,bjhd->bhij", q, k).mul(8**-0.5).softmax(-1)
    slow = attention.proj(torch.einsum("bhij,bjhd->bihd", weights, v).reshape(2, 10, 32))
    torch.testing.assert_close(attention(x), slow, atol=1e-5, rtol=1e-5)


def test_fourier_takes_raw_pixels() -> None:
    values = fourier(torch.tensor([[3.0, 5.0]]))[0]
    slow = []
    for i in range(8):
        f = 100 ** (i / 8)
        slow += [np.sin(3 * f), np.sin(5 * f), np.cos(3 * f), np.cos(5 * f)]
    np.testing.assert_allclose(values, slow, atol=1e-4)


def test_drag_maps_are_transposed_and_collisions_add() -> None:
    points = torch.tensor([[[400.0, 100.0], [401.0, 103.0]]])
    maps = splat(torch.tensor([[[1.0], [2.0]]]), points, 64)[0, 0]
    assert maps[50, 12] == 3 and maps.sum() == 3  # x = 400 chooses row 50


def test_start_and_end_lie_each_at_its_own_place() -> None:
    embedding = DragEmbedding((8,))
    maps = embedding(torch.tensor([[[10.0, 10.0]]]), torch.tensor([[[600.0, 300.0]]]), 0, 32)[0]
    start, end = (half.abs().sum(0).flatten().argmax() for half in maps.split(4))
    assert divmod(int(start), 32) in [(r, c) for r in range(3) for c in range(3)]  # mirrored at the border
    assert divmod(int(end), 32)[1] == 18 and divmod(int(end), 32)[0] >= 29  # clamped to the frame


def test_blur_is_the_gaussian_of_sigma_one() -> None:
    spot = torch.zeros(1, 2, 9, 9)
    spot[0, :, 4, 4] = 1
    line = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    line /= line.sum()
    blurred = blur(spot)[0, 1]
    np.testing.assert_allclose(blurred[2:7, 2:7], np.outer(line, line), atol=1e-6)
    torch.testing.assert_close(blur(torch.ones(1, 1, 8, 8)), torch.ones(1, 1, 8, 8))


def test_training_cameras_are_where_they_were() -> None:
    cameras = partrm_input.partdrag4d_cameras()
    np.testing.assert_allclose(cameras[0].position, [0, 0, 2.4], atol=1e-9)
    np.testing.assert_allclose(cameras[0].T_world_camera[:3, :3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose([c.fov_y_deg for c in cameras], 49.1)
    positions = np.stack([c.position for c in cameras])  # on a circle: equal steps
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    np.testing.assert_allclose(steps, 2 * 1.8735 * np.sin(np.pi / 11), rtol=1e-3)


def test_normalised_keeps_what_lies_between_cameras() -> None:
    cameras = [Camera.orbit(a, 20, 3, 50, 64, 64) for a in (30, 75)]
    moved = partrm_input.normalised(cameras)
    assert np.allclose(moved[0].position, [0, 0, 2.4])
    np.testing.assert_allclose(np.linalg.norm(moved[1].position), 2.4)
    between = np.linalg.inv(cameras[0].T_world_camera) @ cameras[1].T_world_camera
    after = np.linalg.inv(moved[0].T_world_camera) @ moved[1].T_world_camera
    np.testing.assert_allclose(after[:3, :3], between[:3, :3], atol=1e-9)


def test_views_hold_colours_moments_and_directions() -> None:
    images = torch.rand(4, 512, 512, 3, generator=torch.Generator().manual_seed(0))
    cameras = partrm_input.partdrag4d_cameras()
    views = partrm_input.prepare_views(images, cameras)
    assert views.shape == (1, 4, 9, 256, 256) and views.dtype == torch.float32
    quarter = images[0, :2, :2, 1].mean()  # no antialiasing: from 512 to 256 each pixel is the mean of four
    torch.testing.assert_close(views[0, 0, 1, 0, 0], (quarter - 0.456) / 0.224)
    direction = views[0, :, 6:].permute(0, 2, 3, 1)
    torch.testing.assert_close(direction.norm(dim=-1), torch.ones(4, 256, 256))
    f = 128 / np.tan(np.deg2rad(49.1) / 2)
    first = np.array([(-128 + 0.5) / f, (128 - 0.5) / f, -1])
    np.testing.assert_allclose(direction[0, 0, 0], first / np.linalg.norm(first), atol=1e-6)
    moment = torch.linalg.cross(torch.tensor([0.0, 0, 2.4]).expand(256, 256, 3), direction[0])
    torch.testing.assert_close(views[0, 0, 3:6].permute(1, 2, 0), moment, atol=1e-5, rtol=1e-5)


def test_rotations_of_the_output_are_rotations() -> None:
    with torch.inference_mode():
        gaussians = gaussians_from_output(small()(*inputs())[0])
    R = matrix_from_quaternion(gaussians.rotations[:50])
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-5)


def test_the_ablation_of_one_scale_has_its_keys_and_hears_of_drags() -> None:
    with torch.device("meta"):
        big = PartRM("big", "one_scale")
    assert sum(p.numel() for p in big.parameters()) == 434_087_072  # as upstream's `use_ms_drag_encoding=False`
    own = {f"unet.drag_position_net.linears_drag.{k}.{what}" for k in (0, 2, 4) for what in ("weight", "bias")}
    assert {n for n in big.state_dict() if "drag" in n or "merge" in n} == own | {
        "unet.conv_merge.weight",
        "unet.conv_merge.bias",
    }
    network = from_weights(small("one_scale").state_dict(), "small")
    assert network.unet.drag_merge == "one_scale"
    views, starts, ends = inputs()
    with torch.inference_mode():
        a, b = network(views, starts, ends), network(views, starts, ends.flip(-1))
    assert a.shape == small()(views, starts, ends).shape and not torch.equal(a, b)
