class ExportError(RuntimeError):
    """A model, a config or a file that cannot be exported or read; the message says why."""
