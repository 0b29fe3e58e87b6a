from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from torch import nn

from ..volumes import Volume, read_hu
from .load_model import load_model, read_model_config
from .preview import grey_volume
from .volume_prediction import TidyUp, VolumePrediction
from .volume_predictor import WINDOW, VolumePredictor, check_dtype, grey_window, slice_pipeline

VolumeAndBatch = tuple[Volume, int]


class LSNetInferencer(BaseInferencer):
    """Segments CT volumes, as an inferencer of OpenMMLab. ``lsnet-segment`` is its command line.

        inferencer = LSNetInferencer('config.py', 'checkpoint.pth')
        result = inferencer('folder/of/dicom')          # or a NIfTI file, a Volume, a list of them
        mask = result['predictions'][0]['mask']         # the shape and the axes of the input

    Args:
        model: Config, or the file of one. One-stage models of MMSegmentation will do.
        weights: Checkpoint that was trained with it; see :func:`load_model` for what is refused.
        device: By default a GPU if there is one.
        window: HU of 0 and 255 in 8-bit slices; see :func:`slice_pipeline`.
        unsafe_checkpoint: Let the checkpoint run code when it is loaded.
        dtype: Of the nets; see :class:`VolumePredictor`.
        compile: Compile the nets; see :func:`load_model`.
        scope: Of OpenMMLab's registries; that of the config by default.
        show_progress: Show a bar.
    """

    forward_kwargs = {'probability', 'heatmaps', 'tidy_up', 'on_slices'}
    visualize_kwargs = {'return_vis'}

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path,
        device: str | None = None,
        window: tuple[float, float] = WINDOW,
        unsafe_checkpoint: bool = False,
        scope: str | None = None,
        show_progress: bool = True,
        dtype: str = 'float32',
        compile: bool = False,
    ) -> None:
        self.window = window
        self.dtype = dtype
        check_dtype(dtype)
        self.unsafe_checkpoint = unsafe_checkpoint
        self.compile = compile
        config = read_model_config(model)
        super().__init__(
            config,
            str(weights),
            device,
            scope or config.get('default_scope', 'mmseg'),
            show_progress,
        )

    def _init_model(self, cfg: Config, weights: str, device: str) -> nn.Module:
        return load_model(cfg, weights, device, self.unsafe_checkpoint, self.compile)

    def _init_pipeline(self, cfg: Config) -> Compose:
        return slice_pipeline(cfg, self.window)

    def _init_visualizer(self, cfg: Config) -> None:
        return None

    def _inputs_to_list(self, inputs) -> list:
        # A folder is one scan, not as many inputs as it holds files.
        return list(inputs) if isinstance(inputs, list | tuple) else [inputs]

    def preprocess(self, inputs: list, batch_size: int = 8) -> Iterator[VolumeAndBatch]:
        """Volumes one by one; ``batch_size`` is that of their slices."""
        for one in inputs:
            yield (one if isinstance(one, Volume) else read_hu(one)), batch_size

    def __call__(
        self,
        inputs: str | Path | Volume | list,
        return_datasamples: bool = False,
        batch_size: int = 8,
        **kwargs,
    ) -> dict:
        """Segment one volume or several.

        Args:
            inputs: Folder with one CT series, NIfTI file, :class:`~lsnet_mm.volumes.Volume` in HU,
                or a list of these.
            return_datasamples: Give :class:`VolumePrediction` in place of plain dicts.
            batch_size: Slices at a time.
            **kwargs: ``probability`` and ``heatmaps`` (False): give these too. ``tidy_up``: a
                :class:`TidyUp`. ``on_slices``: called with the number of slices done and of all,
                after every batch. ``return_vis`` (False): give a picture of each.

        Returns:
            dict: ``predictions``, one for each input: dicts with ``mask`` (X, Y, Z) uint8 and
            ``affine``, ``volume_ml`` of each class, ``boxes`` in voxels (see
            :meth:`VolumePrediction.box_edges`), and what was asked for. ``visualization``: PNG
            files as bytes, or empty.

        Raises:
            VolumeError: If a volume is refused; it says which, why, and what would mend it.
        """
        return super().__call__(inputs, return_datasamples, batch_size, **kwargs)

    def forward(
        self,
        inputs: VolumeAndBatch,
        probability: bool = False,
        heatmaps: bool = False,
        tidy_up: TidyUp | None = None,
        on_slices: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[VolumePrediction]:
        """Segment one volume."""
        volume, batch_size = inputs
        predict = VolumePredictor(self.model, self.pipeline, batch_size, self.dtype)
        found = predict(volume, probability, heatmaps, on_slices)
        return [found.with_mask(tidy_up(found.mask)) if tidy_up else found]

    def visualize(self, inputs: list, preds: list, return_vis: bool = False) -> list[bytes]:
        """A montage of each volume, if asked for."""
        if not return_vis:
            return []
        from ..visualization.study import study_montage

        pictures = []
        for one, found in zip(inputs, preds, strict=True):
            volume = one if isinstance(one, Volume) else read_hu(one)
            grey, mask = grey_volume(volume, grey_window(self.pipeline)), grey_volume(found.mask)
            pictures.append(study_montage(grey, mask, found.boxes))
        return pictures

    def postprocess(
        self, preds: list[VolumePrediction], visualization: list, return_datasamples: bool = False
    ) -> dict:
        """Predictions and pictures, as :meth:`__call__` returns them."""
        if not return_datasamples:
            preds = [self._plain(found) for found in preds]
        return dict(predictions=preds, visualization=visualization)

    def _plain(self, found: VolumePrediction) -> dict:
        classes = self.model.dataset_meta['classes']
        plain = dict(
            mask=found.mask.voxels,
            affine=found.mask.affine,
            volume_ml=found.volumes_ml(classes),
            boxes=found.box_edges(),
        )
        if found.probability is not None:
            plain['probability'] = found.probability.voxels.astype(np.float32) / 255
        if found.heatmaps is not None:
            plain['heatmaps'] = found.heatmaps
        return plain
