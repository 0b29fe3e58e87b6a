"""What configs of earlier versions say, in the words of this one."""

from mmengine.config import Config

from .config_parts import config_parts


def translate(config: Config | dict) -> None:
    """Rewrites, in place, what this version has other words for.

    - The wrapper ``MultiRound`` became the setting ``test_cfg=dict(rounds=, agreement=)`` of the
      two-stage model that it wrapped; weights were saved under that model's names.
    - ``channels`` of a grey slice became the affair of the data preprocessor.

    Args:
        config: One as read, from a file or out of a checkpoint.
    """
    model = config.get('model')
    if isinstance(model, dict) and model.get('type') == 'MultiRound':
        config['model'] = _unwrap(model)
    for part in config_parts(config._cfg_dict if isinstance(config, Config) else config):
        if part.get('type') in ('LoadCTSlice', 'CTSliceFromMemory'):
            part.pop('channels', None)


def _unwrap(wrapper: dict) -> dict:
    model = wrapper['model']
    rounds = dict(rounds=wrapper.get('rounds', 1), agreement=wrapper.get('agreement', 0.95))
    model['test_cfg'] = {**(model.get('test_cfg') or {}), **rounds}
    if wrapper.get('data_preprocessor'):
        model['data_preprocessor'] = wrapper['data_preprocessor']
    return model
