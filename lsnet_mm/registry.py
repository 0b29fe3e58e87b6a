"""The registries that components are written into and built from: the scope ``lsnet_mm``.

mmengine writes this scope into what ``_base_ = 'lsnet_mm::...'`` inherits. Each registry is a child
of MMSegmentation's of its name, so that it finds all that is there, too: ``MODELS``,
``DATASETS``, ``TRANSFORMS``, ``METRICS``, ``HOOKS``, ``LOOPS`` and the others.
"""

from mmengine import registry as mmengine
from mmseg import registry as mmseg


class Registry(mmengine.Registry):
    """Registers in mmengine's root, where all look: a config of MMSegmentation's scope or of
    MMDetection's names our components as it does its own."""

    def _register_module(self, *args, **kwargs) -> None:
        self.root._register_module(*args, **kwargs)


def _registry(name: str, *locations: str) -> Registry:
    """Importing the locations of our components imports MMSegmentation's, where they use them."""
    parent = getattr(mmseg, name, getattr(mmengine, name))
    locations = locations or ['lsnet_mm']
    return Registry(name.lower(), parent=parent, scope='lsnet_mm', locations=[*locations])


MODELS = _registry('MODELS', 'lsnet_mm.models')
TASK_UTILS = _registry('TASK_UTILS', 'lsnet_mm.models')
DATASETS = _registry('DATASETS', 'lsnet_mm.datasets')
TRANSFORMS = _registry('TRANSFORMS', 'lsnet_mm.datasets')
FUNCTIONS = _registry('FUNCTIONS', 'lsnet_mm.datasets')
METRICS = _registry('METRICS', 'lsnet_mm.evaluation', 'mmseg.evaluation')
VISUALIZERS = _registry('VISUALIZERS', 'lsnet_mm.visualization', 'mmseg.visualization')
HOOKS = _registry('HOOKS', 'lsnet_mm.engine')
LOOPS = _registry('LOOPS', 'lsnet_mm.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _registry(
    'OPTIM_WRAPPER_CONSTRUCTORS', 'lsnet_mm.engine', 'mmseg.engine'
)
OPTIM_WRAPPERS = _registry('OPTIM_WRAPPERS')
OPTIMIZERS = _registry('OPTIMIZERS')
# Without components of ours; parts of an inherited config look for them in this scope, too.
OTHERS = [_registry(name) for name in mmseg.__all__ if name not in globals()]
