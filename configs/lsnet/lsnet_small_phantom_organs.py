# Several organs: on what `tools/make_phantom.py data/phantom_organs --organs 2` writes.
_base_ = './lsnet_small_phantom.py'

model = dict(
    # Two organs have a box each, a mask beside the boxes would make it one around both.
    localizer=dict(head=dict(loss_mask=None, test_cfg=dict(_delete_=True, vote=True))),
    segmentor=dict(decode_head=dict(num_classes=3, out_channels=3)),
)
train_dataloader = dict(dataset=dict(data_root='data/phantom_organs'))
val_dataloader = dict(dataset=dict(data_root='data/phantom_organs'))
test_dataloader = val_dataloader
