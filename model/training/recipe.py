"""Recipe: every number of PartRM's training, by name, with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["motion", "appearance"]


@dataclass(frozen=True)
class Recipe:
    """How PartRM is trained; the defaults are its authors' (options.py, options_pm.py, train.py) unless noted."""

    # AdamW and OneCycleLR as train.py builds them
    learning_rate: float = 5e-4  # LGM's was 4e-4
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)  # OneCycleLR moves the first between 0.85 and 0.95, as torch's default
    warm_up_steps: int = 3000  # pct_start = 3000 / steps; of a short run, at most WARM_UP_SHARE
    clip_norm: float = 1.0
    batch: int = 8  # samples a process
    precision: Literal["bf16", "no"] = "bf16"  # Accelerate's; the constructor wins over the published yaml's fp16
    # What a sample is
    drags: int = 10  # true ones, of points that view 0 sees where there are any
    jitter_px: float = 5.0  # deviation of the drags' ends ...
    jitter_chance: float = 0.5  # ... in every second sample
    distortion_chance: float = 0.5  # of a grid distortion of views 1 to 3 (LGM)
    distortion: float = 0.5  # of a grid step
    distortion_steps: tuple[int, int] = (8, 16)
    camera_jitter_chance: float = 0.5  # of turning the cameras of views 1 to 3 (LGM)
    camera_jitter: float = 0.1  # of half a turn about up, half as much about right
    # Losses
    motion_weight: float = 1.0  # lambda_flow; all 14 activated channels count alike
    alpha_weight: float = 1.0
    perceptual_weight: float = 1.0  # lambda_lpips
    rendered_views: int = 12  # of the target in stage 2; the paper says eight
    rendered_size: int = 256  # px; output_size
    # Ours: the authors keep no average
    ema: float = 0.999


WARM_UP_SHARE = 0.25
