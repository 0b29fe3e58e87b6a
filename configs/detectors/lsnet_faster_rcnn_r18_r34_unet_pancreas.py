# The paper's L-SNet with MMDetection's Faster R-CNN (ResNet-18) in place of L-Net.
_base_ = '../lsnet/lsnet_r18_r34_unet_pancreas.py'

from lsnet_mm.utils import detector_config  # noqa: E402

model = dict(
    localizer=dict(
        _delete_=True,
        type='DetectorLocalizer',
        detector=detector_config('faster_rcnn/faster-rcnn_r18_fpn_8xb8-amp-lsj-200e_coco.py'),
    )
)
