# Preset "fast" at width 16, tested in half precision: bfloat16 on a CPU, float16 on a GPU.
_base_ = './lsnet_unet_w16_slices_fast.py'

test_cfg = dict(fp16=True)
