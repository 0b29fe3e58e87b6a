# Preset "accurate" at width 16, on real slices: lsnet_small_slices.py with both nets at 320x320, in
# the epochs of the other presets.
_base_ = './lsnet_small_slices.py'

model = dict(model=dict(localizer_size=(320, 320), roi_extractor=dict(size=(320, 320))))
train_cfg = dict(max_epochs=32, val_interval=16)
