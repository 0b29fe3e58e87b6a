import logging
import warnings

from mmengine.logging import MMLogger


def quiet() -> None:
    """MMSegmentation warns of arguments in its own configs, mmengine lists all it initialises."""
    warnings.simplefilter('ignore')
    MMLogger.get_instance('benchmark', log_level=logging.WARNING)
