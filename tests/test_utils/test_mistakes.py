"""A wrong setting ends a training in a sentence that names it, not in a traceback."""

import re
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch
from helpers import NO_WORKERS, ROOT, load_tool
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

import lsnet_mm.engine  # noqa: F401  registers
from lsnet_mm.utils import read_config
from lsnet_mm.utils.mistakes import explain, explain_channels
from lsnet_mm.utils.packages import unknown_name

TWO = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
QUICK = (*NO_WORKERS, 'train_dataloader.dataset.indices=2', 'val_dataloader.dataset.indices=2')
QUICK += ('train_cfg.max_epochs=1', 'train_dataloader.batch_size=2')
HEAD, NECK = 'model.segmentor.decode_head', 'model.localizer.neck'


@pytest.fixture
def said(phantom_folder, monkeypatch):
    """What tools/train.py says in the end, of options that it does not like."""

    def train(*options, config=TWO):
        monkeypatch.chdir(phantom_folder)
        argv = ['train.py', str(config), '--unsafe-checkpoint', '--cfg-options', *QUICK, *options]
        monkeypatch.setattr(sys, 'argv', argv)
        with pytest.raises(SystemExit) as caught:
            load_tool('train').main()
        sentence, *rest = str(caught.value.code).splitlines()
        for log in rest:
            text = Path(log.removeprefix('(The traceback is in ').removesuffix('.)')).read_text()
            assert 'Traceback (most recent call last)' in text
        assert len(rest) == (not isinstance(caught.value.__context__, OSError))
        return sentence

    return train


@pytest.mark.parametrize('name', ['train', 'val'])
def test_missing_data_name_the_dataloader_and_the_key(said, name):
    path = f'{name}_dataloader.dataset'
    sentence = said(f'{path}.data_root=data/nowhere')
    assert sentence.startswith(f'{path} (PancreasCTDataset): data/nowhere/dataset.json does not')
    assert sentence.endswith(f'Set {path}.data_root.')


def test_a_setting_that_is_not_there(said, tmp_path):
    path = tmp_path / 'no_root.py'
    dataset = "dict(_delete_=True, type='PancreasCTDataset', split='val')"
    path.write_text(f"_base_ = '{TWO}'\nval_dataloader = dict(dataset={dataset})\n")
    argv = set(QUICK) - {'val_dataloader.dataset.indices=2'}
    sentence = said(*argv, config=path)
    assert "'data_root'" in sentence and sentence.endswith('Set val_dataloader.dataset.data_root.')


def test_data_of_mmsegmentation(said, tmp_path):
    """Which only the system misses, by its number."""
    path = tmp_path / 'stock.py'
    dataset = "dict(_delete_=True, type='BaseSegDataset', data_root='nowhere', metainfo=dict("
    dataset += "classes=('a', 'b')), data_prefix=dict(img_path='img', seg_map_path='ann'))"
    path.write_text(f"_base_ = '{TWO}'\ntrain_dataloader = dict(dataset={dataset})\n")
    sentence = said(config=path)
    assert 'nowhere/img' in sentence
    assert sentence.endswith('Set train_dataloader.dataset.data_root.')


@pytest.mark.parametrize(
    'options, says',
    [
        (
            [f'{HEAD}.in_channels=24'],
            f'{HEAD}.conv_seg (Conv2d) takes 24 channels, but 16 came: {HEAD} has in_channels=24',
        ),
        (
            ['model.localizer.head.in_channels=24'],
            'model.localizer.head.keypoints.0.conv (Conv2d) takes 24 channels, but 32 came',
        ),
        (
            ['model.segmentor.backbone.in_channels=4'],
            'model.segmentor.backbone.conv1 (Conv2d) takes 4 channels, but 3 came',
        ),
        (
            ['train_dataloader.dataset.pipeline.0.neighbours=2'],
            'model.data_preprocessor (SegDataPreProcessor) has 3 means, but images of 5 channels',
        ),
        ([f'{NECK}.in_channels=[8,32,64,128]'], 'UNetNeck: the backbone gives features of [16,'),
    ],
)
def test_channels_that_do_not_fit(said, options, says):
    assert said(*options).startswith(says)


@pytest.mark.parametrize(
    'options, says',
    [
        (
            ['model.localizer.neck.chanels=[8]'],
            rf"^{NECK} \(UNetNeck\): TypeError: .* 'channels'\?",
        ),
        (['model.segmentor.backbone.dept=34'], r"unexpected keyword argument 'dept'. .* 'depth'\?"),
        (['model.type=LSNett'], r"^model: there is no 'LSNett'. Did you mean 'LSNet'\?"),
        (['train_cfg.type=AlternatingLoop'], r"^train_cfg: there is no .* 'Alternating.*Loop'\?"),
        (['model.localizer.backbone.depth=19'], 'model.localizer.backbone .*19 for resnet'),
    ],
)
def test_what_cannot_be_built_names_its_place(said, options, says):
    assert re.search(says, said(*options))


INSTALL = "pip install 'lsnet_mm[{0}]', or pip install {0} where"


