"""Nets of other libraries that segment slices, as models of MMSegmentation with one stage.

Their configs are in ``configs/_base_/models/peers``, which take nothing but what is here.
"""

import copy
from importlib.util import find_spec
from pkgutil import resolve_name

from mmengine.config import Config
from torch import Tensor, nn

from ...models.decode_heads import ConvHead
from ..reproduction.run import ROOT

FOLDER = ROOT / 'configs' / '_base_' / 'models' / 'peers'
PEERS = ('monai_basic_unet', 'monai_attention_unet', 'smp_unet_r34', 'nnunet_2d')


def peer_config(name: str, baseline: Config) -> Config:
    """A baseline's data, preprocessing and optimizer, with a peer's model.

    Raises:
        ModuleNotFoundError: If the peer's library is not installed.
    """
    model = Config.fromfile(FOLDER / f'{name}.py').model
    package = model.backbone.net.split('.')[0]
    if not find_spec(package):
        hint = f'pip install {package.replace("_", "-")}'
        raise ModuleNotFoundError(f'{package} is not installed ({hint})')
    cfg = copy.deepcopy(baseline)
    own = cfg.model.get('data_preprocessor') or cfg.model.segmentor.data_preprocessor
    cfg.model = dict(model, data_preprocessor=own)
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    return cfg


def build_net(net: str, **options) -> nn.Module:
    """A net by its class's full name; options that are names in torch are what these name."""
    named = {k: resolve_name(v) for k, v in options.items() if str(v).startswith('torch.')}
    return resolve_name(net)(**options | named)


class LogitsHead(ConvHead):
    """Hands logits (N, 1, H, W) on: a net with its own last layer gets MMSegmentation's losses and
    results."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv_seg = nn.Identity()

    def init_weights(self) -> None:
        """There is nothing to start."""

    def forward(self, inputs: Tensor) -> Tensor:
        """What the net gave."""
        return inputs
