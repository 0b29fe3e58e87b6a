# The paper's recipe at CPU size: resized slices, RoIs from L-Net's own boxes alone.
_base_ = [
    '../_base_/models/lsnet_small_unet.py',
    '../_base_/datasets/slices_160.py',
    '../_base_/schedules/small_48e.py',
    '../_base_/default_runtime.py',
]

model = dict(roi_extractor=dict(size=(160, 160), margin=7.5))
train_cfg = dict(type='AlternatingTrainLoop')
