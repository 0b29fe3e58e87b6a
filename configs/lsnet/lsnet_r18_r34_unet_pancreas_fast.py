# Preset "fast": L-Net sees the slice at 160x160, S-Net a crop of 192x192 out of the slice itself.
_base_ = './lsnet_r18_r34_unet_pancreas_accurate.py'

fast = _base_.model.model
fast['localizer_size'] = (160, 160)
fast['roi_extractor']['size'] = (192, 192)
model = dict(_delete_=True, **fast)