@pytest.mark.parametrize(
    'name, package, rename',
    [
        ('mmpretrain.ConvNeXt', 'mmpretrain', ''),
        ('ConvNeXt', 'mmpretrain', "Write type='mmpretrain.ConvNeXt'."),
        ('mmdet.RTMDet', 'mmdet', ''),
        ('RTMDet', 'mmdet', "Write type='mmdet.RTMDet'."),
    ],
)
def test_a_name_of_another_package(monkeypatch, name, package, rename):
    """As if neither were there, whatever is."""
    monkeypatch.setattr('lsnet_mm.utils.packages.find_spec', lambda name: None)
    monkeypatch.setattr('lsnet_mm.utils.packages._registered', lambda root: {'ResNet'})
    sentence = unknown_name(name, MODELS)
    assert INSTALL.format(package) in sentence and sentence.endswith(rename)


def test_a_name_that_another_package_has(monkeypatch):
    monkeypatch.setattr('lsnet_mm.utils.packages._registered', lambda root: {'mmdet.CSPNeXt'})
    assert unknown_name('CSPNeXt', MODELS).endswith("write type='mmdet.CSPNeXt'.")


def test_a_name_that_nobody_knows():
    sentence = unknown_name('Zyxwvu', MODELS)
    assert sentence.startswith("there is no 'Zyxwvu' in what is installed.")
    assert 'custom_imports' in sentence


@pytest.mark.parametrize(
    'text',
    [
        "custom_imports = dict(imports=['nowhere.models'], allow_failed_imports=False)",
        "_base_ = 'mmhuman3d::resnet/resnet18.py'",
    ],
)
def test_a_package_that_a_config_wants(tmp_path, text):
    path = tmp_path / 'mine.py'
    path.write_text(text)
    with pytest.raises(
        ValueError, match='mine.py imports or inherits (nowhere|mmhuman3d): .* pip install'
    ):
        read_config(path)


@pytest.mark.parametrize(
    'text, says',
    [
        ('model = dict(\n', 'SyntaxError'),
        ('n = 1\nmodel = dict(type=LSNet)', "line 2: NameError: name 'LSNet' is not"),
        ("_base_ = './base.py'\n\nmodel = _base_.mdel", 'line 3: AttributeError: .*mdel'),
        ("_base_ = ['./base.py', './base.py']", 'KeyError: Duplicate key'),
    ],
)
def test_a_file_that_is_wrong(tmp_path, text, says):
    (tmp_path / 'base.py').write_text('model = dict(type=1)')
    (tmp_path / 'mine.py').write_text(text)
    with pytest.raises(ValueError, match=f'^{tmp_path}/mine.py.*{says}') as caught:
        read_config(tmp_path / 'mine.py')
    assert len(str(caught.value).splitlines()) < 5


def failed(function, *args):
    with pytest.raises(RuntimeError) as caught:
        function(*args)
    return caught.value


@pytest.mark.parametrize(
    'layer, shape, takes, came',
    [
        (nn.Conv2d(4, 2, 1), (1, 3, 8, 8), 4, 3),
        (nn.ConvTranspose2d(4, 2, 1), (1, 3, 8, 8), 4, 3),
        (nn.BatchNorm2d(4), (2, 3, 8, 8), 4, 3),
        (nn.GroupNorm(2, 4), (1, 6, 8, 8), 4, 6),
        (nn.Linear(4, 2), (1, 3), 4, 3),
        (nn.LayerNorm(4), (1, 3), 4, 3),
    ],
)
def test_layers(layer, shape, takes, came):
    """Without a runner the module's own path is all that is known."""
    error = failed(nn.Sequential(nn.Identity(), layer), torch.zeros(shape))
    expected = f'model.1 ({type(layer).__name__}) takes {takes} channels, but {came} came.'
    assert explain_channels(error).startswith(expected)


def test_errors_that_are_known_by_their_words():
    """torch's own, of a batch with one image and of weights that cannot be downloaded."""
    norm = nn.BatchNorm2d(3)
    with pytest.raises(ValueError) as caught:
        norm(torch.zeros(1, 3, 1, 1))
    assert 'drop_last=True' in explain(caught.value)
    with pytest.raises(URLError) as caught:
        urlopen('http://127.0.0.1:9/resnet18.pth', timeout=5)
    assert '--from-scratch' in explain(caught.value)


@pytest.mark.parametrize('part', [dict(depth=18), 'ResNet'])
def test_a_part_without_a_type(part):
    with pytest.raises((KeyError, TypeError)) as caught:
        MODELS.build(part)
    assert 'is no part of a config: it needs a type' in explain(caught.value)


def test_an_image_without_its_batch_is_no_matter_of_channels():
    with pytest.raises(RuntimeError) as caught:
        nn.Conv2d(3, 4, 3)(torch.zeros(3, 16, 16, dtype=torch.int32))
    assert explain_channels(caught.value) is None


def test_errors_of_other_kinds_stay():
    assert explain_channels(failed(nn.Conv2d(3, 2, 5), torch.zeros(1, 3, 2, 2))) is None  # small
    assert explain_channels(failed(lambda: torch.zeros(2) @ torch.zeros(3))) is None
    assert explain(failed(lambda: torch.zeros(2) @ torch.zeros(3))) is None


def test_the_loop_says_it_under_any_script(phantom_folder, monkeypatch):
    """Without our tools."""
    monkeypatch.chdir(phantom_folder)
    options = dict(option.split('=', 1) for option in QUICK)
    options = {key: int(value) for key, value in options.items()}
    config = read_config(TWO, {**options, f'{HEAD}.in_channels': 24})
    config.work_dir = 'any_script'
    with pytest.raises(ValueError, match='takes 24 channels, but 16 came'):
        Runner.from_cfg(config).train()
