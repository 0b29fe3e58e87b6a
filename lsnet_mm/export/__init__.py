"""Models on their way out: inference checkpoints, and ONNX graphs with a runner for them.

Nothing is imported here: `onnx_model` runs where there is no torch.
"""


class ExportError(RuntimeError):
    """A model, a config or a file that cannot be exported or read; the message says why."""
