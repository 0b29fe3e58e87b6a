"""What a checkpoint says of its data, against the phantom's own numbers."""

import itertools
import json

import numpy as np
import pytest
import torch
from helpers import load_tool
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from PIL import Image
from torch import nn

import lsnet_mm.datasets
import lsnet_mm.engine  # noqa: F401  registers
from lsnet_mm.datasets import PancreasCTDataset, SliceFolderDataset
from lsnet_mm.datasets.training_card import training_card
from lsnet_mm.experiments.phantom import make_case, write_prepared
from lsnet_mm.utils import safe_torch_load
from lsnet_mm.volumes.look import air_share, slice_look

SHAPE, CASES, SEED = (48, 40, 12), 4, 3
NUMBER = itertools.count()
HU = [
    dict(type='LoadCTSlice'),
    dict(type='LoadCTMask'),
    dict(type='HUWindow', window=(-100, 240)),
    dict(type='ResizeSlice', scale=(32, 32)),
    dict(type='RandomIntensity'),
    dict(type='PackLSNetInputs'),
]
GREY = [dict(type='LoadImageFromFile', color_type='grayscale'), dict(type='LoadCTMask')]


class Mean(BaseModel):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples=None, mode='loss'):
        return dict(loss=self.factor * torch.stack(inputs).float().mean())


@pytest.fixture(scope='module', autouse=True)
def _scope():
    init_default_scope('mmseg')


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp('data') / 'set', CASES, SHAPE, SEED)


def train(folder, root, epochs=1, **more):
    """The meta of the last checkpoint of a training."""
    data = dict(type='PancreasCTDataset', data_root=str(root), split='all', pipeline=HU)
    sampler = dict(type='DefaultSampler', shuffle=True)
    runner = Runner(
        model=Mean(),
        work_dir=str(folder),
        train_dataloader=dict(batch_size=8, num_workers=0, dataset=data, sampler=sampler),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=dict(type='DurableCheckpointHook'), logger=None),
        custom_hooks=[dict(type='TrainedOnHook')],
        default_scope='mmseg',
        log_level='ERROR',
        experiment_name=f'trained_on_{next(NUMBER)}',
        **more,
    )
    runner.train()
    return safe_torch_load(folder / f'epoch_{epochs}.pth')['meta']['trained_on']


def test_what_travels_with_a_checkpoint(tmp_path, prepared):
    card = train(tmp_path, prepared)
    assert json.loads(json.dumps(card)) == card  # plain values
    [data] = card['data']
    expected = PancreasCTDataset(str(prepared), 'all', pipeline=[]).sha256()
    assert data == dict(
        name='phantom', split='all', fold=0, slices=48, cases=4, sha256=expected,
        synthetic=True, source=None,
    )  # fmt: skip
    assert card['synthetic'] and card['window'] == [-100, 240] and card['looked_at'] == 48
    cases = [make_case(SEED, k, SHAPE) for k in range(1, CASES + 1)]
    for k, axis in ((1, 'rows'), (0, 'columns'), (2, 'slices')):
        sizes = np.quantile([case[2][k] for case in cases for _ in range(12)], (0, 0.5, 1))
        assert np.array(card['spacing'][axis])[[0, 2, 4]] == pytest.approx(sizes, rel=1e-3)
        if axis != 'slices':
            assert card['size'][axis] == [SHAPE[k]] * 5
            assert card['field_of_view'][axis][2] == pytest.approx(sizes[1] * SHAPE[k], rel=1e-3)
    about = card['classes']['pancreas']
    volumes = [np.prod(spacing) / 1000 * label.sum() for _, label, spacing in cases]
    quantiles = np.quantile(volumes, (0, 0.05, 0.5, 0.95, 1))
    assert about['volume_ml'] == pytest.approx(quantiles, rel=1e-3)
    held = [label[..., k].mean() for _, label, _ in cases for k in range(12)]
    assert about['slices'] == pytest.approx(np.mean(np.array(held) > 0), abs=1e-4)
    assert about['share'][4] == pytest.approx(max(held), rel=1e-3)
    areas = [
        label[..., k].sum() * spacing[0] * spacing[1]
        for _, label, spacing in cases
        for k in range(12)
    ]
    assert about['area_mm2'][4] == pytest.approx(max(areas), rel=1e-3)
    assert {'commit', 'lsnet_mm', 'torch'} <= card['environment'].keys()
    assert str(prepared) not in json.dumps(card)


def test_a_resume_keeps_it_and_fine_tuning_has_its_own(tmp_path, prepared):
    first = train(tmp_path / 'a', prepared)
    other = write_prepared(tmp_path / 'other', CASES, (40, 40, 8), seed=8)
    assert train(tmp_path / 'a', other, epochs=2, resume=True) == first
    tuned = train(tmp_path / 'b', other, load_from=str(tmp_path / 'a' / 'epoch_1.pth'))
    assert tuned['size']['rows'] == [40] * 5 and tuned['data'][0]['slices'] == 32


def test_a_resume_of_an_older_checkpoint_looks_itself(tmp_path, prepared):
    first = train(tmp_path, prepared)
    content = safe_torch_load(tmp_path / 'epoch_1.pth')
    del content['meta']['trained_on']
    torch.save(content, tmp_path / 'epoch_1.pth')
    assert train(tmp_path, prepared, epochs=2, resume=True) == first


def slices(root, low, high):
    """The phantom as 8-bit slices."""
    for case in range(1, 4):
        volume, label, _ = make_case(SEED, case, (64, 64, 8))
        for k in range(8):
            grey = np.rint(np.clip((volume[..., k].T - low) * 255.0 / (high - low), 0, 255))
            for kind, array in (('images', grey), ('masks', label[..., k].T)):
                path = root / 'train' / kind / f'P_{case}_{k}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array.astype(np.uint8)).save(path)
    return root


