# The paper's L-SNet with the margin of its baselines, 15 pixels a side: for comparisons with them.
_base_ = './lsnet_r18_r34_fcn_pancreas.py'

model = dict(roi_extractor=dict(margin=15))
