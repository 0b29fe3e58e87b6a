# Preset "accurate" at width 16 without refinement rounds: what these are worth.
_base_ = './lsnet_unet_w16_slices_accurate.py'

model = dict(_delete_=True, **_base_.model.model)
