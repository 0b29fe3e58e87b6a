# The paper's L-SNet with MMDetection's RTMDet-tiny in place of L-Net.
_base_ = '../lsnet/lsnet_r18_r34_unet_pancreas.py'

from lsnet_mm.utils import detector_config  # noqa: E402

model = dict(
    localizer=dict(
        _delete_=True,
        type='DetectorLocalizer',
        detector=detector_config('rtmdet/rtmdet_tiny_8xb32-300e_coco.py'),
    )
)
