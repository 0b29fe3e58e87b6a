# L-Net with a U-Net on MiT-B0, SegFormer's backbone, from scratch.
_base_ = './lnet_unet_r18.py'
localizer = dict(
    backbone=dict(
        _delete_=True,
        type='MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        qkv_bias=True,
    ),
    neck=dict(in_channels=(32, 64, 160, 256)),
)
