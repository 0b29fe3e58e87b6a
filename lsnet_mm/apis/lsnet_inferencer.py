from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from torch import nn

from ..datasets import GreySliceFromMemory
from ..models.utils.fold_norms import fold_norms
from ..volumes import Volume, group_pictures, is_picture, public_name, read_hu, read_pictures
from .cautions import GUESSED_WINDOW, list_cautions
from .confidence import judge
from .model import load_model, model_config
from .tidy_up import TidyUp, parts_of
from .volume_predictor import VolumePrediction, VolumePredictor, slice_pipeline
from .weights import DEFAULT, card_of, find_weights


class LSNetInferencer(BaseInferencer):
    """Segments CT volumes, as an inferencer of OpenMMLab. ``lsnet-segment`` is its command line.

    ::

        inferencer = LSNetInferencer()                  # or ('config.py', 'checkpoint.pth')
        result = inferencer('folder/of/dicom')          # or a NIfTI file, a Volume, a list of them
        mask = result['predictions'][0]['mask']         # the shape and the axes of the input

    Args:
        model: Config, or the file of one; None is that in the weights. One-stage models of
            MMSegmentation will do.
        weights: Checkpoint that was trained with it; see :func:`load_model` for what is refused.
            Without a ``model`` also the name of one that comes along (docs/models.md), None being
            the first of these. Of their masks, by whatever path, only the largest part is kept,
            unless a ``tidy_up`` is given.
        device: By default a GPU if there is one.
        window: HU of 0 and 255 in the 8-bit slices that the model was trained on, if it was; see
            :func:`~lsnet_mm.apis.slice_pipeline`. None: what the checkpoint says of them, else the
            ``picture_window``, else 0 and 255, with a caution for each volume.
        unsafe_checkpoint: Let the checkpoint run code when it is loaded.
        dtype: Of the nets; see :class:`VolumePredictor`.
        compile: Compile the nets; see :func:`load_model`.
        show_progress: Show a bar.
        assume_hu: Take the voxels of folders and files for HU even if they do not look so.
        picture_window: HU of grey 0 and 255 in PNG and JPG files; by default the ``window``, given
            or of the checkpoint.
        spine: Where it is in these files, ``'top'`` or ``'bottom'``; see
            :func:`~lsnet_mm.volumes.read_pictures`.
    """

    forward_kwargs = {'probability', 'heatmaps', 'tidy_up', 'on_slices'}
    visualize_kwargs = {'return_vis'}

    def __init__(
        self,
        model: str | Path | Config | None = None,
        weights: str | Path | None = None,
        device: str | None = None,
        window: tuple[float, float] | None = None,
        unsafe_checkpoint: bool = False,
        show_progress: bool = True,
        dtype: str = 'float32',
        compile: bool = False,
        assume_hu: bool = False,
        picture_window: tuple[float, float] | None = None,
        spine: str | None = None,
    ) -> None:
        self.assume_hu = assume_hu
        self.spine = spine
        self.window = window
        self.picture_window = picture_window
        self.unsafe_checkpoint = unsafe_checkpoint
        self.compile = compile
        if model is not None and weights is None:
            raise ValueError('LSNetInferencer: a model needs its weights. Give a checkpoint.')
        weights = find_weights(weights or DEFAULT) if model is None else weights
        config = model_config(model, weights)
        scope = config.get('default_scope', 'mmseg')
        super().__init__(config, str(weights), device, scope, show_progress)
        # Trained on slices that all held the organ: where there is none they may see some.
        self.tidy_up = TidyUp(largest_component=card_of(weights) is not None)
        asked = tuple((self.model.confidence or {}).get('thresholds', ()))
        self.predictor = VolumePredictor(self.model, self.pipeline, dtype=dtype, evidence=asked)

    @property
    def of_pictures(self) -> bool:
        """Whether the model was trained on 8-bit slices, so that scans need a window."""
        return isinstance(self.pipeline.transforms[0], GreySliceFromMemory)

    @property
    def grey_window(self) -> tuple[float, float]:
        """The window (low, high) in HU that the net sees, for pictures."""
        windows = (t.window for t in self.pipeline.transforms if hasattr(t, 'window'))
        return next(windows, (-100.0, 240.0))

    def _init_model(self, cfg: Config, weights: str, device: str) -> nn.Module:
        model = load_model(cfg, weights, device, self.unsafe_checkpoint, self.compile)
        return model if self.compile else fold_norms(model)  # what is compiled stays as it was

    def _init_pipeline(self, cfg: Config) -> Compose:
        trained = (self.model.trained_on or {}).get('window')
        self.window = self.window or trained or self.picture_window
        self.picture_window = self.picture_window or self.window
        return slice_pipeline(cfg, self.window or (0, 255))

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
            inputs: Folder of one visit (see :func:`~lsnet_mm.volumes.read_hu`), NIfTI file, PNG or
                JPG of a slice, :class:`~lsnet_mm.volumes.Volume` in HU, or a list of these.
            return_datasamples: Give :class:`VolumePrediction` in place of plain dicts.
            batch_size: Slices at a time.
            **kwargs: ``probability`` and ``heatmaps`` (False): give these too. ``tidy_up``: a
                :class:`TidyUp`. ``on_slices``: called with the number of slices done and of all,
                after every batch. ``return_vis`` (False): give a picture of each.

        Returns:
            dict: ``predictions``, one for each input: dicts with ``mask`` (X, Y, Z) uint8 and
            ``affine``, None where slices are missing, uneven or tilted, ``volume_ml`` of each
            class, ``boxes`` in voxels (see :meth:`VolumePrediction.box_edges`), ``cautions`` (what
            is unlike the model's training, a sentence each), ``confidence`` (see
            :func:`~lsnet_mm.apis.confidence.judge`), None of a checkpoint without a calibration,
            and what was asked for. ``visualization``: PNG files as bytes, or empty. Of pictures X
            are columns and Y rows; they have no affine, and ``areas_px`` in place of ``volume_ml``.

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
        tidy_up = self.tidy_up if tidy_up is None else tidy_up
        cautions = list_cautions(self.model.trained_on, self.grey_window, inputs)
        if self.of_pictures and self.window is None and inputs.picture != self.grey_window:
            cautions.append(GUESSED_WINDOW)
        tidied = replace(found, mask=tidy_up(found.mask), cautions=tuple(cautions))
        if (calibration := self.model.confidence) is None:
            return [tidied]
        # Parts of the mask as the net gave it: what is tidied away was a doubt. Pictures have none.
        solid = inputs.picture is None
        parts = {k: sizes for k, _, _, sizes in parts_of(found.mask)} if solid else None
        trained_on = self.model.trained_on
        classes = self.model.dataset_meta['classes']
        return [replace(tidied, confidence=judge(tidied, parts, classes, calibration, trained_on))]

    def visualize(self, inputs: list, preds: list, return_vis: bool = False) -> list[bytes]:
        """A montage of each volume, if asked for."""
        if not return_vis:
            return []
        from ..visualization.study import study_montage

        drawn = (p.drawn(self._read(i))[:3] for i, p in zip(inputs, preds, strict=True))
        return [study_montage(*one, self.grey_window) for one in drawn]

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
        if is_picture(Path(one)):
            [pictures] = group_pictures([Path(one)])
            volume = read_pictures(pictures, self.picture_window, self.spine)
        else:
            volume = read_hu(one, self.assume_hu)
        for note in volume.notes:
            warnings.warn(f'{public_name(Path(one))}: it {note}', stacklevel=2)
        return volume
