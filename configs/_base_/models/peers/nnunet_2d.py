# The plain network that nnU-Net plans for slices of 320 pixels.
_base_ = './logits.py'
model = dict(
    backbone=dict(
        net='dynamic_network_architectures.architectures.unet.PlainConvUNet',
        multiple=64,
        input_channels=3,
        n_stages=7,
        features_per_stage=(32, 64, 128, 256, 512, 512, 512),
        conv_op='torch.nn.Conv2d',
        kernel_sizes=3,
        strides=(1, 2, 2, 2, 2, 2, 2),
        n_conv_per_stage=2,
        num_classes=1,
        n_conv_per_stage_decoder=2,
        conv_bias=True,
        norm_op='torch.nn.InstanceNorm2d',
        norm_op_kwargs=dict(eps=1e-5, affine=True),
        nonlin='torch.nn.LeakyReLU',
        nonlin_kwargs=dict(inplace=True),
        deep_supervision=False,
    )
)
