"""What the tests of the splat formats share: Gaussians of all kinds, what is expected of them, the real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.errors import FormatError
from model.formats import files
from model.gaussians import Gaussians

SPLATS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "splats"
real = pytest.mark.skipif(not SPLATS.is_dir(), reason="no ../shared/data/splats beside the checkout")


def some(n: int = 50, k: int = 16, antialiased: bool = False, seed: int = 1, spread: float = 1.0) -> Gaussians:
    """Make n Gaussians of all shapes with k coefficients a channel, `spread` world units around the origin."""
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((n, 4))
    arrays = [
        spread * rng.standard_normal((n, 3)),
        q / np.linalg.norm(q, axis=1, keepdims=True),
        np.exp(rng.standard_normal((n, 3)) - 4),
        rng.uniform(0.01, 0.99, n),
        rng.uniform(-0.9, 0.9, (n, k, 3)),
    ]
    positions, rotations, scales, opacities, sh = (np.asarray(a, np.float32) for a in arrays)
    return Gaussians(positions, rotations, scales, opacities, sh, antialiased)


def assert_equal(a: Gaussians, b: Gaussians, atol: float = 1e-5) -> None:
    """Expect the same Gaussians, antialiased or not."""
    for name in ("positions", "scales", "opacities", "sh"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=atol, err_msg=name)
    same_side = np.abs(np.sum(a.rotations * b.rotations, axis=1))  # q and -q are the same rotation
    np.testing.assert_allclose(same_side, 1, atol=max(atol, 1e-5))


def assert_sound(g: Gaussians) -> None:
    """Expect Gaussians that can be drawn, whatever the file was."""
    assert len(g) > 0
    for array in (g.positions, g.rotations, g.scales, g.opacities, g.sh):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(np.linalg.norm(g.rotations, axis=1), 1, atol=1e-5)


def refusal(path: Path) -> FormatError:
    """Expect that a file is refused with its name and a hint; returns the error."""
    with pytest.raises(FormatError) as caught:
        files.read(path)
    assert path.name in caught.value.title and caught.value.hint
    return caught.value
