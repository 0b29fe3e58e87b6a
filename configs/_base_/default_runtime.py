default_scope = 'mmseg'

# Registers every component of lsnet_mm. The only line that a config needs to use them.
custom_imports = dict(
    imports=[
        'lsnet_mm.models',
        'lsnet_mm.datasets',
        'lsnet_mm.engine',
        'lsnet_mm.evaluation',
        'lsnet_mm.visualization',
    ],
    allow_failed_imports=False,
)

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)
# Each phase of the alternation leaves some parameters out.
find_unused_parameters = True

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=True),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='DurableCheckpointHook', by_epoch=True, interval=1, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    seed=dict(type='SeedHook'),
    statistics=dict(type='SyncStatisticsHook'),
    result=dict(type='ResultHook'),
    check=dict(type='CheckHook'),
    trained_on=dict(type='TrainedOnHook'),
    visualization=dict(type='TwoStageVisualizationHook'),
)
visualizer = dict(
    type='TwoStageVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer'
)
log_processor = dict(by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
