# Were all tuned alike? The comparison's learning rate is 1e-3.
_base_ = '../unet/unet_w16_slices.py'

optim_wrapper = dict(optimizer=dict(lr=3e-3))
