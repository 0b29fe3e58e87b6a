# The mask of one round gives the next box, until two masks agree to 0.95 or ten rounds (Zhou et
# al., 2017). Tests the checkpoint of the config without rounds.
_base_ = './lsnet_fcn_w16_slices.py'

model = dict(_delete_=True, type='MultiRound', model=_base_.model, rounds=10, agreement=0.95)
