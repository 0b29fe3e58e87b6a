from dataclasses import dataclass
from importlib.util import find_spec

from mmengine.config import Config, ConfigDict

from ..reproduction.composing import ROOT
from .catalogue import COMBINATIONS
from .localizers import LOCALIZERS
from .stock import set_classes, stock_model


@dataclass(frozen=True)
class Combination:
    """An L-Net and an S-Net, by config.

    Attributes:
        name: In the table.
        localizer_name: Its key in ``LOCALIZERS``.
        localizer: The config of the L-Net.
        config: Of the S-Net, below MMSegmentation's ``configs/``.
        changes: To the model of that config.
        needs: Modules that must be there.
        localizer_size: Height and width of what L-Net must see; None if it takes any.
        crop_size: The same for S-Net.
    """

    name: str
    localizer_name: str
    localizer: dict
    config: str
    changes: dict
    needs: tuple[str, ...]
    localizer_size: int | None
    crop_size: int | None

    def missing(self) -> list[str]:
        """What is not installed of what it needs."""
        return [name for name in self.needs if find_spec(name) is None]

    def model(self, crop_size: int, num_classes: int) -> dict:
        """The two-stage model; crops are ``crop_size`` pixels wide unless S-Net has a size.

        L-Net is asked for a box in every image, whatever it finds: an untrained one finds nothing.
        """
        localizer = ConfigDict(self.localizer)
        localizer.head.test_cfg = dict(score_thr=-1.0)
        crop_size = self.crop_size or crop_size
        seen = self.localizer_size
        segmentor = set_classes(stock_model(self.config, self.changes), num_classes)
        segmentor.pop('data_preprocessor', None)  # one serves both nets
        return ConfigDict(
            type='LSNet',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                size_divisor=1,
            ),
            localizer=localizer,
            localizer_size=seen and (seen, seen),
            roi_extractor=dict(
                type='RoIRecalibration', size=(crop_size, crop_size), margin=crop_size // 20
            ),
            segmentor=segmentor,
        )


def read_combinations() -> dict[str, Combination]:
    """All of ``catalogue.py``, by name."""
    default = _base('lnet_unet_r18')
    return {name: _read(name, entry, default) for name, entry in COMBINATIONS.items()}


def _read(name: str, entry: dict, default: dict) -> Combination:
    found = LOCALIZERS[entry['localizer']]
    localizer = _base(found) if isinstance(found, str) else default | found
    needs = {*localizer.pop('needs', ()), *entry.get('needs', ())}
    return Combination(
        name=name,
        localizer_name=entry['localizer'],
        localizer=localizer,
        config=entry['segmentor'],
        changes=entry.get('changes', {}),
        needs=tuple(sorted(needs)),
        localizer_size=entry.get('localizer_size'),
        crop_size=entry.get('crop_size'),
    )


def _base(stem: str) -> dict:
    """The L-Net of a file to inherit."""
    path = ROOT / 'configs' / '_base_' / 'models' / f'{stem}.py'
    return Config.fromfile(path).localizer.to_dict()
