"""MMDetection is optional: what is missing is named, and its own configs can be taken."""

import textwrap

import pytest
from detectors import FCOS
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import lsnet_mm.models  # noqa: F401  registers
from lsnet_mm.utils import detector_config
from lsnet_mm.utils.config import train_from_scratch

CONFIGS = (
    'configs/detectors/lsnet_rtmdet_r18_r34_unet_pancreas.py',
    'configs/detectors/lsnet_fcos_small_phantom.py',
)


MESSAGES = {
    'mmdet': r"mmdet is not there.*pip install 'lsnet_mm\[mmdet\]'",
    'mmcv._ext': r'mmcv._ext is not there.*compiled ops.*docs/mmdet\.md',
}


@pytest.fixture(params=MESSAGES)
def missing(request, monkeypatch):
    """Whatever is installed: the module that cannot be found."""

    def find_spec(name):
        return None if name == request.param else object()

    monkeypatch.setattr('lsnet_mm.utils.config.find_spec', find_spec)
    return request.param


def test_the_localizer_says_what_is_missing(missing):
    init_default_scope('mmseg')
    with pytest.raises(ImportError, match=MESSAGES[missing]):
        MODELS.build(dict(type='DetectorLocalizer', detector=FCOS))


@pytest.mark.parametrize('path', CONFIGS)
def test_configs_say_what_is_missing(missing, path):
    """When they are read, if they take a config of MMDetection's, or else when they are built."""
    with pytest.raises(ImportError, match=MESSAGES[missing]):
        cfg = Config.fromfile(path)
        init_default_scope(cfg.default_scope)
        MODELS.build(cfg.model)


@pytest.mark.mmdet
def test_a_config_of_mmdetection():
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    model = detector_config('faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py')
    assert model.type == 'FasterRCNN' and 'data_preprocessor' not in model
    assert model.roi_head.bbox_head.num_classes == 1
    assert model.backbone.init_cfg.checkpoint == 'torchvision://resnet50'


@pytest.mark.mmdet
def test_a_config_that_is_not_there():
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    with pytest.raises(FileNotFoundError, match='fcus/fcos.py'):
        detector_config('fcus/fcos.py')


@pytest.mark.mmdet
def test_the_documents_config_builds(tmp_path):
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    text = (ROOT / 'docs' / 'mmdet.md').read_text()
    block = text[text.index('    _base_') : text.index('The import stands')]
    block = textwrap.dedent(block).replace("'configs/", f"'{ROOT}/configs/")
    (tmp_path / 'mine.py').write_text(block)
    cfg = Config.fromfile(tmp_path / 'mine.py')
    train_from_scratch(cfg.model)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    assert type(model.localizer.detector).__name__ == 'RTMDet'
    assert model.localizer.detector.test_cfg.score_thr == 0.05
