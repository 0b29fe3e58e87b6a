# The recurrence: the mask of one round gives the next box, its probabilities the next weights,
# until two masks agree to 0.95 or ten rounds. Tests the checkpoint of the config without rounds.
_base_ = './rstn_w16_slices.py'

model = dict(_delete_=True, type='MultiRound', model=_base_.model, rounds=10, agreement=0.95)
