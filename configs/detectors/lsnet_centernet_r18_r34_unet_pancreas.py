# The paper's L-SNet with MMDetection's CenterNet (ResNet-18) in place of L-Net.
_base_ = '../lsnet/lsnet_r18_r34_unet_pancreas.py'

from lsnet_mm.utils import detector_config  # noqa: E402

model = dict(
    localizer=dict(
        _delete_=True,
        type='DetectorLocalizer',
        detector=detector_config('centernet/centernet_r18_8xb16-crop512-140e_coco.py'),
    )
)
