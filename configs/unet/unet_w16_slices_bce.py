# Table 2: the U-Net with the usual loss in place of the paper's.
_base_ = './unet_w16_slices.py'

model = dict(
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='CrossEntropyLoss', use_sigmoid=True),
    )
)
