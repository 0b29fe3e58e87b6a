"""What is exported is what training sees: the same window, the same boxes."""

import json

import numpy as np
import pytest
from helpers import ROOT, load_tool, refusal
from mmengine.config import Config
from PIL import Image

from lsnet_mm.datasets import BoxesFromMask, HUWindow
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.preparation.coco import coco_annotations, export_coco, uncompressed_rle
from lsnet_mm.volumes import read_slice

CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
MASK = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 2]], np.uint8)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    write_prepared(folder / 'phantom', 4, (64, 64, 8), seed=1)
    write_prepared(folder / 'organs', 4, (64, 64, 8), seed=1, organs=2)
    return folder


def config(root, name='lsnet_small_phantom'):
    cfg = Config.fromfile(CONFIG.with_stem(name))
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].dataset.data_root = str(root)
    return cfg


@pytest.fixture(scope='module')
def exported(data):
    return data / 'coco', export_coco(config(data / 'phantom'), data / 'coco')


def read(folder, split):
    return json.loads((folder / 'annotations' / f'{split}.json').read_text())


def corners(bbox):
    x, y, width, height = bbox
    return [x, y, x + width, y + height]


def test_images_and_boxes_are_those_of_the_slices(data, exported):
    folder, about = exported
    boxes_from_mask = BoxesFromMask(min_area=25, merge_distance=80)
    for split in ('train', 'val'):
        content = read(folder, split)
        assert about[split]['images'] == len(content['images'])
        assert len({a['id'] for a in content['annotations']}) == len(content['annotations']) > 0
        for image in content['images']:
            case, k = image['case'], image['slice_index']
            hu = read_slice(data / 'phantom' / 'imagesTr' / f'{case}_0000.nii', k)
            mask = read_slice(data / 'phantom' / 'labelsTr' / f'{case}.nii', k)
            grey = HUWindow((-100, 240))(dict(img=hu))['img']
            written = np.asarray(Image.open(folder / split / image['file_name']))
            assert written.dtype == np.uint8 and np.abs(written - grey).max() <= 0.5
            assert (image['height'], image['width']) == mask.shape
            mine = [a for a in content['annotations'] if a['image_id'] == image['id']]
            expected = boxes_from_mask(dict(gt_seg_map=mask))['gt_bboxes']
            assert [corners(a['bbox']) for a in mine] == expected.tolist()
            for annotation in mine:
                x1, y1, x2, y2 = corners(annotation['bbox'])
                assert annotation['area'] == (mask[y1:y2, x1:x2] > 0).sum()


def test_slices_are_those_of_the_datasets(data, exported):
    """Training: those with pancreas, and some empty ones; validation: all of the fold's cases.

    And it says what it is, and not where it came from.
    """
    train, val = (read(exported[0], split) for split in ('train', 'val'))
    assert len(val['images']) == 8 and {i['case'] for i in val['images']} == {'PANCREAS_0001'}
    assert {i['case'] for i in train['images']} == {f'PANCREAS_000{k}' for k in (2, 3, 4)}
    full = {a['image_id'] for a in train['annotations']}
    assert len(train['images']) == len(full) + round(0.5 * len(full))
    for content in (train, val):
        assert content['categories'] == [dict(id=1, name='pancreas')]
    folder, about = exported
    assert json.loads(json.dumps(about)) == json.loads((folder / 'coco_export.json').read_text())
    assert about['val']['data'] == 'phantom' and about['val']['split'] == 'val'
    assert dict(type='BoxesFromMask', min_area=25, merge_distance=80) in about['val']['pipeline']
    assert len(about['val']['sha256']) == 64
    for path in folder.rglob('*.json'):
        assert str(data) not in path.read_text()


