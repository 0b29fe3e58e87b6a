# Preset "accurate" without refinement rounds: what these are worth.
_base_ = './lsnet_r18_r34_unet_pancreas_accurate.py'

model = dict(_delete_=True, **_base_.model.model)
