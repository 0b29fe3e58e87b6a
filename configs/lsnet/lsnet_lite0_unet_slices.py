# lsnet_small_unet_slices.py with both encoders from ImageNet: EfficientNet-Lite0, which a CPU still
# trains. Needs lsnet_mm[pretrained].
_base_ = [
    '../_base_/models/lsnet_lite0_unet.py',
    '../_base_/datasets/slices_256.py',
    '../_base_/schedules/small_32e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    localizer=dict(head=dict(test_cfg=dict(vote=True))),
    localizer_size=(160, 160),
    roi_extractor=dict(size=(160, 160), margin=15),
    roi_mixing=dict(type='RoIMixing', ratio=0.5),
)
train_cfg = dict(type='AlternatingTrainLoop')
