# What a config of MMSegmentation lacks to train L-SNet: see docs/migrating.md.
custom_imports = dict(
    imports=['lsnet_mm.models', 'lsnet_mm.datasets', 'lsnet_mm.engine'],
    allow_failed_imports=False,
)
# Each phase of the alternation leaves some parameters out.
find_unused_parameters = True
# How a training pipeline ends, in place of PackSegInputs.
lsnet_inputs = [dict(type='BoxesFromMask'), dict(type='PackLSNetInputs')]
