"""Whole volumes, and what an untrained net does with the oracle's predictions."""

import numpy as np
import pytest
import torch
from benchmarking import COARSE, LSNET, UNET

from lsnet_mm.experiments.benchmark.inference import Inference
from lsnet_mm.experiments.benchmark.scene import Scene
from lsnet_mm.models.geometry import mask_to_box
from lsnet_mm.volumes import Volume


def counted(monkeypatch, owner, name):
    """How many items each call of a method was given."""
    calls, method = [], getattr(owner, name)
    monkeypatch.setattr(
        owner,
        name,
        lambda first, *args, **kw: calls.append(len(first)) or method(first, *args, **kw),
    )
    return calls


@pytest.mark.parametrize(('rounds', 'crops'), [(0, 1), (None, 2)])
def test_all_stages_run_on_organ_slices_and_on_no_others(
    build_system, scene, monkeypatch, rounds, crops
):
    system = build_system(LSNET, rounds=rounds)
    run = Inference(system, scene)
    inner = system.two_stages
    bbr = counted(monkeypatch, inner.localizer.head.distances[0], 'forward')
    kp = counted(monkeypatch, inner.localizer.head.keypoints[0], 'forward')
    found = counted(monkeypatch, inner.localizer.head, 'predict_by_feat')
    segmented = counted(monkeypatch, inner.segmentor, 'encode_decode')
    pasted = counted(monkeypatch, inner.roi_extractor, 'paste')
    result = run.predictor(scene.volume)
    organ = len(scene.organ_slices)
    assert sum(kp) == sum(found) == len(scene)
    assert sum(bbr) == organ
    # A net without mistakes sees in the second round that the first was right.
    assert sum(segmented) == organ * crops and sum(pasted) == organ * crops
    for number in range(len(scene)):
        # Rounds take the mask's box, which holds what is too small to be an object, too.
        true = mask_to_box(torch.from_numpy(scene.mask(number)))
        true = scene.boxes(number) if rounds == 0 else true
        boxes = result.boxes[number]
        assert len(boxes) == len(true)
        # The mask beside the boxes, in cells of 4 pixels, has half a say in them.
        np.testing.assert_allclose(boxes, true, atol=2 if rounds == 0 else 0.5)
    masks = result.mask.voxels
    assert np.array_equal(masks > 0, scene.label.voxels > 0)


def test_boxes_of_a_coarse_net(build_system, scene, monkeypatch):
    system = build_system(COARSE)
    run = Inference(system, scene)
    coarse = counted(monkeypatch, system.two_stages.localizer, 'coarse_masks')
    fine = counted(monkeypatch, system.two_stages.segmentor, 'encode_decode')
    run()
    assert sum(coarse) == len(scene) and sum(fine) == len(scene.organ_slices)


def test_the_profile_adds_up_and_leaves_the_model_as_it_was(build_system, scene):
    system = build_system(LSNET)
    run = Inference(system, scene)
    before = dict(vars(system.two_stages))
    profile = run.profile()
    assert vars(system.two_stages).keys() == before.keys()
    assert sum(profile['shares'].values()) == pytest.approx(1)
    assert profile['crops'] == 2
    shares = profile['shares']
    after = [shares[name] for name in ('decode', 'paste', 'refine')]
    assert profile['post_processing'] == pytest.approx(sum(after)) and min(after) > 0
    assert {'pipeline', 'L-Net', 'BBR', 'crop', 'S-Net', 'the rest'} <= shares.keys()


def test_operations_of_a_mean_slice(build_system, scene):
    one = build_system(UNET)
    run = Inference(one, scene)
    # 160x160, whatever is in the slice.
    assert run.work()['macs'] == pytest.approx(0.28e9, abs=0.01e9)
    two = [build_system(LSNET, rounds=rounds) for rounds in (0, 1)]
    costs = [Inference(system, scene).work()['macs'] for system in two]
    assert costs[1] > costs[0] > 0


@pytest.mark.parametrize(
    ('config', 'with_mask', 'count'), [(LSNET, False, 2), (LSNET, True, 1), (COARSE, False, 1)]
)
def test_boxes_are_made_as_the_localizer_does(build_system, config, with_mask, count):
    """Of two objects, from the oracle's maps: some give a box each, others one around both."""
    affine = np.diag([-1.0, 1.0, -1.0, 1.0])
    label = np.zeros((64, 64, 2), np.uint8)
    label[4:16, 6:18, 1] = label[44:60, 40:56, 1] = 1
    scene = Scene(Volume(label.astype(np.int16), affine), Volume(label, affine))
    system = build_system(config, rounds=0)
    if config == LSNET and not with_mask:
        system.cfg.model.localizer.head.loss_mask = None
        del system.cfg.model.localizer.head.test_cfg['veto_thr']
    empty, found = Inference(system, scene).predictor(scene.volume).boxes
    true = scene.boxes(1).numpy()
    assert len(empty) == 0 and len(true) == 2 and len(found) == count
    around = np.concatenate((true[:, :2].min(axis=0), true[:, 2:].max(axis=0)))
    expected = true[true[:, 0].argsort()] if count == 2 else around[None]
    np.testing.assert_allclose(found[found[:, 0].argsort()], expected, atol=2)


@pytest.mark.parametrize('config', [UNET, LSNET])
def test_bfloat16_reaches_the_nets(build_system, scene, monkeypatch, config):
    system = build_system(config, dtype='bfloat16')
    run = Inference(system, scene)
    net = system.two_stages.segmentor if system.two_stages else run.model
    types = []
    net.backbone.register_forward_hook(lambda module, args, out: types.append(out[-1].dtype))
    run()
    assert types and set(types) == {torch.bfloat16}
