"""The packages that bring names to registries, and what to do where one is not there."""

import difflib
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

#: What brings names to registries, beside MMSegmentation: what it is called, and backbones and
#: detectors that are known by name. (A package that is installed is asked itself.)
PACKAGES = {
    'mmpretrain': (
        'MMPreTrain',
        'ConvNeXt EfficientNet EfficientNetV2 EfficientFormer RegNet Res2Net RepVGG RepLKNet VGG '
        'DenseNet SEResNet SEResNeXt ShuffleNetV1 ShuffleNetV2 InceptionV3 MobileOne MobileViT '
        'SwinTransformerV2 PoolFormer RIFormer HorNet VAN EdgeNeXt DaViT TinyViT LeViT MViT XCiT '
        'DeiT3 BEiTViT CSPDarkNet CSPResNet CSPResNeXt ConvMixer MlpMixer Conformer TNT T2T_ViT '
        'DistilledVisionTransformer RevVisionTransformer ViTSAM ViTEVA02 Vig PyramidVig',
    ),
    'mmdet': (
        'MMDetection',
        'FasterRCNN CascadeRCNN MaskRCNN RetinaNet FCOS ATSS CenterNet RTMDet YOLOX YOLOV3 YOLOF '
        'DETR DeformableDETR DINO GFL VFNet TOOD PAA SSD CornerNet SparseRCNN CSPNeXt '
        'DetDataPreprocessor',
    ),
}


def unknown_name(name: str, registry: Registry) -> str:
    """What to do about a ``type`` that a registry does not know."""
    scope, _, bare = name.rpartition('.')
    known = sorted(_registered(registry.root))
    owners = [package for package, (_, names) in PACKAGES.items() if bare in names.split()]
    if not scope and (there := [path for path in known if path.endswith(f'.{bare}')]):
        return f'{name} is of another package: write type={there[0]!r}.'
    for package in [scope] if scope else owners:
        if package in MODULE2PACKAGE and find_spec(package) is None:
            rename = '' if scope else f"Write type='{package}.{bare}'. "
            return f'{name} is of {install_line(package)} {rename}'.rstrip()
    near = difflib.get_close_matches(name, known, 1) or difflib.get_close_matches(
        bare, [path for path in known if '.' not in path], 1
    )
    if near:
        return f'there is no {name!r}. Did you mean {near[0]!r}?'
    missing = [f'{of} ({name})' for name, (of, _) in PACKAGES.items() if find_spec(name) is None]
    others = f' Not installed: {", ".join(missing)}.' if missing else ''
    return (
        f'there is no {name!r} in what is installed. If a module of your own registers it, name '
        f'that in custom_imports.{others}'
    )


def _registered(root: Registry) -> set[str]:
    """All names of one kind, those of other packages with their scope."""
    for package in PACKAGES:
        with suppress(Exception):  # one that is not there, or cannot be imported here
            import_module(f'{package}.registry')
            root.children[package].import_from_location()
    found = set(root.module_dict)
    for scope, child in root.children.items():
        prefix = f'{scope}.' if scope in PACKAGES else ''
        found |= {prefix + name for name in child.module_dict}
    return found


def install_line(package: str) -> str:
    """How to have a package, by the name of its module: of OpenMMLab's family, or any."""
    original = MODULE2PACKAGE.get(package, package)
    if package in PACKAGES:
        return (
            f"{PACKAGES[package][0]}, which is not installed: pip install 'lsnet_mm[{package}]', "
            f'or pip install {original} where you have the original packages.'
        )
    own = 'If it is a module of your own, put its folder into PYTHONPATH (export PYTHONPATH=$PWD)'
    return f'{package}, which is not there. {own}; else pip install {original}.'
