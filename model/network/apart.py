"""Apart: load Triton before something else does, so that it does not take an OpenGL driver's LLVM for its own."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module


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
