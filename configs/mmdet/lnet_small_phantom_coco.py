# L-Net at width 16 on the phantom at its own 128x128, for a CPU:
#   python tools/make_phantom.py data/phantom
#   python tools/export_coco.py configs/lsnet/lsnet_small_phantom.py data/phantom_coco
_base_ = './lnet_r18_pancreas_coco.py'

model = dict(
    backbone=dict(base_channels=16, stem_channels=16, init_cfg=None),
    neck=dict(in_channels=(16, 32, 64, 128), channels=(64, 32, 32)),
    bbox_head=dict(in_channels=32, feat_channels=32),
)

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root='data/phantom_coco/',
        pipeline=[
            t | dict(scale=(128, 128)) if t['type'] == 'Resize' else t
            for t in _base_.train_dataloader.dataset.pipeline
        ],
    ),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        data_root='data/phantom_coco/',
        pipeline=[
            t | dict(scale=(128, 128)) if t['type'] == 'Resize' else t
            for t in _base_.val_dataloader.dataset.pipeline
        ],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='data/phantom_coco/annotations/val.json')
test_evaluator = val_evaluator

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [dict(type='CosineAnnealingLR', eta_min=1e-5, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=24, val_interval=8)
