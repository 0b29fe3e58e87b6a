"""Models on their way out: inference checkpoints, and ONNX graphs with a runner for them.

Nothing is imported here: `onnx_model` runs where there is no torch.
"""
