# Several classes in folders of slices: what the recipe of docs/data.md writes.
_base_ = './lsnet_small_unet_slices.py'

model = dict(segmentor=dict(decode_head=dict(num_classes=3, out_channels=3)))
train_dataloader = dict(
    dataset=dict(
        data_root='data/organ_slices',
        metainfo=dict(classes=('background', 'pancreas', 'spleen')),
        facts=dict(window=(-100, 240), synthetic=True),
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root='data/organ_slices',
        metainfo=dict(classes=('background', 'pancreas', 'spleen')),
    )
)
test_dataloader = val_dataloader
