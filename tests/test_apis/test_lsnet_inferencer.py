"""Whole volumes through a model whose mask is known: axes, values, boxes, and refusals."""

from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from exporting import build, lsnet_config
from threshold_segmentor import expected_mask, write_model

from lsnet_mm.apis import (
    LSNetInferencer,
    TidyUp,
    VolumePrediction,
    WrongCheckpointError,
    build_model,
    load_model,
)
from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.utils import UnsafeCheckpointError
from lsnet_mm.volumes import Volume, VolumeError, read_hu

SHAPE = (40, 32, 10)


@pytest.fixture(scope='module')
def volume():
    """A phantom in the axes of training, off centre and with three different spacings."""
    voxels = downloaded_case(0, 1, SHAPE)[0]
    affine = np.array([[-0.8, 0, 0, 31], [0, 0.9, 0, -17], [0, 0, -2.5, 5], [0, 0, 0, 1.0]])
    return Volume(voxels, affine)


@pytest.fixture(scope='module')
def inferencer(model):
    return LSNetInferencer(*model, device='cpu', show_progress=False)


@pytest.mark.parametrize('batch', [{}, *(dict(batch_size=size) for size in (1, 3, 10, 64))])
def test_batches_change_nothing(inferencer, volume, batch):
    [found] = inferencer(volume, **batch)['predictions']
    np.testing.assert_array_equal(found['mask'], expected_mask(volume.voxels))
    assert found['mask'].any() and not found['mask'].all()
    with pytest.raises(ValueError, match='batch_size must be at least 1'):
        inferencer(volume, batch_size=0)


def has_autocast(dtype):
    try:
        with torch.autocast('cpu', getattr(torch, dtype), enabled=dtype != 'float32'):
            return torch.is_autocast_cpu_enabled() or dtype == 'float32'
    except RuntimeError:
        return dtype == 'float32'


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16', 'float16'])
def test_precision_of_the_nets(model, volume, dtype):
    if not has_autocast(dtype):
        with pytest.raises(ValueError, match=f"dtype '{dtype}' is none that this torch has on cpu"):
            LSNetInferencer(*model, device='cpu', show_progress=False, dtype=dtype)
        return
    inferencer = LSNetInferencer(*model, device='cpu', show_progress=False, dtype=dtype)
    layer, seen = torch.nn.Linear(2, 2), []
    inferencer.model.register_forward_pre_hook(
        lambda module, args: seen.append(layer(torch.zeros(1, 2)).dtype)
    )
    [found] = inferencer(volume)['predictions']
    assert set(seen) == {getattr(torch, dtype)}
    np.testing.assert_array_equal(found['mask'], expected_mask(volume.voxels))
    assert layer(torch.zeros(1, 2)).dtype is torch.float32  # it ends with the volume
    with pytest.raises(ValueError, match="'int8' is none of float32, bfloat16, float16"):
        LSNetInferencer(*model, device='cpu', show_progress=False, dtype='int8')


def test_compiled_nets_give_the_same(monkeypatch, tmp_path, volume):
    """By a backend that runs the graphs as they are, and notes whose weights they are given."""
    weights, compiled, compile = {}, set(), torch.compile

    def keep(graph, inputs):
        def run(*args):
            given = (*args, *graph.parameters())  # an older torch leaves them in the graph
            compiled.update(weights[id(a)] for a in given if id(a) in weights)
            return graph(*args)

        return run

    monkeypatch.setattr(torch, 'compile', partial(compile, backend=keep))
    config = lsnet_config()
    config.model.test_cfg.rounds = 0
    config.model.localizer.head.test_cfg.max_per_img = 1
    net = build(config)
    torch.nn.init.zeros_(net.localizer.head.keypoints[-1].bias)  # it finds something
    torch.nn.init.zeros_(net.segmentor.decode_head.conv_seg.bias)
    torch.save(net.state_dict(), tmp_path / 'weights.pth')
    masks = []
    for switch in (False, True):
        own = dict(device='cpu', show_progress=False, compile=switch)
        inferencer = LSNetInferencer(config, tmp_path / 'weights.pth', **own)
        weights.update(
            (id(p), name.rsplit('.', 1)[0]) for name, p in inferencer.model.named_parameters()
        )
        [found] = inferencer(volume, batch_size=10)['predictions']  # one size: compiled once
        masks.append((found['mask'], [box['from'] for box in found['boxes']]))
        assert bool(compiled) == switch
        for name, weight in inferencer.model.named_parameters():
            if switch:  # of the others norms are folded into them
                assert torch.equal(weight, net.get_parameter(name.replace('_orig_mod.', '')))
            # On a CPU convolutions are faster so.
            assert weight.ndim < 4 or weight.is_contiguous(memory_format=torch.channels_last)
    assert compiled == set(weights.values())  # every layer of both nets
    assert masks[0][0].any() and masks[0][1] and masks[0][1] == masks[1][1]
    np.testing.assert_array_equal(*(mask for mask, _ in masks))
    torch._dynamo.reset()


