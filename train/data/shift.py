"""ShiftScaleRotate as one matrix and one call of OpenCV: albumentations' Affine does the same in four times the time.

Import it through augment.py only, which first keeps albumentations from asking a registry for its newest version.
"""

from __future__ import annotations

from typing import Any

import albumentations  # type: ignore[import-untyped]
import cv2

from .formats import Images


class SingleShiftScaleRotate(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Turns by up to `rotate` degrees about the middle, scales by 1 - scale to 1 + scale, shifts by up to `shift` of
    the size on each axis; what comes in from outside is reflected."""

    def __init__(self, shift: float, scale: float, rotate: float, p: float) -> None:
        super().__init__(p=p)
        self.shift, self.scale, self.rotate = shift, scale, rotate

    def get_params(self) -> dict[str, float]:
        draw = self.py_random.uniform
        return {
            "angle": draw(-self.rotate, self.rotate),
            "zoom": draw(1 - self.scale, 1 + self.scale),
            "right": draw(-self.shift, self.shift),
            "down": draw(-self.shift, self.shift),
        }

    def apply(self, img: Images, angle: float, zoom: float, right: float, down: float, **params: Any) -> Any:
        height, width = img.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
        matrix[:, 2] += right * width, down * height
        moved = cv2.warpAffine(img, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return moved.reshape(img.shape)
