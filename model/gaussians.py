"""Gaussians: what every stage makes and every renderer draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SH_C0 = 0.28209479177387814  # Y_00, the constant spherical harmonic
SH_C1 = 0.4886025119029199
SH_C2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
SH_C3 = (
    -0.5900435899266435,
    2.890611442640554,
    -0.4570457994644658,
    0.3731763325901154,
    -0.4570457994644658,
    1.445305721320277,
    -0.5900435899266435,
)


@dataclass(frozen=True, eq=False)
class Gaussians:
    """N anisotropic 3D Gaussians in world units; scales linear, opacities 0..1."""

    positions: np.ndarray  # (N, 3) float32, world units
    rotations: np.ndarray  # (N, 4) float32, unit quaternions wxyz
    scales: np.ndarray  # (N, 3) float32, standard deviations, world units
    opacities: np.ndarray  # (N,) float32, 0..1
    sh: np.ndarray  # (N, K, 3) float32, K = 1, 4, 9 or 16 coefficients a colour channel
    antialiased: bool = False  # drawn with the low-pass compensated in the opacity

    def __post_init__(self) -> None:
        n = len(self.positions)
        shapes = {"positions": (n, 3), "rotations": (n, 4), "scales": (n, 3), "opacities": (n,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            assert array.shape == shape and array.dtype == np.float32, (name, array.shape, array.dtype)
        assert self.sh.dtype == np.float32, self.sh.dtype
        assert self.sh.shape[0] == n and self.sh.shape[1] in (1, 4, 9, 16) and self.sh.shape[2:] == (3,)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def sh_degree(self) -> int:
        """Return the degree of the spherical harmonics, 0..3."""
        return int(self.sh.shape[1] ** 0.5) - 1

    @property
    def colours(self) -> np.ndarray:
        """Return the view-independent colours, (N, 3) float32, display space, 0..1."""
        return np.clip(self.sh[:, 0] * SH_C0 + 0.5, 0.0, 1.0).astype(np.float32)

    @staticmethod
    def from_colours(
        positions: np.ndarray,  # (N, 3)
        rotations: np.ndarray,  # (N, 4) wxyz
        scales: np.ndarray,  # (N, 3)
        opacities: np.ndarray,  # (N,)
        colours: np.ndarray,  # (N, 3) display space, 0..1
        antialiased: bool = False,
    ) -> Gaussians:
        """Build Gaussians whose colour is the same from every side."""
        sh = ((np.asarray(colours, np.float32) - 0.5) / SH_C0)[:, None]
        p, r, s, o = (np.ascontiguousarray(a, dtype=np.float32) for a in (positions, rotations, scales, opacities))
        return Gaussians(p, r, s, o, sh, antialiased)

    def select(self, index: np.ndarray | slice) -> Gaussians:
        """Return the Gaussians at a boolean mask, an index array or a slice (then without a copy), in that order."""
        return replace(
            self,
            positions=self.positions[index],
            rotations=self.rotations[index],
            scales=self.scales[index],
            opacities=self.opacities[index],
            sh=self.sh[index],
        )

    def box(self, stray_percent: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper corner, (3,) each, so many strays left out at each end of each axis."""
        low, high = np.percentile(self.positions, [stray_percent, 100 - stray_percent], axis=0)
        return low, high

    def with_sh_degree(self, degree: int) -> Gaussians:
        """Return the same Gaussians at a degree of spherical harmonics, 0..3: cut, or padded with zeros."""
        k = (degree + 1) ** 2
        return replace(self, sh=np.pad(self.sh[:, :k], ((0, 0), (0, max(k - self.sh.shape[1], 0)), (0, 0))))

    def moved(self, T: np.ndarray, index: np.ndarray | None = None) -> Gaussians:
        """Apply a rigid (4, 4) transform to all Gaussians, or to those at a boolean mask.

        Higher spherical harmonics keep their world directions (they are not rotated).
        """
        index = np.ones(len(self), bool) if index is None else index
        positions, rotations = self.positions.copy(), self.rotations.copy()
        positions[index] = positions[index] @ T[:3, :3].T.astype(np.float32) + T[:3, 3].astype(np.float32)
        rotations[index] = quaternion_multiply(quaternion_from_matrix(T[:3, :3]), rotations[index])
        return replace(self, positions=positions, rotations=rotations)


def sh_basis(directions: np.ndarray, count: int) -> np.ndarray:
    """Evaluate the first `count` (1, 4, 9 or 16) harmonics at unit directions (N, 3), as 3DGS has them; (N, count)."""
    x, y, z = directions.T
    c2, c3 = SH_C2, SH_C3
    columns = [np.full_like(x, SH_C0)]
    if count > 1:
        columns += [-SH_C1 * y, SH_C1 * z, -SH_C1 * x]
    if count > 4:
        columns += [c2[0] * x * y, c2[1] * y * z, c2[2] * (2 * z * z - x * x - y * y), c2[3] * x * z]
        columns += [c2[4] * (x * x - y * y)]
    if count > 9:
        columns += [
            c3[0] * y * (3 * x * x - y * y),
            c3[1] * x * y * z,
            c3[2] * y * (4 * z * z - x * x - y * y),
        ]
        columns += [c3[3] * z * (2 * z * z - 3 * x * x - 3 * y * y), c3[4] * x * (4 * z * z - x * x - y * y)]
        columns += [c3[5] * z * (x * x - y * y), c3[6] * x * (x * x - 3 * y * y)]
    return np.stack(columns, axis=1)


def concatenate(parts: list[Gaussians]) -> Gaussians:
    """Join sets of Gaussians; lower SH degrees are padded with zeros to the highest."""
    assert parts
    degree = max(p.sh_degree for p in parts)
    return Gaussians(
        np.concatenate([p.positions for p in parts]),
        np.concatenate([p.rotations for p in parts]),
        np.concatenate([p.scales for p in parts]),
        np.concatenate([p.opacities for p in parts]),
        np.concatenate([p.with_sh_degree(degree).sh for p in parts]),
        antialiased=parts[0].antialiased,
    )


def quaternion_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply quaternions wxyz, (..., 4) by (..., 4), as float32."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    ).astype(np.float32)


def quaternion_from_matrix(R: np.ndarray) -> np.ndarray:
    """Turn rotation matrices (..., 3, 3) into unit quaternions wxyz (..., 4) float32.

    Takes the largest of the four candidate components as pivot (Shepperd 1978).
    """
    R = np.asarray(R, np.float64)
    m = [[R[..., i, j] for j in range(3)] for i in range(3)]
    four = np.stack(
        [
            1 + m[0][0] + m[1][1] + m[2][2],
            1 + m[0][0] - m[1][1] - m[2][2],
            1 - m[0][0] + m[1][1] - m[2][2],
            1 - m[0][0] - m[1][1] + m[2][2],
        ],
        axis=-1,
    )
    a, b, c = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    d, e, f = m[1][0] + m[0][1], m[0][2] + m[2][0], m[2][1] + m[1][2]
    rows = np.stack(
        [
            np.stack([four[..., 0], a, b, c], -1),
            np.stack([a, four[..., 1], d, e], -1),
            np.stack([b, d, four[..., 2], f], -1),
            np.stack([c, e, f, four[..., 3]], -1),
        ],
        axis=-2,
    )
    pick = np.argmax(four, axis=-1)[..., None, None]
    q = np.take_along_axis(rows, pick, axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(q[..., :1] < 0, -q, q).astype(np.float32)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Turn unit quaternions wxyz (..., 4) into rotation matrices (..., 3, 3)."""
    w, x, y, z = np.moveaxis(np.asarray(q), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)
