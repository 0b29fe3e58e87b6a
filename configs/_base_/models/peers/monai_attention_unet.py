# MONAI's Attention U-Net with the widths of its paper.
_base_ = './logits.py'
model = dict(
    backbone=dict(
        net='monai.networks.nets.AttentionUnet',
        multiple=16,
        spatial_dims=2,
        in_channels=3,
        out_channels=1,
        channels=(64, 128, 256, 512, 1024),
        strides=(2, 2, 2, 2),
    )
)
