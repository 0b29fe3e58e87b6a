from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from torch import nn

from ..volumes import Volume, public_name, read_hu
from .cautions import list_cautions
from .model import load_model, read_model_config
from .volume_predictor import TidyUp, VolumePrediction, VolumePredictor, slice_pipeline


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
        show_progress: Show a bar.
        assume_hu: Take the voxels of folders and files for HU even if they do not look so.
    """

    forward_kwargs = {'probability', 'heatmaps', 'tidy_up', 'on_slices'}
    visualize_kwargs = {'return_vis'}

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path,
        device: str | None = None,
        window: tuple[float, float] = (0, 255),
        unsafe_checkpoint: bool = False,
        show_progress: bool = True,
        dtype: str = 'float32',
        compile: bool = False,
        assume_hu: bool = False,
    ) -> None:
        self.assume_hu = assume_hu
        self.window = window
        self.unsafe_checkpoint = unsafe_checkpoint
        self.compile = compile
        config = read_model_config(model)
        scope = config.get('default_scope', 'mmseg')
        super().__init__(config, str(weights), device, scope, show_progress)
        self.predictor = VolumePredictor(self.model, self.pipeline, dtype=dtype)

    @property
    def grey_window(self) -> tuple[float, float]:
        """The window (low, high) in HU that the net sees, for pictures."""
        windows = (t.window for t in self.pipeline.transforms if hasattr(t, 'window'))
        return next(windows, (-100.0, 240.0))

    def cautions(self, volume: Volume) -> list[str]:
        """What is unlike the training, a sentence each."""
        return list_cautions(self.model.trained_on, self.grey_window, volume)

    def confidence(self, found: VolumePrediction) -> dict | None:
        """How far a prediction is to be trusted; None if that was never measured."""
        return None

    def _init_model(self, cfg: Config, weights: str, device: str) -> nn.Module:
        return load_model(cfg, weights, device, self.unsafe_checkpoint, self.compile)

    def _init_pipeline(self, cfg: Config) -> Compose:
        return slice_pipeline(cfg, self.window)

    def _init_collate(self, cfg: Config) -> None:
        return None  # batches are the predictor's

    def _init_visualizer(self, cfg: Config) -> None:
        return None

    def _inputs_to_list(self, inputs) -> list:
        # A folder is one scan, not as many inputs as it holds files.
        return list(inputs) if isinstance(inputs, list | tuple) else [inputs]

    def preprocess(self, inputs: list, batch_size: int = 8) -> Iterator[Volume]:
        """Volumes one by one; ``batch_size`` is that of their slices."""
        self.predictor.batch_size = batch_size
        return map(self._read, inputs)

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
            ``affine``, None where slices are missing, uneven or tilted, ``volume_ml`` of each
            class, ``boxes`` in voxels (see :meth:`VolumePrediction.box_edges`), ``cautions`` (see
            :meth:`cautions`), and what was asked for.
            ``visualization``: PNG files as bytes, or empty.

        Raises:
            VolumeError: If a volume is refused; it says which, why, and what would mend it.
        """
        return super().__call__(inputs, return_datasamples, batch_size, **kwargs)

    def forward(
        self,
        inputs: Volume,
        probability: bool = False,
        heatmaps: bool = False,
        tidy_up: TidyUp | None = None,
        on_slices: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[VolumePrediction]:
        """Segment one volume."""
        found = self.predictor(inputs, probability, heatmaps, on_slices)
        found = replace(found, cautions=tuple(self.cautions(inputs)))
        return [replace(found, mask=tidy_up(found.mask)) if tidy_up else found]

    def visualize(self, inputs: list, preds: list, return_vis: bool = False) -> list[bytes]:
        """A montage of each volume, if asked for."""
        if not return_vis:
            return []
        from ..visualization.study import study_montage

        drawn = (
            p.drawn(self._read(i), self.grey_window) for i, p in zip(inputs, preds, strict=True)
        )
        return [study_montage(*one[:3]) for one in drawn]

    def postprocess(
        self, preds: list[VolumePrediction], visualization: list, return_datasamples: bool = False
    ) -> dict:
        """Predictions and pictures, as :meth:`__call__` returns them."""
        if not return_datasamples:
            preds = [found.plain(self.model.dataset_meta['classes']) for found in preds]
        return dict(predictions=preds, visualization=visualization)

    def _read(self, one: str | Path | Volume) -> Volume:
        if isinstance(one, Volume):
            return one
        volume = read_hu(one, self.assume_hu)
        for note in volume.notes:
            warnings.warn(f'{public_name(Path(one))}: it {note}', stacklevel=2)
        return volume
