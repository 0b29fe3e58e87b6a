# lsnet_small_unet_slices.py with a mask beside L-Net's boxes, which has a veto: where it finds
# nothing there is no box. The recipe of the weights that come along.
_base_ = './lsnet_small_unet_slices.py'

model = dict(localizer=dict(head=dict(loss_mask=dict(type='FocalDiceLoss'))))
