# Preset "fast" at width 16, on real slices: L-Net sees 160x160, S-Net a crop of 192x192 out of the
# slice itself.
_base_ = './lsnet_small_unet_slices_accurate.py'

model = dict(
    localizer_size=(160, 160),
    roi_extractor=dict(size=(192, 192)),
    test_cfg=dict(rounds=0),
)
