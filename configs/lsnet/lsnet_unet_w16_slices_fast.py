# Preset "fast" at width 16, on real slices: L-Net sees 160x160, S-Net a crop of 192x192 out of the
# slice itself.
_base_ = './lsnet_unet_w16_slices_accurate.py'

fast = _base_.model.model
fast['localizer_size'] = (160, 160)
fast['roi_extractor']['size'] = (192, 192)
model = dict(_delete_=True, **fast)
