"""LPIPS-VGG from a file: the package's own arithmetic, nothing downloaded, bad files refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from model.errors import WeightsError
from model.evaluation.lpips_vgg import load_lpips_vgg

LAYERS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
LAYERS |= {17: (256, 512), 19: (512, 512), 21: (512, 512), 24: (512, 512), 26: (512, 512), 28: (512, 512)}


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    """VGG-16's convolutions as torchvision names them, with random numbers."""
    torch.manual_seed(0)
    made = {}
    for k, (few, many) in LAYERS.items():
        made[f"features.{k}.weight"] = torch.randn(many, few, 3, 3) * (2 / (9 * few)) ** 0.5
        made[f"features.{k}.bias"] = torch.zeros(many)
    return made


def test_it_is_the_packages_lpips(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    torch.save(tensors | {"classifier.0.bias": torch.zeros(4)}, path)
    network = load_lpips_vgg(path)
    lpips = pytest.importorskip("lpips")
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        own = lpips.LPIPS(net="vgg", pnet_rand=True, pretrained=False, verbose=False)
    state = torch.load(
        Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth", map_location="cpu", weights_only=True
    )
    state |= {f"net.{n}": tensors["features." + n.split(".", 1)[1]] for n, _ in own.net.named_parameters()}
    own.load_state_dict(state, assign=True, strict=False)
    a, b = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(network(a, b), own.eval()(a, b))
        assert float(network(a, a).abs().max()) == 0 and float(network(a, b).min()) > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_what_is_not_vgg_is_refused(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no file") as told:
        load_lpips_vgg(tmp_path / "no.pth")
    assert "vgg16-397923af" in told.value.hint
    torch.save({n: t for n, t in tensors.items() if not n.startswith("features.28")}, tmp_path / "short.pth")
    with pytest.raises(WeightsError, match="does not hold VGG-16"):
        load_lpips_vgg(tmp_path / "short.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError):
        load_lpips_vgg(tmp_path / "cut.pth")
