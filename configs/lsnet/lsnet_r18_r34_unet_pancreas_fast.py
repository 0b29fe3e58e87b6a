# Preset "fast": L-Net sees the slice at 160x160, S-Net a crop of 192x192 out of the slice itself.
_base_ = './lsnet_r18_r34_unet_pancreas_accurate.py'

model = dict(
    localizer_size=(160, 160),
    roi_extractor=dict(size=(192, 192)),
    test_cfg=dict(rounds=0),
)
