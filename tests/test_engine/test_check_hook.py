"""Heads against the classes of data, and training against validation."""

from types import SimpleNamespace

import pytest
import torch
from helpers import ROOT, lsnet, segmentor
from mmengine.registry import DATASETS, MODELS, init_default_scope
from PIL import Image
from torch import nn

import lsnet_mm.engine  # noqa: F401  registers
from lsnet_mm.datasets import SliceFolderDataset
from lsnet_mm.engine.hooks.check_hook import check_cases, check_classes, check_weights
from lsnet_mm.utils import read_config

TRAIN = 'train_dataloader.dataset'


def data(*classes):
    return SimpleNamespace(metainfo=dict(classes=classes))


TWO, THREE = data('background', 'disc'), data('background', 'disc', 'cup')


def refused(model, dataset):
    with pytest.raises(ValueError) as caught:
        check_classes(model, dataset, TRAIN)
    return str(caught.value)


@pytest.mark.parametrize(
    'channels, classes, dataset, says',
    [
        (
            1,
            2,
            THREE,
            'model.segmentor.decode_head has num_classes=2, but train_dataloader.dataset',
        ),
        (1, 3, THREE, 'model.segmentor.decode_head has out_channels=1, but .* has 3 classes (b'),
        (
            19,
            19,
            TWO,
            'num_classes=19, but train_dataloader.dataset has 2 classes (background, disc)',
        ),
        (2, 2, THREE, 'Set num_classes=3 and out_channels=3 there'),
        (3, 3, TWO, 'out_channels=2 there (1 for foreground alone)'),
    ],
)
def test_a_head_of_other_classes(channels, classes, dataset, says):
    model = lsnet(seg=segmentor(channels, classes))
    start, *rest = says.split(' .* ')
    message = refused(model, dataset)
    assert start in message and all(part in message for part in rest)


@pytest.mark.parametrize(
    'channels, classes, dataset',
    [
        (1, 2, TWO),
        (2, 2, TWO),
        (1, 1, TWO),
        (3, 3, THREE),
        (19, 19, data()),
        (19, 19, SimpleNamespace(metainfo=dict(classes=None))),
        (19, 19, SimpleNamespace()),  # a dataset of one's own that names nothing
    ],
)
def test_heads_that_fit(channels, classes, dataset):
    check_classes(lsnet(seg=segmentor(channels, classes)), dataset, TRAIN)


def stock(**heads):
    """A model of MMSegmentation, with heads by their roles."""
    init_default_scope('mmseg')
    head = dict(type='FCNHead', in_channels=64, in_index=3, channels=4, num_convs=1)
    backbone = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
    heads = {
        role: [head | one for one in own] if isinstance(own, list) else head | own
        for role, own in heads.items()
    }
    kind = 'CascadeEncoderDecoder' if isinstance(heads['decode_head'], list) else 'EncoderDecoder'
    more = dict(num_stages=len(heads['decode_head'])) if kind.startswith('Cas') else {}
    return MODELS.build(dict(type=kind, backbone=backbone, test_cfg={}, **heads, **more))


def test_every_head_that_learns_the_classes():
    good, bad = dict(num_classes=2), dict(num_classes=19)
    assert refused(stock(decode_head=bad), TWO).startswith('model.decode_head has')
    assert refused(stock(decode_head=[good, bad]), TWO).startswith('model.decode_head.1 has')
    wrong = stock(decode_head=good, auxiliary_head=bad)
    assert refused(wrong, TWO).startswith('model.auxiliary_head has')
    check_classes(stock(decode_head=good, auxiliary_head=[good]), TWO, TRAIN)


def test_a_head_of_edges_may_have_two():
    edges = dict(type='STDCHead', num_classes=2, num_convs=1)
    check_classes(stock(decode_head=dict(num_classes=3), auxiliary_head=edges), THREE, TRAIN)


def test_a_coarse_net_learns_the_classes_too():
    init_default_scope('mmseg')
    coarse = dict(type='CoarseLocalizer', segmentor=segmentor(19, 19))
    model = MODELS.build(
        dict(
            type='LSNet',
            localizer=coarse,
            roi_extractor=dict(type='HardCrop', size=(64, 64)),
            segmentor=segmentor(),
        )
    )
    assert refused(model, TWO).startswith(
        'model.localizer.segmentor.decode_head has num_classes=19'
    )


@pytest.mark.parametrize('path', sorted((ROOT / 'configs').glob('*/*_small*.py')), ids=str)
def test_our_own_configs_fit(path):
    if path.parent.name in ('detectors', 'mmdet'):
        pytest.skip('needs MMDetection')
    if path.parent.name == 'nnunet':
        pytest.importorskip('dynamic_network_architectures')
    config = read_config(path)
    init_default_scope('mmseg')
    with torch.device('meta'):
        model = MODELS.build(config.model)
    check_classes(model, THREE if 'organs' in path.stem else TWO, TRAIN)


