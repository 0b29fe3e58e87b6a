"""Nets of other libraries that segment slices, as models of MMSegmentation with one stage.

Their configs are in ``configs/_base_/models/peers``, which take nothing but what is here.
"""

import copy
from importlib.util import find_spec
from pkgutil import resolve_name

from mmengine.config import Config
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from ...models.decode_heads import ConvHead
from ..reproduction.run import ROOT

FOLDER = ROOT / 'configs' / '_base_' / 'models' / 'peers'


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


def build_net(net: str, multiple: int = 1, **options) -> nn.Module:
    """A net by its class's full name, which refuses images of other sides than it can take.

    Args:
        net: Such as ``monai.networks.nets.BasicUNet``.
        multiple: What the sides of an image have to be multiples of.
        **options: Of the class; those that are names in torch are what these name.
    """

    def check_size(module: nn.Module, args: tuple[Tensor]) -> None:
        height, width = args[0].shape[-2:]
        if height % multiple or width % multiple:
            raise ValueError(
                f'{net} takes images whose sides are multiples of {multiple}, not {height}x{width}.'
                " Let the Resize of the config's pipelines make such, as that to 320x320 does."
            )

    named = {k: resolve_name(v) for k, v in options.items() if str(v).startswith('torch.')}
    built = resolve_name(net)(**options | named)
    built.register_forward_pre_hook(check_size)
    return built


class LogitsHead(ConvHead):
    """A net with its own last layer gets MMSegmentation's losses and results, and starts from an
    almost empty mask as the other heads do."""

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.conv_seg = nn.Identity()

    def init_weights(self) -> None:
        """There is nothing to start."""

    def forward(self, inputs: Tensor) -> Tensor:
        """What the net gave, logits (N, 1, H, W), below by what is the others' first bias."""
        return inputs + bias_init_with_prob(self.prior_prob)
