"""LPIPS-VGG (Zhang et al. 2018), from VGG-16 weights that lie on this computer: nothing is downloaded."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model import weights
from model.errors import PartRMError, WeightsError
from model.network.extra import load_triton
from model.published.file import load_checkpoint

HINT = "Install it: pip install 'partrm-viewer[evaluation]'"
WHERE = "LPIPS needs torchvision's vgg16-397923af.pth (528 MB, ImageNet): fetch it, and give its path with --lpips."
SLICES = (4, 9, 16, 23, 30)  # of VGG's features, the layer with which each of the five stages ends


def load_lpips_vgg(path: Path) -> Any:
    """Load the network; called with two (B, 3, H, W) pictures in -1..1 it gives (B, 1, 1, 1) distances.

    path: torchvision's VGG-16 state dict, whole or its `features` alone. What weighs the layers comes with the package
    `lpips`. Raises WeightsError where the file is absent, damaged or of another network, PartRMError without `lpips`.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path}", WHERE)
    tensors = weights.load(path) if path.suffix == ".safetensors" else load_checkpoint(path)
    load_triton()
    try:
        lpips = import_module("lpips")
    except ImportError as absent:
        raise PartRMError("LPIPS needs the package lpips, which cannot be imported", HINT) from absent
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # it calls torchvision as older ones were called
        network = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
    linear = Path(str(lpips.__file__)).parent / "weights" / "v0.1" / "vgg.pth"
    given = torch.load(linear, map_location="cpu", weights_only=True)
    filled: dict[str, Tensor] = {}
    for name, empty in network.state_dict().items():
        if name.startswith("net."):  # net.slice2.5.weight is features.5.weight
            layer = name.split(".", 2)[2]
            tensor = tensors.get(f"features.{layer}", tensors.get(layer))
        elif name.startswith("lins."):  # the same modules as lin0 to lin4
            tensor = given[name.replace("lins.", "lin", 1)]
        else:
            tensor = given.get(name)
        if tensor is None and name.startswith("scaling_layer."):
            tensor = empty
        if tensor is None or tensor.shape != empty.shape:
            raise WeightsError(f"{path} does not hold VGG-16 ({name} is missing or of another size)", WHERE)
        filled[name] = tensor.float()
    network.load_state_dict(filled, assign=True)
    return network.eval().requires_grad_(False)
