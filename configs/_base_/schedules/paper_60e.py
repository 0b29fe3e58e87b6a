# Adam 1e-4, x0.1 every 25 of 60 epochs (paper, 3.1); fused is one pass over the weights.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, fused=True))
param_scheduler = [dict(type='StepLR', step_size=25, gamma=0.1, by_epoch=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# Measured on CPUs alone.
custom_hooks = [dict(type='ChannelsLastHook', devices=('cpu',), weights=False)]
