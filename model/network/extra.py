"""Extra: the packages of the extra `full`, imported when a network needs them."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from model.errors import PartRMError

HINT = "Install it: pip install 'partrm-viewer[full]'"


def extra(package: str, name: str, whose: str) -> Any:
    """Import one class or function of a package; `whose` it is stands in the error. Raises PartRMError without it."""
    load_triton()
    try:
        return getattr(import_module(package), name)
    except (ImportError, RuntimeError) as absent:  # RuntimeError: a package that a lazy import of theirs needs
        raise PartRMError(f"{whose} needs the package {package}, which cannot be imported", HINT) from absent


def has(*packages: str) -> bool:
    """Tell whether packages are installed, without importing them."""
    return all(find_spec(package) is not None for package in packages)


def load_triton() -> None:
    """Import Triton, where there is one, with its own symbols first; call it before what may import torch._dynamo.

    Mesa's drivers put their LLVM where every library that is loaded later finds it, and Triton, which torchvision,
    diffusers and torch.compile import, brings another version of it: without this the process dies.
    """
    flags = sys.getdlopenflags() if hasattr(sys, "getdlopenflags") else 0
    if not hasattr(os, "RTLD_DEEPBIND"):  # Linux alone has both the flag and the trouble
        return
    sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
    try:
        with contextlib.suppress(ImportError):
            import_module("triton")
    finally:
        sys.setdlopenflags(flags)
