"""An exported model under onnxruntime. This file stands alone: numpy, scipy and onnxruntime (and
OpenCV, where the config resizes) are all that it needs, so it may be copied to where no torch is.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from scipy import ndimage

__all__ = ['ONNXModel']

SCHEMAS = (1, 2)  # 2 is of models with a mask beside the boxes
EIGHT_CONNECTED = np.ones((3, 3), int)


class ONNXModel:
    """Masks from slices, by the graphs and the rules that `tools/export.py --onnx` wrote.

    ::

        model = ONNXModel('exported')
        results = model(volume_in_hu)          # (slices, rows, columns)
        mask = np.stack([result['mask'] for result in results])

    Args:
        folder: With ``model.json`` and the graphs.
        batch_size: Images, and crops, that go through a net at a time.
        providers: As in onnxruntime; the CPU by default.
        threads: Of onnxruntime; its own choice by default.

    Raises:
        ValueError: If the folder is of a newer version.
    """

    def __init__(
        self,
        folder: str | Path,
        batch_size: int = 8,
        providers: tuple[str, ...] = ('CPUExecutionProvider',),
        threads: int = 0,
    ) -> None:
        folder = Path(folder)
        self.about = json.loads((folder / 'model.json').read_text(encoding='utf-8'))
        if self.about['schema'] not in SCHEMAS:
            raise ValueError(
                f'{folder}/model.json has schema {self.about["schema"]}, and this runner knows '
                f'{" and ".join(map(str, SCHEMAS))}: '
                f'take the runner of lsnet_mm {self.about["lsnet_mm_version"]}'
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads

        def session(name: str) -> onnxruntime.InferenceSession:
            return onnxruntime.InferenceSession(folder / name, options, providers=list(providers))

        self.batch_size = batch_size
        self.segmentor = session('segmentor.onnx')
        self.localizer = session('localizer.onnx') if self.about['localizer'] else None

    def __call__(self, slices: np.ndarray) -> list[dict]:
        """Predicts slices.

        Args:
            slices: (N, H, W), or (N, C, H, W) where channels differ (neighbouring slices, colour
                in the order BGR). HU where ``model.json`` has a ``hu_window``, else 8-bit grey.

        Returns:
            list: For each slice ``mask`` (H, W), uint8 class numbers; of two stages also ``boxes``
            (n, 4) in pixels of the slice, ``scores`` (n,), ``heatmap`` (h, w) and ``rounds``.

        Raises:
            ValueError: If slices of this shape, or with such values, cannot be predicted.
        """
        images, size = self.prepare(slices), slices.shape[-2:]
        predict = self._two_stage if self.localizer else self._one_stage
        starts = range(0, len(images), self.batch_size)
        parts = [predict(images[start : start + self.batch_size], size) for start in starts]
        return [result for part in parts for result in part]

    def prepare(self, slices: np.ndarray) -> np.ndarray:
        """Images (N, C, H', W') float32 in [0, 255], as the config's test pipeline makes them."""
        slices, how = np.asarray(slices), self.about['preprocessing']
        channels = how['channels'] if slices.ndim == 4 or how['neighbours'] else 1
        if slices.ndim == 3 and channels == 1:
            slices = slices[:, None]
        if slices.ndim != 4 or slices.shape[1] != channels or not np.isfinite(slices).all():
            raise ValueError(
                f'expected finite slices (N, {how["channels"]}, H, W)'
                f'{"" if how["neighbours"] else " or (N, H, W)"}, got {slices.shape} '
                f'{slices.dtype}'
            )
        if how['hu_window']:
            low, high = how['hu_window']
            grey = (slices.astype(np.float32) - low) * (255.0 / (high - low))
            slices = np.clip(grey, 0.0, 255.0)
        if how['resize']:
            slices = resize(slices, **how['resize'])
        shape = (len(slices), how['channels'], *slices.shape[-2:])
        return np.ascontiguousarray(np.broadcast_to(slices, shape), np.float32)

    def _one_stage(self, images: np.ndarray, size: tuple[int, int]) -> list[dict]:
        out_size = np.array(size, np.int64)
        (probs,) = self.segmentor.run(None, dict(images=images, out_size=out_size))
        return [dict(mask=self._label(p)) for p in probs]

    def _two_stage(self, images: np.ndarray, size: tuple[int, int]) -> list[dict]:
        rule, input_size = self.about['localizer'], images.shape[-2:]
        outputs = self.localizer.run(None, dict(images=images))
        results, found = [], []
        for heatmap, *maps in zip(*outputs, strict=True):
            if rule['kind'] == 'mask':
                boxes, scores = from_mask(heatmap, rule)
            else:
                boxes, scores = decode(heatmap, maps[0], rule)
            if len(maps) > 1:
                boxes, scores = agree(boxes, scores, maps[1], rule)
            found.append(scale(boxes, rule['size'] or input_size, input_size))
            results.append(dict(scores=scores, heatmap=heatmap[0], rounds=0))
        masks = self._segment(images, found, size)
        for image, result, boxes, mask in zip(images, results, found, masks, strict=True):
            result.update(mask=mask, boxes=scale(boxes, input_size, size))
            self._refine(image[None], result)
        return results

    def _refine(self, image: np.ndarray, result: dict) -> None:
        """The mask's box gives the next crop, until two masks agree; as PyTorch does it."""
        for done in range(self.about['rounds']):
            before = result['mask']
            if not before.any():
                return
            box = box_of(before)
            inner = scale(box, before.shape, image.shape[-2:])
            (after,) = self._segment(image, [inner], before.shape)
            result['rounds'] = done + 1
            if not after.any():  # a closer look that sees nothing takes no answer away
                return
            result.update(mask=after, boxes=box, scores=result['scores'].max(keepdims=True))
            if dice(before, after) >= self.about['agreement']:
                return

    def _segment(self, images: np.ndarray, boxes: list, size: tuple[int, int]) -> list[np.ndarray]:
        owner = np.repeat(np.arange(len(images)), [len(b) for b in boxes])
        rois = np.concatenate((owner[:, None], np.concatenate(boxes)), axis=1).astype(np.float32)
        probs = np.zeros((len(images), self.about['out_channels'], *size), np.float32)
        for start in range(0, len(rois), self.batch_size):
            some = slice(start, start + self.batch_size)
            inputs = dict(images=images, rois=rois[some], out_size=np.array(size, np.int64))
            for i, one in zip(owner[some], self.segmentor.run(None, inputs)[0], strict=True):
                np.maximum(probs[i], one, out=probs[i])
        return [self._label(p) for p in probs]

    def _label(self, probs: np.ndarray) -> np.ndarray:
        """Class numbers (H, W); of several classes channel 0 is any foreground."""
        if len(probs) == 1:
            return (probs[0] > np.float32(self.about['threshold'])).astype(np.uint8)
        return np.concatenate((1 - probs[:1], probs[1:])).argmax(axis=0).astype(np.uint8)


