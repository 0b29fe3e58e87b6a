"""The scope ``lsnet_mm``, which mmengine writes into what ``_base_ = 'lsnet_mm::...'`` inherits.

Our components are registered in mmengine's root, so that they are found from any scope. This one
finds them, and all of MMSegmentation's: each of its registries is a child of MMSegmentation's.
"""

from mmengine.registry import Registry
from mmseg import registry as mmseg

#: Where the components are that a registry holds; importing these imports MMSegmentation's, too.
LOCATIONS = {
    'MODELS': ['lsnet_mm.models'],
    'DATASETS': ['lsnet_mm.datasets'],
    'TRANSFORMS': ['lsnet_mm.datasets'],
    'HOOKS': ['lsnet_mm.engine'],
    'LOOPS': ['lsnet_mm.engine'],
    'OPTIM_WRAPPER_CONSTRUCTORS': ['lsnet_mm.engine', 'mmseg.engine'],
    'METRICS': ['lsnet_mm.evaluation', 'mmseg.evaluation'],
    'VISUALIZERS': ['lsnet_mm.visualization', 'mmseg.visualization'],
}

REGISTRIES = {
    name: Registry(
        name.lower(),
        parent=getattr(mmseg, name),
        scope='lsnet_mm',
        locations=LOCATIONS.get(name, ['lsnet_mm']),
    )
    for name in mmseg.__all__
}
