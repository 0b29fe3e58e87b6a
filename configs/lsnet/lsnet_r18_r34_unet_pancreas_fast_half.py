# Preset "fast", tested in half precision: bfloat16 on a CPU, float16 on a GPU.
_base_ = './lsnet_r18_r34_unet_pancreas_fast.py'

test_cfg = dict(fp16=True)
