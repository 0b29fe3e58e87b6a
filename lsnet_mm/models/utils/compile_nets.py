import torch
from torch import nn

#: What OpenMMLab calls the parts of a net that turn tensors into tensors.
PARTS = ('backbone', 'neck', 'head', 'decode_head', 'auxiliary_head', 'bbox_head', 'rpn_head')


def compile_nets(model: nn.Module, **options) -> None:
    """Compiles the parts of a model's nets, in place; weights and their names stay.

    The whole model is no case for ``torch.compile``: between the nets lie samples, random picks
    and as many boxes as there are. Call it once copies of the model (EMA) have been made.

    Args:
        model: With parts called as in :data:`PARTS`, anywhere in it.
        **options: Of ``torch.compile``.

    Raises:
        ValueError: If there is no such part.
    """
    parts = []
    for name, part in model.named_modules():
        if name.split('.')[-1] in PARTS:
            parts += part if isinstance(part, nn.ModuleList) else [part]
    if not parts:
        raise ValueError(
            f"compile: {type(model).__name__} has none of {', '.join(PARTS)}. Leave out 'compile'."
        )
    for part in parts:
        for name in getattr(part, 'COMPILED', ('forward',)):
            setattr(part, name, torch.compile(getattr(part, name), **options))


def check_compiler(device: torch.device | str) -> None:
    """Compiles next to nothing, so that what is missing shows at once and not in the first batch.

    Raises:
        RuntimeError: If it fails, with torch's reason.
    """
    ones = torch.ones(8, device=device)
    try:
        torch.compile(lambda x: x * x)(ones)  # an older torch compiles no function of its own
    except Exception as error:  # whatever the backend lacks
        reason = ' '.join(str(error).split('\n\n')[0].split())  # the rest is how to debug torch
        raise RuntimeError(
            f'torch.compile does not work here ({reason}). Leave out compile, or install what it '
            'needs: a C++ compiler such as g++ for a CPU, Triton for a GPU.'
        ) from error