def decode(heatmap: np.ndarray, distances: np.ndarray, rule: dict) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) and scores (n,) of a heatmap (1, h, w) and distances (4, h, w), as L-Net's."""
    heatmap, stride = heatmap[0], rule['stride']
    labels, count = ndimage.label(heatmap > np.float32(rule['score_thr']), EIGHT_CONNECTED)
    found, scores = [np.zeros((0, 4), np.float32)], []
    for label in range(1, count + 1):
        ys, xs = np.nonzero(labels == label)
        weights = heatmap[ys, xs]
        if not rule['vote']:
            y, x = (np.rint(np.float32(v.sum()) / np.float32(len(v))).astype(int) for v in (ys, xs))
            best = weights.argmax()
            inside = labels[y, x] == label
            ys, xs = ([y], [x]) if inside else ([ys[best]], [xs[best]])
        x, y = (np.asarray(v, np.float32) * stride + stride / 2 for v in (xs, ys))
        left, right, top, bottom = distances[:, ys, xs]
        boxes = np.stack((x - left, y - top, x + right, y + bottom), axis=1)
        if rule['vote']:
            # Exports of before count every cell alike.
            central = centerness(distances[:, ys, xs]) if rule.get('centerness') else 1
            votes = (weights * central)[:, None]
            boxes = (boxes * votes).sum(axis=0, keepdims=True) / votes.sum()
        found.append(boxes)
        scores.append(weights.max())
    boxes, scores = np.concatenate(found), np.array(scores, np.float32)
    order = np.argsort(-scores, kind='stable')[: rule['max_per_img']]
    return boxes[order], scores[order]


def centerness(distances: np.ndarray) -> np.ndarray:
    """How near to the centre of its box each cell is, from distances (4, n); as L-Net's."""
    left, right, top, bottom = distances.clip(1e-3)
    across = np.minimum(left, right) / np.maximum(left, right)
    return np.sqrt(across * np.minimum(top, bottom) / np.maximum(top, bottom))


def agree(
    boxes: np.ndarray, scores: np.ndarray, mask: np.ndarray, rule: dict
) -> tuple[np.ndarray, np.ndarray]:
    """One box (1, 4) of boxes (n, 4) and a mask's probabilities (1, h, w), or none; as L-Net's."""
    if not len(boxes) or (rule['veto_thr'] and mask.max() <= np.float32(rule['veto_thr'])):
        return boxes[:0], scores[:0]
    union = np.concatenate((boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)))[None]
    active = mask[0] > np.float32(rule['mask_thr'])
    if active.any():
        union = (union + box_of(active) * rule['stride']) / 2
    return union, scores[:1]


def from_mask(probs: np.ndarray, rule: dict) -> tuple[np.ndarray, np.ndarray]:
    """The box of a coarse mask (1, h, w), if there is any; as `CoarseLocalizer`."""
    mask = probs[0] > np.float32(rule['threshold'])
    boxes = box_of(mask) if mask.any() else np.zeros((0, 4), np.float32)
    return boxes, np.repeat(probs.max(), len(boxes))


def box_of(mask: np.ndarray) -> np.ndarray:
    """(1, 4) box of a mask's foreground, which must not be empty."""
    ys, xs = np.nonzero(mask)
    return np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)


def scale(boxes: np.ndarray, source: tuple[int, int], target: tuple[int, int]) -> np.ndarray:
    """Boxes (n, 4) of an image of size (h, w) in one of another size."""
    sy, sx = target[0] / source[0], target[1] / source[1]
    return boxes * np.array([sx, sy, sx, sy], np.float32)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice of the foregrounds of two masks, 1 if both are empty, rounded as PyTorch rounds.

    Masks that agree to exactly 0.95 do not reach an ``agreement`` of 0.95 in single precision.
    """
    a, b = a > 0, b > 0
    total = a.sum() + b.sum()
    return float(np.float32(2 * np.logical_and(a, b).sum()) / np.float32(total)) if total else 1.0


def resize(slices: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Slices (N, C, H, W) at another size (w, h), by OpenCV as in training."""
    import cv2  # only such configs need it

    flag = getattr(
        cv2, f'INTER_{dict(bilinear="linear").get(interpolation, interpolation).upper()}'
    )
    flat = slices.reshape(-1, *slices.shape[-2:])
    resized = np.stack([cv2.resize(one, tuple(size), interpolation=flag) for one in flat])
    return resized.reshape(*slices.shape[:2], *resized.shape[-2:])