def cases(phantom_folder, **settings):
    cfg = dict(type='PancreasCTDataset', data_root=str(phantom_folder / 'data' / 'phantom'))
    init_default_scope('mmseg')
    return DATASETS.build(cfg | dict(pipeline=[]) | settings)


def test_a_fold_of_training_alone(phantom_folder):
    check_cases(*(cases(phantom_folder, split=s, fold=1) for s in ('train', 'val')))
    train = cases(phantom_folder, split='train', fold=1)
    with pytest.raises(ValueError) as caught:
        check_cases(train, cases(phantom_folder, split='val', fold=0))
    message = str(caught.value)
    assert message.startswith(
        "train_dataloader.dataset has split='train', fold=1 and val_dataloader.dataset has "
        "split='val', fold=0: "
    )
    assert 'of 4 cases of the training are validated on, too' in message


@pytest.mark.parametrize(
    'own, other',
    [
        (dict(split='all'), dict(split='val')),
        (dict(split='train', fold=1), dict(split='train', fold=0)),
        (dict(split='train'), dict(split='all', indices=None)),
    ],
)
def test_lists_that_overlap(phantom_folder, own, other):
    with pytest.raises(
        ValueError, match='^train_dataloader.dataset has .* and val_dataloader.data'
    ):
        check_cases(cases(phantom_folder, **own), cases(phantom_folder, **other))


def test_what_is_wrapped_is_looked_into(phantom_folder):
    train = cases(phantom_folder, split='train', fold=1)
    many = DATASETS.build(dict(type='RepeatDataset', times=500, dataset=train))
    both = DATASETS.build(dict(type='ConcatDataset', datasets=[many.dataset]))
    val = cases(phantom_folder, split='val', fold=0)
    with pytest.raises(ValueError, match='^train_dataloader.dataset.dataset has'):
        check_cases(many, val)
    with pytest.raises(ValueError, match='^train_dataloader.dataset.datasets.0 has'):
        check_cases(both, val)


def test_the_same_part_openly_and_other_folders(phantom_folder, tmp_path):
    """Learning by heart names it in both; cases of one name in two folders are two."""
    own = dict(split='train', fold=0)
    check_cases(cases(phantom_folder, **own), cases(phantom_folder, indices=2, **own))
    (tmp_path / 'copy').symlink_to(phantom_folder / 'data' / 'phantom')
    with pytest.raises(ValueError, match='data_root='):  # a link to the same is the same
        linked = dict(split='val', fold=1, data_root=str(tmp_path / 'copy'))
        check_cases(cases(phantom_folder, **own), cases(phantom_folder, **linked))


@pytest.mark.parametrize(
    'by_case, advice', [(True, 'set by_case=False'), (False, 'no two may have one name')]
)
def test_names_that_say_nothing_of_patients(tmp_path, by_case, advice):
    for split in ('train', 'val'):
        for kind in ('images', 'masks'):
            (tmp_path / split / kind).mkdir(parents=True)
            Image.new('L', (8, 8)).save(tmp_path / split / kind / 'img_1.png')
    train, val = (
        SliceFolderDataset(str(tmp_path), split=split, pipeline=[], by_case=by_case)
        for split in ('train', 'val')
    )
    with pytest.raises(ValueError, match=advice):
        check_cases(train, val)


def test_validation_data_among_several_of_training():
    """Equal settings are an intent only where they are all there is."""

    class Data(list):
        data_root = 'd'

        def __init__(self, split, cases):
            super().__init__(cases)
            self.split = split

        def get_data_info(self, k):
            return dict(case=self[k])

    val = Data('val', 'cd')
    both = SimpleNamespace(datasets=[Data('train', 'ab'), Data('val', 'cd')])
    check_cases(Data('val', 'cd'), val)
    with pytest.raises(ValueError, match='train_dataloader.dataset.datasets.1 has .*2 of 2 cases'):
        check_cases(both, val)


def test_a_checkpoint_that_lacks_weights():
    """Others than the model's may be in it, and BatchNorm's counters may be missing."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    weights = {f'module.{key}': value for key, value in model.state_dict().items()}
    weights.pop('module.1.num_batches_tracked')
    check_weights(model, weights | {'other': torch.ones(1)}, 'a.pth')
    with pytest.raises(ValueError, match='a.pth is no .* it lacks 0.bias, and 0 of 6 more'):
        check_weights(model, {k: v for k, v in weights.items() if k != 'module.0.bias'}, 'a.pth')
    with pytest.raises(ValueError, match='it has another shape of 0.weight, and 0 of 6 more'):
        check_weights(model, weights | {'module.0.weight': torch.ones(1)}, 'a.pth')