def test_a_machine_that_cannot_compile_says_so_at_once(monkeypatch, tmp_path):
    def lacking(graph, inputs):
        raise FileNotFoundError('no g++')

    monkeypatch.setattr(torch, 'compile', partial(torch.compile, backend=lacking))
    config = lsnet_config()
    torch.save(build(config).state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(RuntimeError, match=r'torch.compile does not work here .*no g\+\+.*install'):
        load_model(config, tmp_path / 'weights.pth', 'cpu', compile=True)
    torch._dynamo.reset()


@pytest.mark.parametrize('codes', ['LAI', 'RAS', 'PSL'])
def test_boxes_enclose_the_mask_of_their_slice(inferencer, volume, codes):
    turned = volume.oriented(codes)
    [found] = inferencer(turned)['predictions']
    axis = [i for i, letter in enumerate(codes) if letter in 'SI'][0]
    assert len(found['boxes']) == SHAPE[2]
    for box in found['boxes']:
        low, high = np.array(box['from']), np.array(box['to'])
        assert high[axis] - low[axis] == 1 and box['score'] == 1
        inside = np.argwhere(found['mask'].take(int(low[axis]), axis))
        others = [i for i in range(3) if i != axis]
        np.testing.assert_array_equal(low[others], inside.min(axis=0))
        np.testing.assert_array_equal(high[others], inside.max(axis=0) + 1)


def test_probability_heatmaps_and_volume(inferencer, volume):
    result = inferencer(volume, probability=True, heatmaps=True)
    [found] = result['predictions']
    assert result['visualization'] == []
    assert found['probability'].shape == SHAPE
    np.testing.assert_array_equal(found['probability'] > 0.5, found['mask'])
    assert found['heatmaps'].shape == (SHAPE[2], SHAPE[1] // 4, SHAPE[0] // 4)
    ml = found['mask'].sum() * 0.8 * 0.9 * 2.5 / 1000
    assert found['volume_ml'] == {'pancreas': pytest.approx(ml, abs=1e-3)}


def test_paths_lists_and_datasamples(inferencer, volume, tmp_path):
    image = nib.Nifti1Image(volume.voxels + 1024, volume.affine)
    image.header.set_slope_inter(1, -1024)  # as stored values are rescaled to HU
    nib.save(image, tmp_path / 'a.nii.gz')
    write_download(tmp_path / 'd', 1, SHAPE, withdrawn=False)
    inputs = [tmp_path / 'd', str(tmp_path / 'a.nii.gz'), volume]
    found = inferencer(inputs, return_datasamples=True)['predictions']
    assert [type(one) for one in found] == 3 * [VolumePrediction]
    for one in found:
        np.testing.assert_array_equal(one.mask.voxels, expected_mask(volume.voxels))
    np.testing.assert_array_equal(found[0].mask.affine, read_hu(tmp_path / 'd').affine)


def test_eight_bit_configs_see_their_window(tmp_path, volume):
    load = dict(type='LoadImageFromFile')
    pipeline = [load, dict(type='LoadCTMask'), dict(type='PackLSNetInputs')]
    model = write_model(tmp_path, pipeline=pipeline)
    [found] = LSNetInferencer(*model, device='cpu')(volume)['predictions']
    np.testing.assert_array_equal(found['mask'], volume.voxels >= 128)
    assert [one for one in found['cautions'] if 'black and white' in one]  # 0 to 255 is a guess
    other = LSNetInferencer(*model, device='cpu', window=(-255, 255))
    [found] = other(volume)['predictions']
    np.testing.assert_array_equal(found['mask'], volume.voxels >= 0)
    assert not [one for one in found['cautions'] if 'black and white' in one]


def test_eight_bit_models_see_the_window_of_their_training(tmp_path, volume):
    """As the checkpoint states it."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackLSNetInputs')]
    config, checkpoint = write_model(tmp_path, pipeline=pipeline)
    content = torch.load(checkpoint, weights_only=True)
    card = dict(window=[-255, 255], synthetic=None, spacing=None, field_of_view=None)
    content.setdefault('meta', {})['trained_on'] = card | dict(look=dict(body=None))
    torch.save(content, checkpoint)
    [found] = LSNetInferencer(config, checkpoint, device='cpu')(volume)['predictions']
    np.testing.assert_array_equal(found['mask'], volume.voxels >= 0)
    assert not [one for one in found['cautions'] if 'window' in one or 'black' in one]


def test_neighbours(tmp_path, volume):
    load = [dict(type='LoadCTSlice', neighbours=1), dict(type='HUWindow')]
    model = write_model(tmp_path, pipeline=[*load, dict(type='PackLSNetInputs')])
    [found] = LSNetInferencer(*model, device='cpu')(volume)['predictions']
    np.testing.assert_array_equal(found['mask'], expected_mask(volume.voxels))


def test_tidy_up(inferencer, volume):
    voxels = np.full(SHAPE, -500, np.int16)
    voxels[2:12, 2:12, 2:8] = 100  # 600 voxels of 1.8 mm3: 1.08 ml
    voxels[12, 12, 8] = 100  # touches it by a corner
    voxels[20:25, 20:25, 1:3] = 100  # 0.09 ml
    voxels[30, 30, 9] = 100
    tidy = {
        None: 652,
        TidyUp(): 652,
        TidyUp(min_volume_ml=0.05): 651,
        TidyUp(min_volume_ml=0.1): 601,
        TidyUp(largest_component=True): 601,
        TidyUp(largest_component=True, min_volume_ml=2): 0,
    }
    for how, count in tidy.items():
        [found] = inferencer(Volume(voxels, volume.affine), tidy_up=how)['predictions']
        assert found['mask'].sum() == count, how
    with pytest.raises(ValueError, match='must not be negative'):
        TidyUp(min_volume_ml=-1)


def test_nan_voxels(inferencer, volume):
    voxels = volume.voxels.astype(np.float32)
    voxels[3, 4, 6] = np.nan
    with pytest.raises(VolumeError, match='slice 6 holds voxels that are NaN.*HU of air'):
        inferencer(Volume(voxels, volume.affine))


def test_wrong_checkpoints(model, tmp_path):
    config, _ = model
    path = tmp_path / 'a.pth'
    for state, message in [
        ({}, r'a.pth is no checkpoint of this config: Missing key.*"threshold"'),
        ({'threshold': torch.ones(()), 'more': torch.ones(())}, r'Unexpected key.*"more"'),
        ({'threshold': torch.ones(3, 1)}, 'size mismatch for threshold'),
    ]:
        torch.save(dict(state_dict=state), path)
        with pytest.raises(WrongCheckpointError, match=message):
            load_model(config, path, 'cpu')
    torch.save(dict(state_dict={}, extra=object), path)
    with pytest.raises(UnsafeCheckpointError):
        load_model(config, path, 'cpu')
    torch.save(dict(state_dict={'module.threshold': torch.ones(())}, more=dict), path)
    assert load_model(config, path, 'cpu', unsafe_checkpoint=True).threshold == 1
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        load_model(config, tmp_path / 'none.pth')
    with pytest.raises(FileNotFoundError, match='config not found: nowhere.py'):
        load_model('nowhere.py', path)


def test_a_model_is_built_in_a_line():
    """As a user tries one in a REPL; every name of the config is registered by it."""
    path = Path(__file__).parents[2] / 'configs/lsnet/lsnet_small_phantom.py'
    model = build_model(path, {'model.segmentor.decode_head.threshold': 0.4})
    assert type(model).__name__ == 'LSNet' and model.segmentor.decode_head.threshold == 0.4
    assert model.cfg.train_cfg.type == 'AlternatingTrainLoop'
    assert model(torch.zeros(1, 3, 64, 64)) is not None


@pytest.mark.parametrize('codes', ['LAI', 'RAS', 'LPS', 'SAR'])
def test_pictures_are_turned_as_radiologists_hold_them(model, codes):
    """Front at the top, the patient's right on the left, and mask and boxes with it."""
    hu = np.full((40, 32, 8), -90, np.int16)  # RAS: to the right, the front, the head
    hu[4:10, 24:30, 5] = 100  # on the left, in front, near the head
    volume = Volume(hu, np.eye(4)).oriented(codes)
    found = LSNetInferencer(*model, device='cpu')(volume, return_datasamples=True)
    [found] = found['predictions']
    hu, mask, boxes, heatmaps = found.drawn(volume)
    assert hu.shape == mask.shape == (8, 32, 40)
    rows, columns = np.nonzero(mask[2])  # slices count from the head
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 7, 30, 35)
    assert boxes[2].tolist() == [[30, 2, 36, 8]] and (hu[2] == 100).sum() == 36
    assert sum(map(len, boxes)) == 1 and heatmaps is None
