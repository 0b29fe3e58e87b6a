# For the comparison of nets of width 16 on a CPU: small_48e.py in 32 epochs.
_base_ = './small_48e.py'

train_cfg = dict(max_epochs=32, val_interval=16)