def test_another_export_is_not_overwritten_by_chance(data, exported):
    folder, _ = exported
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    with pytest.raises(FileExistsError, match='is not empty'):
        export_coco(config(data / 'organs'), folder)
    (data / 'other').mkdir()
    (data / 'other' / 'notes.txt').touch()
    with pytest.raises(FileExistsError, match='holds more than a COCO export'):
        export_coco(config(data / 'phantom'), data / 'other', overwrite=True)
    assert before == {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_same_data_give_the_same_bytes(data, exported, tmp_path):
    folder, _ = exported
    export_coco(config(data / 'phantom'), tmp_path / 'again')
    for path in folder.rglob('*'):
        if path.is_file():
            assert (tmp_path / 'again' / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_several_organs_and_neighbours(data, tmp_path):
    """Boxes are of objects of any class; of the neighbours in 2.5D only the slice is exported."""
    export_coco(config(data / 'organs', 'lsnet_small_phantom_organs'), tmp_path / 'organs')
    assert read(tmp_path / 'organs', 'val')['categories'] == [dict(id=1, name='pancreas or spleen')]
    plain, thick = tmp_path / 'plain', tmp_path / 'thick'
    export_coco(config(data / 'phantom'), plain, ['val'])
    export_coco(config(data / 'phantom', 'lsnet_small_phantom_2_5d'), thick, ['val'])
    for path in plain.glob('val/*.png'):
        assert path.read_bytes() == (thick / 'val' / path.name).read_bytes()


def test_what_cannot_be_exported(data, tmp_path):
    cfg = config(data / 'phantom')
    pipeline = cfg.test_dataloader.dataset.pipeline
    for change, message in (
        ([t for t in pipeline if t.type != 'BoxesFromMask'], 'gives no boxes'),
        ([t for t in pipeline if t.type != 'HUWindow'], "dict\\(type='HUWindow'\\)"),
        ([dict(type='RandomFlip', prob=0.5), *pipeline], 'has RandomFlip'),
    ):
        cfg.test_dataloader.dataset.pipeline = change
        with pytest.raises(ValueError, match=message):
            export_coco(cfg, tmp_path / 'out')
        assert not (tmp_path / 'out').exists()


def test_a_slice_folder_with_the_tool(tmp_path, monkeypatch, capsys):
    """Grey values stay as they are; options of the command line reach the config."""
    grey = np.random.default_rng(0).integers(0, 255, (40, 30)).astype(np.uint8)
    mask = np.zeros_like(grey)
    mask[5:9, 10:16] = 1
    for kind, array in (('images', grey), ('masks', mask)):
        path = tmp_path / 'slices' / 'val' / kind / 'P_01_007.png'
        path.parent.mkdir(parents=True)
        Image.fromarray(array).save(path)
    monkeypatch.chdir(tmp_path)
    arguments = [
        *(str(CONFIG.with_stem('lsnet_small_unet_slices')), 'coco', '--splits', 'val'),
        *('--cfg-options', 'val_dataloader.dataset.data_root=slices'),
    ]
    main = load_tool('export_coco').main
    main(arguments)
    assert 'val: 1 slices, 1 boxes' in capsys.readouterr().out
    written = np.asarray(Image.open(tmp_path / 'coco' / 'val' / 'P_01_007.png'))
    assert np.array_equal(written, grey)
    assert read(tmp_path / 'coco', 'val')['annotations'][0]['bbox'] == [10, 5, 6, 4]
    for wrong, message in ((arguments, '--overwrite'), (['none.py', 'out'], 'not found')):
        assert message in refusal(capsys, main, wrong)


@pytest.mark.mmdet
def test_mmdetection_reads_it(data, exported):
    """Images, boxes and masks come back; a segmentation lies in its box."""
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    from mmdet.datasets import CocoDataset
    from mmengine.registry import DefaultScope
    from pycocotools.coco import COCO

    folder, _ = exported
    content = read(folder, 'train')
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = CocoDataset(
            data_root=str(folder),
            ann_file='annotations/train.json',
            data_prefix=dict(img='train/'),
            metainfo=dict(classes=('pancreas',)),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)],
        )
    assert len(dataset) == len(content['images'])
    coco = COCO(str(folder / 'annotations' / 'train.json'))
    for k, image in enumerate(content['images']):
        mine = coco.loadAnns(coco.getAnnIds(imgIds=image['id']))
        results = dataset[k]
        assert results['gt_bboxes'].tensor.tolist() == [corners(a['bbox']) for a in mine]
        assert results['gt_bboxes_labels'].tolist() == [0] * len(mine)
        assert results['img'].shape == (64, 64, 3)
        path = data / 'phantom' / 'labelsTr' / f'{image["case"]}.nii'
        mask = read_slice(path, image['slice_index']) > 0
        for annotation in mine:
            x1, y1, x2, y2 = corners(annotation['bbox'])
            inside = np.zeros_like(mask)
            inside[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
            assert np.array_equal(coco.annToMask(annotation), inside)
            assert annotation['area'] == inside.sum()


def test_runs_go_down_the_columns_and_begin_with_0():
    assert uncompressed_rle(MASK) == dict(size=[3, 4], counts=[4, 1, 1, 2, 3, 1])
    assert uncompressed_rle(1 - np.minimum(MASK, 1))['counts'] == [0, 4, 1, 1, 2, 3, 1]
    assert uncompressed_rle(np.zeros((2, 3)))['counts'] == [6]


def test_a_box_holds_what_lies_in_it():
    boxes = np.array([[1, 0, 3, 2], [3, 2, 4, 3]], np.float32)
    first, second = coco_annotations(MASK, boxes, image_id=7, first_id=5)
    assert first == dict(
        id=5,
        image_id=7,
        category_id=1,
        bbox=[1, 0, 2, 2],
        area=3,
        iscrowd=0,
        segmentation=dict(size=[3, 4], counts=[4, 1, 1, 2, 4]),
    )
    assert (second['id'], second['bbox'], second['area']) == (6, [3, 2, 1, 1], 1)
    assert coco_annotations(MASK, np.zeros((0, 4), np.float32), 1, 1) == []
