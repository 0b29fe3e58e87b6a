# The paper's L-SNet (FCN): an FCN in L-Net and in S-Net.
_base_ = ['../fcn/fcn_r34_pancreas.py', '../_base_/models/lnet_fcn_r18.py']

model = dict(
    _delete_=True,
    type='LSNet',
    data_preprocessor=_base_.model.data_preprocessor,
    localizer=_base_.localizer,
    roi_extractor=dict(type='RoIRecalibration', size=(320, 320), margin=7.5),
    segmentor=_base_.model,
    gamma=0.1,
    test_cfg=dict(oracle=True),
)
train_cfg = dict(type='AlternatingTrainLoop')
