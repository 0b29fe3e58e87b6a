import argparse

import torch
from mmengine.device import get_device


def find_device(name: str | torch.device | None = None) -> torch.device:
    """A device that works; without a name a GPU if there is one.

    Raises:
        ValueError: If there is no such device here, with torch's reason.
    """
    try:
        device = torch.device(name or get_device())
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f'device {name}: {reason}. Name one that is there, such as cpu.'
        ) from error
    return device


def device_name(text: str) -> str:
    """For ``type`` of an argument: the name, of a device that works."""
    try:
        find_device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
