_base_ = './logits.py'
model = dict(
    backbone=dict(
        net='monai.networks.nets.BasicUNet', spatial_dims=2, in_channels=3, out_channels=1
    )
)
