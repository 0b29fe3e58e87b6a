"""2.5D and several organs are configs: each trains a step and predicts, on a tiny phantom."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from lsnet_mm.experiments.phantom import write_prepared


@pytest.mark.parametrize('name, organs', [('2_5d', 1), ('organs', 2)])
def test_trains_a_step_and_predicts(tmp_path, name, organs):
    data = write_prepared(tmp_path / 'phantom', 4, (48, 48, 12), organs=organs)
    cfg = Config.fromfile(f'configs/lsnet/lsnet_small_phantom_{name}.py')
    init_default_scope(cfg.default_scope)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(batch_size=4, num_workers=0)
        loader.dataset.data_root = str(data)
    train, val = (
        next(iter(Runner.build_dataloader(loader, seed=0)))
        for loader in (cfg.train_dataloader, cfg.val_dataloader)
    )
    # At the ends of a volume the last slice is there twice.
    image = max(train['inputs'], key=lambda image: len(image.unique(dim=0)))
    assert len(image.unique(dim=0)) == len(image) == (3 if name == '2_5d' else 1)
    model = MODELS.build(cfg.model)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    batch = model.data_preprocessor(train, True)
    for mode in ('loss_localizer', 'loss_segmentor'):
        loss, _ = model.parse_losses(model(**batch, mode=mode))
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss)
    with torch.no_grad():
        samples = model.eval()(**model.data_preprocessor(val, False), mode='predict')
    masks = torch.stack([sample.pred_sem_seg.data for sample in samples])
    assert masks.shape == (4, 1, 48, 48) and masks.max() <= organs
