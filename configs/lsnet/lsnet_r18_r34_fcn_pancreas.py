# The paper's L-SNet (FCN).
_base_ = [
    '../_base_/models/lsnet_r18_r34_fcn.py',
    '../_base_/datasets/pancreas_ct_320.py',
    '../_base_/schedules/paper_60e.py',
    '../_base_/default_runtime.py',
]

# Half as many slices without pancreas as with: what is found there costs in the Dice of the batch.
model = dict(
    localizer=dict(head=dict(loss_cls=dict(batch_dice=True))),
    segmentor=dict(decode_head=dict(loss_decode=dict(batch_dice=True))),
)
train_cfg = dict(type='AlternatingTrainLoop')
