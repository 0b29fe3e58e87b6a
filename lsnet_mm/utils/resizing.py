"""Resizing label maps on the grid of images: whatever resizes labels does it by this function."""

import cv2
import numpy as np

# Areas come out as float32: a tie of two classes may look like a lead of some 1e-7.
TIE = 1e-5


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a label map so that it stays where an image resized by area is.

    OpenCV's ``INTER_NEAREST``, which MMCV takes for masks, samples the upper left corner of what
    a pixel covers, and the mask comes out up to half an output pixel too far to the right and
    below. Here, along axes that shrink, a pixel takes the class with the largest area in it (of
    equal areas the lowest, so that background wins); along axes that grow, the class at its centre.

    Args:
        labels: (H, W), of any integer type; 255, ignored pixels, is a class like any other.
        size: (width, height) in pixels.

    Returns:
        np.ndarray: (height, width) of the same type; ``labels`` itself where nothing changes.
    """
    (height, width), (new_width, new_height) = labels.shape, size
    if new_height > height or new_width > width:
        labels = labels[_centres(height, new_height)][:, _centres(width, new_width)]
    if labels.shape == (new_height, new_width):
        return labels
    classes = _classes(labels)
    resized = np.full((new_height, new_width), classes[0], labels.dtype)
    if len(classes) == 2:  # the common case: what the one class lacks, the other has
        resized[_area(labels == classes[1], size) > 0.5 + TIE] = classes[1]
    elif len(classes) > 2:
        largest = _area(labels == classes[0], size)
        for label in classes[1:]:
            area = _area(labels == label, size)
            leads = area > largest + TIE
            resized[leads], largest[leads] = label, area[leads]
    return resized


def _centres(old: int, new: int) -> np.ndarray:
    """Indices of an axis that grows, the pixel around each new pixel's centre; else all."""
    count = max(old, new)
    return (2 * np.arange(count) + 1) * old // (2 * count)


def _classes(labels: np.ndarray) -> np.ndarray:
    """(n,) the labels that occur; they are sought within the organs alone, which is faster."""
    left, top, width, height = cv2.boundingRect((labels != 0).view(np.uint8))
    found = np.unique(labels[top : top + height, left : left + width])
    return found if (height, width) == labels.shape else np.union1d(found, labels.dtype.type(0))


def _area(part: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The share of each output pixel that a (H, W) bool mask covers."""
    return cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA)
