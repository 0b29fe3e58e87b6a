"""A small L-SNet that has learned something, as training leaves it, and its export."""

from types import SimpleNamespace

import pytest
from exporting import (
    build,
    lsnet_config,
    phantom_slices,
    real_slices,
    save_training_checkpoint,
    train,
)

from lsnet_mm.export.command import export
from lsnet_mm.utils.versions import too_old_for


@pytest.fixture(scope='package')
def trained(tmp_path_factory):
    """`config`, `checkpoint`, its `model`, its whole export in `folder`, phantom `slices`."""
    cfg, folder = lsnet_config(), tmp_path_factory.mktemp('lsnet')
    model = build(cfg)
    adam = train(model, [phantom_slices(), real_slices(6)], steps=80)
    checkpoint, out = folder / 'epoch_3.pth', folder / 'exported'
    save_training_checkpoint(checkpoint, model, cfg, adam)
    export(cfg, str(checkpoint), out, onnx=not too_old_for('ONNX export'))
    return SimpleNamespace(
        config=cfg,
        checkpoint=checkpoint,
        model=model.eval(),
        folder=out,
        slices=phantom_slices()[0],
    )
