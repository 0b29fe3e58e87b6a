from collections.abc import Mapping

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader
from torch import nn

from .errors import ExportError


def load_for_export(config: Config, checkpoint: str) -> tuple[nn.Module, Mapping]:
    """A config's model with a checkpoint's weights, ready for inference on the CPU.

    Unlike mmengine's ``load_checkpoint``, which warns, this takes no checkpoint of another model.

    Args:
        config: With the model.
        checkpoint: Path or URL.

    Returns:
        tuple: The model, and the checkpoint's ``meta``.

    Raises:
        ExportError: If the checkpoint does not fit.
    """
    loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    init_default_scope(config.get('default_scope', 'mmseg'))
    model = revert_sync_batchnorm(MODELS.build(config.model))
    weights = loaded.get('state_dict', loaded)
    weights = {name.removeprefix('module.'): value for name, value in weights.items()}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        what = '\n'.join(line if len(line) < 160 else f'{line[:160]} ...' for line in lines[:4])
        raise ExportError(f'{checkpoint} is of another model than the config:\n{what}') from error
    return model.eval(), loaded.get('meta', {})
