# The demo's L-SNet with a narrow FCOS in place of L-Net, for a CPU.
_base_ = '../lsnet/lsnet_small_phantom.py'

model = dict(
    localizer=dict(
        _delete_=True,
        type='DetectorLocalizer',
        # FCOS's scores are products of two probabilities, and low after so short a training.
        score_thr=0.2,
        detector=dict(
            type='FCOS',
            backbone=dict(
                type='ResNet',
                depth=18,
                base_channels=16,
                stem_channels=16,
                num_stages=4,
                out_indices=(0, 1, 2, 3),
                norm_cfg=dict(type='BN'),
            ),
            neck=dict(
                type='FPN', in_channels=[16, 32, 64, 128], out_channels=32, num_outs=3, end_level=2
            ),
            bbox_head=dict(
                type='FCOSHead',
                num_classes=1,
                in_channels=32,
                feat_channels=32,
                stacked_convs=2,
                strides=(4, 8, 16),
                regress_ranges=((-1, 16), (16, 32), (32, 1e8)),
                norm_cfg=dict(type='GN', num_groups=8),
                center_sampling=True,
                loss_bbox=dict(type='GIoULoss', loss_weight=1.0),
            ),
            test_cfg=dict(
                nms_pre=100, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10
            ),
        ),
    )
)