def test_slices_of_8_bits_look_as_the_volumes_they_are_of(tmp_path):
    write_prepared(tmp_path / 'set', 4, (64, 64, 8), SEED)
    grey = SliceFolderDataset(str(slices(tmp_path / 'grey', -100, 240)), pipeline=GREY)
    grey.facts = dict(window=(-100, 240))
    # Of the volumes three cases, as of the slices.
    by_volume = PancreasCTDataset(str(tmp_path / 'set'), 'all', pipeline=HU, indices=24)
    one, other = (training_card([dataset]) for dataset in (by_volume, grey))
    assert one['window'] == other['window'] == [-100, 240]
    for key in ('body', 'dark', 'bright', 'grey', 'apart'):
        assert one['look'][key] == pytest.approx(other['look'][key], rel=0.02, abs=0.01), key
    assert other['spacing'] is other['field_of_view'] is other['look']['width'] is None
    assert other['classes']['pancreas']['volume_ml'] is None
    assert one['classes']['pancreas']['share'] == other['classes']['pancreas']['share']


def test_facts_are_what_files_cannot_say(tmp_path):
    root = slices(tmp_path, 0, 255)
    facts = dict(window=(0, 255), spacing=(0.8, 0.7, 1), synthetic=True, source='made up')
    known, unknown = (
        training_card([SliceFolderDataset(str(root), pipeline=GREY, facts=given)])
        for given in (facts, None)
    )
    assert known['window'] == [0, 255] and unknown['window'] is None
    assert known['spacing']['rows'] == [0.8] * 5 and unknown['spacing'] is None
    assert known['field_of_view']['columns'] == pytest.approx([0.7 * 64] * 5)
    assert (known['synthetic'], known['data'][0]['source']) == (True, 'made up')
    assert (unknown['synthetic'], unknown['data'][0]['source']) == (None, None)
    stated = SliceFolderDataset(str(root), pipeline=GREY, facts=dict(window=(0, 255)))
    assert training_card([stated])['synthetic'] is False  # or it would have been said, too
    assert training_card([stated, [1]])['synthetic'] is False
    with pytest.raises(ValueError, match=r"window, spacing, synthetic, source; got \['windows'\]"):
        SliceFolderDataset(str(root), pipeline=GREY, facts=dict(windows=(0, 255)))


def test_many_slices_cost_no_more_than_some(prepared):
    class Long(PancreasCTDataset):
        loaded = 0

        def load_data_list(self):
            return [one | dict(case=f'{one["case"]}_{k}') for one in super().load_data_list()
                    for k in range(40)]  # fmt: skip

    dataset = Long(str(prepared), 'all', pipeline=HU)
    load = dataset.pipeline.transforms[0]
    plain, load.transform = load.transform, lambda results: count(results)

    def count(results):
        Long.loaded += 1
        return plain(results)

    card = training_card([dataset])
    assert card['data'][0]['cases'] == 160 and card['looked_at'] == Long.loaded == 128
    assert card == training_card([dataset])


def test_data_of_no_dataset_of_openmmlab_are_counted():
    card = training_card([[1, 2, 3]])
    assert card['data'][0]['slices'] == 3 and card['looked_at'] == 0
    assert card['look']['body'] is card['window'] is card['synthetic'] is None


def test_the_tool_gives_the_hook_to_any_config():
    tool, hook = load_tool('train'), dict(type='TrainedOnHook')
    for cfg in ({}, dict(default_hooks=dict(logger=dict(type='LoggerHook')))):
        cfg = Config(cfg)
        tool.say_what_it_was_trained_on(cfg)
        assert cfg.default_hooks.trained_on == hook
    cfg = Config(dict(custom_hooks=[hook]))
    tool.say_what_it_was_trained_on(cfg)
    assert cfg.to_dict() == dict(custom_hooks=[hook])


def test_look_of_shapes_with_known_shares():
    """A body of 60 x 40 with a dark disc of radius 10 and a bright square of 12 in it."""
    grey = np.zeros((128, 128))
    grey[30:70, 20:80] = 100
    y, x = np.ogrid[:128, :128]
    grey[(y - 50) ** 2 + (x - 40) ** 2 <= 100] = 0
    grey[44:56, 60:72] = 255
    grey[100:102] = 200  # a table
    look = slice_look(grey)
    area = 60 * 40
    assert look['body'] == pytest.approx(area / 128**2, rel=0.03)
    assert look['dark'] == pytest.approx(np.pi * 100 / area, rel=0.06)
    assert look['bright'] == pytest.approx(144 / area, rel=0.06)
    assert look['grey'] == 100
    assert look['apart'] == 0
    large = np.kron(grey, np.ones((4, 4)))
    assert slice_look(large) == pytest.approx(look, rel=0.05)
    assert slice_look(np.zeros((64, 64))) is None
    grey[30:50, 95:125] = 100
    assert slice_look(grey)['apart'] == pytest.approx(20 * 30 / (area - np.pi * 100), rel=0.1)


def test_air_is_that_of_lungs_not_that_around():
    """Two lungs of 20 x 30 in a body of 80 x 60 with a wall of fat, on a table."""
    hu = np.full((128, 128), -1000.0)
    hu[30:90, 20:100] = -100
    hu[40:70, 30:50] = hu[40:70, 65:85] = -850
    hu[100:102, 10:110] = 100
    assert air_share(hu) == pytest.approx(2 * 20 * 30 / (60 * 80), rel=0.05)
    assert air_share(np.full((64, 64), -1000.0)) == 0
