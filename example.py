boxes = dict(merge_distance=80, min_area=10, type='BoxesFromMask')
custom_hooks = [
    dict(type='ChannelsLastHook'),
]
custom_imports = dict(
    allow_failed_imports=False,
    imports=[
        'lsnet_mm.models',
        'lsnet_mm.datasets',
        'lsnet_mm.engine',
        'lsnet_mm.evaluation',
        'lsnet_mm.visualization',
    ],
)
data_root = 'data/pancreas_ct_slices'
dataset = dict(data_root='data/pancreas_ct_slices', type='SliceFolderDataset')
default_hooks = dict(
    checkpoint=dict(by_epoch=True, interval=1, max_keep_ckpts=1, type='CheckpointHook'),
    logger=dict(interval=50, log_metric_by_epoch=True, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    result=dict(type='ResultHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    seed=dict(type='SeedHook'),
    timer=dict(type='IterTimerHook'),
    visualization=dict(type='TwoStageVisualizationHook'),
)
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
)
find_unused_parameters = True
image_size = (
    160,
    160,
)
load_from = None
localizer = dict(
    backbone=dict(
        base_channels=16,
        depth=18,
        init_cfg=None,
        norm_cfg=dict(type='BN'),
        num_stages=4,
        out_indices=(
            0,
            1,
            2,
            3,
        ),
        stem_channels=16,
        type='ResNet',
    ),
    head=dict(
        beta=2,
        delta=20,
        feat_channels=32,
        in_channels=32,
        loss_bbox=dict(loss_weight=0.5, type='DIoULoss'),
        loss_cls=dict(dice_weight=0.2, type='FocalDiceLoss'),
        test_cfg=dict(vote=True),
        type='KPBBRHead',
    ),
    neck=dict(
        channels=(
            64,
            32,
            32,
        ),
        in_channels=(
            16,
            32,
            64,
            128,
        ),
        type='UNetNeck',
    ),
    type='LNet',
)
log_level = 'INFO'
log_processor = dict(by_epoch=True)
lsnet = dict(
    data_preprocessor=dict(
        mean=[
            123.675,
            116.28,
            103.53,
        ],
        size_divisor=1,
        std=[
            58.395,
            57.12,
            57.375,
        ],
        type='SegDataPreProcessor',
    ),
    gamma=0.1,
    localizer=dict(
        backbone=dict(
            base_channels=16,
            depth=18,
            init_cfg=None,
            norm_cfg=dict(type='BN'),
            num_stages=4,
            out_indices=(
                0,
                1,
                2,
                3,
            ),
            stem_channels=16,
            type='ResNet',
        ),
        head=dict(
            beta=2,
            delta=20,
            feat_channels=32,
            in_channels=32,
            loss_bbox=dict(loss_weight=0.5, type='DIoULoss'),
            loss_cls=dict(dice_weight=0.2, type='FocalDiceLoss'),
            test_cfg=dict(vote=True),
            type='KPBBRHead',
        ),
        neck=dict(
            channels=(
                64,
                32,
                32,
            ),
            in_channels=(
                16,
                32,
                64,
                128,
            ),
            type='UNetNeck',
        ),
        type='LNet',
    ),
    localizer_size=(
        160,
        160,
    ),
    roi_extractor=dict(
        margin=24,
        size=(
            160,
            160,
        ),
        type='RoIRecalibration',
    ),
    roi_mixing=dict(ratio=0.5, type='RoIMixing'),
    segmentor=dict(
        backbone=dict(
            base_channels=16,
            depth=18,
            init_cfg=None,
            norm_cfg=dict(type='BN'),
            num_stages=4,
            out_indices=(
                0,
                1,
                2,
                3,
            ),
            stem_channels=16,
            type='StemResNet',
        ),
        data_preprocessor=dict(
            mean=[
                123.675,
                116.28,
                103.53,
            ],
            size_divisor=1,
            std=[
                58.395,
                57.12,
                57.375,
            ],
            type='SegDataPreProcessor',
        ),
        decode_head=dict(
            in_channels=16,
            loss_decode=dict(type='FocalDiceLoss'),
            num_classes=2,
            out_channels=1,
            type='ConvHead',
        ),
        neck=dict(
            channels=(
                64,
                32,
                16,
                16,
                16,
            ),
            in_channels=(
                16,
                16,
                32,
                64,
                128,
            ),
            type='UNetNeck',
        ),
        test_cfg=dict(mode='whole'),
        train_cfg=dict(),
        type='EncoderDecoder',
    ),
    test_cfg=dict(oracle=True),
    type='LSNet',
)
model = dict(
    agreement=0.95,
    model=dict(
        data_preprocessor=dict(
            mean=[
                123.675,
                116.28,
                103.53,
            ],
            size_divisor=1,
            std=[
                58.395,
                57.12,
                57.375,
            ],
            type='SegDataPreProcessor',
        ),
        gamma=0.1,
        localizer=dict(
            backbone=dict(
                base_channels=16,
                depth=18,
                init_cfg=None,
                norm_cfg=dict(type='BN'),
                num_stages=4,
                out_indices=(
                    0,
                    1,
                    2,
                    3,
                ),
                stem_channels=16,
                type='ResNet',
            ),
            head=dict(
                beta=2,
                delta=20,
                feat_channels=32,
                in_channels=32,
                loss_bbox=dict(loss_weight=0.5, type='DIoULoss'),
                loss_cls=dict(dice_weight=0.2, type='FocalDiceLoss'),
                test_cfg=dict(vote=True),
                type='KPBBRHead',
            ),
            neck=dict(
                channels=(
                    64,
                    32,
                    32,
                ),
                in_channels=(
                    16,
                    32,
                    64,
                    128,
                ),
                type='UNetNeck',
            ),
            type='LNet',
        ),
        localizer_size=(
            160,
            160,
        ),
        roi_extractor=dict(
            margin=24,
            size=(
                160,
                160,
            ),
            type='RoIRecalibration',
        ),
        roi_mixing=dict(ratio=0.5, type='RoIMixing'),
        segmentor=dict(
            backbone=dict(
                base_channels=16,
                depth=18,
                init_cfg=None,
                norm_cfg=dict(type='BN'),
                num_stages=4,
                out_indices=(
                    0,
                    1,
                    2,
                    3,
                ),
                stem_channels=16,
                type='StemResNet',
            ),
            data_preprocessor=dict(
                mean=[
                    123.675,
                    116.28,
                    103.53,
                ],
                size_divisor=1,
                std=[
                    58.395,
                    57.12,
                    57.375,
                ],
                type='SegDataPreProcessor',
            ),
            decode_head=dict(
                in_channels=16,
                loss_decode=dict(type='FocalDiceLoss'),
                num_classes=2,
                out_channels=1,
                type='ConvHead',
            ),
            neck=dict(
                channels=(
                    64,
                    32,
                    16,
                    16,
                    16,
                ),
                in_channels=(
                    16,
                    16,
                    32,
                    64,
                    128,
                ),
                type='UNetNeck',
            ),
            test_cfg=dict(mode='whole'),
            train_cfg=dict(),
            type='EncoderDecoder',
        ),
        test_cfg=dict(oracle=True),
        type='LSNet',
    ),
    rounds=10,
    type='MultiRound',
)
optim_wrapper = dict(
    clip_grad=dict(max_norm=5.0),
    optimizer=dict(lr=0.001, type='AdamW', weight_decay=0.01),
    type='OptimWrapper',
)
param_scheduler = [
    dict(by_epoch=False, end=80, start_factor=0.1, type='LinearLR'),
    dict(by_epoch=True, convert_to_iter_based=True, eta_min=1e-05, type='CosineAnnealingLR'),
]
randomness = dict(seed=0)
resume = False
test_cfg = dict(type='TestLoop')
test_dataloader = dict(
    batch_size=8,
    dataset=dict(
        data_root='data/pancreas_ct_slices',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadCTMask'),
            dict(merge_distance=80, min_area=10, type='BoxesFromMask'),
            dict(type='PackLSNetInputs'),
        ],
        split='val',
        type='SliceFolderDataset',
    ),
    num_workers=1,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
test_evaluator = dict(type='TwoStageSegMetric')
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadCTMask'),
    dict(merge_distance=80, min_area=10, type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]
train_cfg = dict(max_epochs=48, type='AlternatingTrainLoop', val_interval=12)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        data_root='data/pancreas_ct_slices',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadCTMask'),
            dict(rotation=10, scale=0.2, shift=0.1, type='RandomCTAffine'),
            dict(type='RandomIntensity'),
            dict(merge_distance=80, min_area=10, type='BoxesFromMask'),
            dict(type='PackLSNetInputs'),
        ],
        split='train',
        type='SliceFolderDataset',
    ),
    num_workers=1,
    persistent_workers=False,
    sampler=dict(shuffle=True, type='DefaultSampler'),
    worker_init_fn=dict(type='epoch_worker_init_fn'),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadCTMask'),
    dict(rotation=10, scale=0.2, shift=0.1, type='RandomCTAffine'),
    dict(type='RandomIntensity'),
    dict(merge_distance=80, min_area=10, type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=8,
    dataset=dict(
        data_root='data/pancreas_ct_slices',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadCTMask'),
            dict(merge_distance=80, min_area=10, type='BoxesFromMask'),
            dict(type='PackLSNetInputs'),
        ],
        split='val',
        type='SliceFolderDataset',
    ),
    num_workers=1,
    persistent_workers=False,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
val_evaluator = dict(type='TwoStageSegMetric')
vis_backends = [
    dict(type='LocalVisBackend'),
]
visualizer = dict(
    name='visualizer',
    type='TwoStageVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ],
)
