"""The paper's four tables, one of the presets and one of the encoders, at two sizes; rows that are
not in the paper carry no figures from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class System:
    """What is trained and tested: a config and options, under a name of its own.

    Attributes:
        name: Of its result folders.
        config: Stem of a file below ``configs/``.
        options: To that config, as in ``--cfg-options``.
        weights: The system whose checkpoint is tested; None trains its own.
    """

    name: str
    config: str
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: System | None = None

    @classmethod
    def of(cls, config: str) -> System:
        """A config as it stands."""
        return cls(config, config)

    def trained(self, suffix: str, options: Mapping[str, object]) -> System:
        """Another one, whose options change the training."""
        return System(f'{self.name}_{suffix}', self.config, {**self.options, **options})

    def tested(self, suffix: str, options: Mapping[str, object]) -> System:
        """The same checkpoint under options that only a test reads."""
        return replace(self.trained(suffix, options), weights=self)


@dataclass(frozen=True)
class Row:
    """A system in a table.

    Attributes:
        label: Its name in the table.
        system: What is trained and tested.
        reference: The system that the row is compared with, by slices; None compares with none.
        paper: The paper's own figures by the names of columns, as printed there.
    """

    label: str
    system: System
    reference: System | None = None
    paper: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One of the paper's tables, or one of ours.

    Attributes:
        number: In the paper; the presets' is 5, the encoders' 6.
        title: What it shows.
        rows: In their order.
        columns: Measured figures: key of a metric (see ``Record.scores``) by header.
        train_split: The slices of training are scored too.
    """

    number: int
    title: str
    rows: tuple[Row, ...]
    columns: Mapping[str, str]
    train_split: bool = False

    def short(self) -> Table:
        """The rows that the paper has too, with masks and boxes in a figure each: for a README."""
        rows = [
            replace(row, paper={'DSC': row.paper['DSC']}) for row in self.rows if 'DSC' in row.paper
        ]
        keys = ('slice_fg/dsc', 'oracle/slice_fg/dsc', 'box/miou')
        columns = {name: key for name, key in self.columns.items() if key in keys}
        return replace(self, rows=tuple(rows), columns=columns)


SCALES = ('small', 'paper')
#: The config of each net by scale. ``small``: of width 16, all but Table 5's on 160x160 pixels,
#: which a CPU trains in minutes. ``paper``: ResNet-18 and ResNet-34 on 320x320 pixels.
_CONFIGS = {
    'unet': ('unet_small_slices', 'unet_r34_pancreas'),
    'attention': ('attention_unet_small_slices', 'attention_unet_r34_pancreas'),
    'c2f': ('c2f_small_unet_slices', 'c2f_r18_r34_unet_pancreas'),
    'lsnet': ('lsnet_small_unet_slices', 'lsnet_r18_r34_unet_pancreas'),
    'fcn': ('fcn_small_slices', 'fcn_r34_pancreas'),
    'c2f_fcn': ('c2f_small_fcn_slices', 'c2f_r18_r34_fcn_pancreas'),
    'lsnet_fcn': ('lsnet_small_fcn_slices', 'lsnet_r18_r34_fcn_pancreas'),
    'pspnet': ('pspnet_small_slices', 'pspnet_r34_pancreas'),
    'deeplabv3': ('deeplabv3_small_slices', 'deeplabv3_r34_pancreas'),
    'rstn': ('rstn_small_unet_slices', 'rstn_r18_r34_unet_pancreas'),
    'peer': ('unet_small_slices_320', 'unet_r34_pancreas'),
    'preset': ('lsnet_small_unet_slices_paper', 'lsnet_r18_r34_unet_pancreas'),
    'accurate': ('lsnet_small_unet_slices_accurate', 'lsnet_r18_r34_unet_pancreas_accurate'),
    'fast': ('lsnet_small_unet_slices_fast', 'lsnet_r18_r34_unet_pancreas_fast'),
    'literal': ('lsnet_small_unet_slices_literal', 'lsnet_r18_r34_unet_pancreas_literal'),
    'literal_fcn': ('lsnet_small_fcn_slices_literal', 'lsnet_r18_r34_fcn_pancreas_literal'),
    'unet_imagenet': ('unet_lite0_slices', 'unet_r34_pancreas'),
    'c2f_imagenet': ('c2f_lite0_unet_slices', 'c2f_r18_r34_unet_pancreas'),
    'lsnet_imagenet': ('lsnet_lite0_unet_slices', 'lsnet_r18_r34_unet_pancreas'),
}
#: Of L-Net's mask branch; volumes have empty slices, folders of slices none.
_MASKS = {
    'small': {'type': 'FocalDiceLoss'},
    'paper': {'type': 'FocalDiceLoss', 'batch_dice': True},
}
#: Widths of the one-stage U-Net: its own, and those that give it about as many operations and as
#: many parameters as L-SNet has in both nets.
_WIDTHS = {'small': (16, 22, 23), 'paper': (64, 83, 81)}
_DECODERS = {'small': (64, 32, 16, 16, 16), 'paper': (256, 128, 64, 32, 16)}
#: Where each system's encoders are told their weights.
_ENCODERS = {
    'unet': ('backbone',),
    'c2f': ('localizer.segmentor.backbone', 'segmentor.backbone'),
    'lsnet': ('localizer.backbone', 'segmentor.backbone'),
}
_TWICE = ('loss_localizer', 'loss_localizer', 'loss_segmentor')
_BCE = {'type': 'CrossEntropyLoss', 'use_sigmoid': True, '_delete_': True}
# The mask of one round gives the next box, until two masks agree or ten rounds (Zhou et al., 2017).
_ROUNDS = {'model.test_cfg.rounds': 10, 'model.test_cfg.agreement': 0.95}


def _systems(scale: str, margin: float | None = None) -> dict[str, System]:
    """The systems that the tables compare; L-SNet with the margin of its baselines, if given."""
    s = {key: System.of(names[SCALES.index(scale)]) for key, names in _CONFIGS.items()}
    if margin is not None:
        for key in ('lsnet', 'lsnet_fcn'):
            s[key] = s[key].trained(f'margin{margin}', {'model.roi_extractor.margin': margin})
    for name, width in zip(('operations', 'parameters'), _WIDTHS[scale][1:], strict=True):
        s[f'unet_{name}'] = s['unet'].trained(f'w{width}', _widened(scale, width))
    for key, encoders in _ENCODERS.items():
        random = {f'model.{encoder}.init_cfg': None for encoder in encoders}
        s[f'{key}_random'] = s[f'{key}_imagenet'].trained('random', random)
    s['unet_bce'] = s['unet'].trained('bce', {'model.decode_head.loss_decode': _BCE})
    true_boxes = {'model.roi_mixing': {'type': 'RoIMixing', 'ratio': 1.0}}
    s['c2f_gt'] = s['c2f'].trained('gt', true_boxes)
    s['hard_crop'] = s['lsnet'].trained('hard_crop', {'model.roi_extractor.type': 'HardCrop'})
    for name, gamma in (('gamma0', 0), ('gamma001', 0.01), ('gamma1', 1)):
        s[name] = s['lsnet'].trained(name, {'model.gamma': gamma})
    for key, suffix in (('lsnet', ''), ('lsnet_fcn', '_fcn')):
        mask = s[key].trained('mask', {'model.localizer.head.loss_mask': _MASKS[scale]})
        s[f'mask{suffix}'] = mask
        s[f'no_veto{suffix}'] = mask.tested(
            'no_veto', {'model.localizer.head.test_cfg.veto_thr': 0}
        )
    for key in ('lsnet', 'gamma0', 'gamma1'):
        s[f'{key}_fixed'] = s[key].trained('fixed', {'model.moving_target': False})
    # L-Net steps twice in an iteration, as with gamma above 0, but on its own loss alone.
    s['control'] = s['gamma0'].trained('twice', {'train_cfg.phases': _TWICE})
    for key in ('c2f', 'lsnet', 'c2f_fcn', 'lsnet_fcn', 'rstn'):
        s[f'{key}_rounds'] = s[key].tested('rounds', _ROUNDS)
    s['no_rounds'] = s['accurate'].tested('no_rounds', {'model.test_cfg.rounds': 0})
    s['half'] = s['fast'].tested('half', {'test_cfg.fp16': True})
    s['fused'] = s['fast'].trained('fused', {'train_cfg.type': 'EpochBasedTrainLoop'})
    return s


def _widened(scale: str, width: int) -> dict[str, object]:
    """Options that give the one-stage U-Net more channels all over."""
    random = {'model.backbone.init_cfg': None} if scale == 'paper' else {}  # no weights fit
    decoder = [channels * width // _WIDTHS[scale][0] for channels in _DECODERS[scale]]
    return {
        'model.backbone.base_channels': width,
        'model.backbone.stem_channels': width,
        'model.neck.in_channels': (width, width, 2 * width, 4 * width, 8 * width),
        'model.neck.channels': tuple(decoder),
        'model.decode_head.in_channels': decoder[-1],
        **random,
    }


SIZE = {'params (M)': 'params', 'GFLOPs': 'gflops'}
MASKS = {'DSC': 'slice_fg/dsc', 'DSC, true boxes': 'oracle/slice_fg/dsc'}
BOXES = {'box mIoU': 'box/miou'}


def _figures(*names: str) -> Callable[..., dict[str, str]]:
    """Takes the paper's figures in the order of these columns."""
    return lambda *figures: dict(zip(names, figures, strict=True))


def _table1(s: dict[str, System]) -> Table:
    paper = _figures('DSC', 'precision', 'recall')
    unet, fcn = s['lsnet'], s['lsnet_fcn']
    rows = [
        Row('U-Net', s['unet'], unet, paper('86.56', '89.60', '90.29')),
        Row('Attention U-Net', s['attention'], unet, paper('86.88', '89.60', '90.29')),
        Row('Coarse-to-fine U-Net', s['c2f'], unet, paper('87.41', '90.05', '91.36')),
        Row('L-SNet (U-Net)', unet, None, paper('88.20', '92.50', '90.45')),
        Row('FCN', s['fcn'], fcn, paper('84.28', '88.68', '86.85')),
        Row('Coarse-to-fine FCN', s['c2f_fcn'], fcn, paper('86.16', '91.78', '87.84')),
        Row('L-SNet (FCN)', fcn, None, paper('87.20', '92.60', '89.07')),
        Row('U-Net, as many operations as L-SNet', s['unet_operations'], unet),
        Row('U-Net, as many parameters as L-SNet', s['unet_parameters'], unet),
        Row('L-SNet (U-Net), to the letter', s['literal'], unet),
        Row('L-SNet (U-Net), mask branch', s['mask'], s['c2f']),
        Row('L-SNet (U-Net), mask branch without veto', s['no_veto'], s['c2f']),
        Row('L-SNet (FCN), to the letter', s['literal_fcn'], fcn),
        Row('L-SNet (FCN), mask branch', s['mask_fcn'], s['c2f_fcn']),
        Row('L-SNet (FCN), mask branch without veto', s['no_veto_fcn'], s['c2f_fcn']),
        Row('Coarse-to-fine U-Net, trained on true boxes', s['c2f_gt'], unet),
        Row('Coarse-to-fine U-Net, rounds', s['c2f_rounds'], s['lsnet_rounds']),
        Row('L-SNet (U-Net), rounds', s['lsnet_rounds'], unet),
        Row('Coarse-to-fine FCN, rounds', s['c2f_fcn_rounds'], s['lsnet_fcn_rounds']),
        Row('L-SNet (FCN), rounds', s['lsnet_fcn_rounds'], fcn),
        Row('PSPNet', s['pspnet'], unet),
        Row('DeepLabV3', s['deeplabv3'], unet),
        Row('RSTN', s['rstn'], unet),
        Row('RSTN, rounds', s['rstn_rounds'], s['lsnet_rounds']),
    ]
    scores = {'precision': 'slice_fg/precision', 'recall': 'slice_fg/recall'}
    columns = MASKS | scores | {'DSC by case': 'case/dsc'} | BOXES | SIZE
    return Table(1, 'L-SNet and its peers', tuple(rows), columns)


def _table2(s: dict[str, System]) -> Table:
    """Each row against the one before: what a part is worth."""
    rows = (
        Row('S-Net with BCE', s['unet_bce'], None, {'DSC': '84.69'}),
        Row('+ our loss', s['unet'], s['unet_bce'], {'DSC': '86.51'}),
        Row('+ L-Net, hard crop', s['hard_crop'], s['unet'], {'DSC': '87.86'}),
        Row('+ RR', s['lsnet'], s['hard_crop'], {'DSC': '88.20'}),
    )
    return Table(2, 'What each part is worth', rows, MASKS | BOXES | SIZE)


def _table3(s: dict[str, System]) -> Table:
    paper = _figures('box mIoU', 'DSC', 'params of the first stage (M)')
    rows = (
        Row('U-Net', s['c2f'], None, paper('83.83', '87.41', '14.33')),
        Row('L-Net', s['hard_crop'], s['c2f'], paper('86.58', '87.86', '14.50')),
    )
    first = {
        'params of the first stage (M)': 'localizer/params',
        'GFLOPs of the first stage': 'localizer/gflops',
    }
    return Table(3, 'The first stage of coarse-to-fine', rows, BOXES | MASKS | first | SIZE)


def _table4(s: dict[str, System]) -> Table:
    paper = _figures('box mIoU in training', 'box mIoU in validation', 'DSC')
    ours = s['lsnet']
    rows = (
        Row('gamma 0', s['gamma0'], ours, paper('92.03', '86.58', '87.86')),
        Row('gamma 0.01', s['gamma001'], ours, paper('88.09', '84.88', '88.05')),
        Row('gamma 0.1', ours, None, paper('88.24', '84.98', '88.20')),
        Row('gamma 1', s['gamma1'], ours, paper('86.84', '84.68', '87.21')),
        Row('gamma 0, fixed target', s['gamma0_fixed'], s['gamma0']),
        Row('gamma 0.1, fixed target', s['lsnet_fixed'], ours),
        Row('gamma 1, fixed target', s['gamma1_fixed'], s['gamma1']),
        Row('gamma 0, as many steps of L-Net', s['control'], ours),
        Row('hard crop', s['hard_crop'], ours),
    )
    boxes = {'box mIoU in training': 'train/box/miou', 'box mIoU in validation': 'box/miou'}
    return Table(4, 'The decay factor gamma', rows, boxes | MASKS | SIZE, train_split=True)


def _table5(s: dict[str, System]) -> Table:
    """Not the paper's."""
    rows = (
        Row('U-Net', s['peer'], s['fast']),
        Row('L-SNet, paper', s['preset'], s['peer']),
        Row('L-SNet, accurate', s['accurate'], s['preset']),
        Row('L-SNet, accurate, without rounds', s['no_rounds'], s['accurate']),
        Row('L-SNet, fast', s['fast'], s['preset']),
        Row('L-SNet, fast, half precision', s['half'], s['fast']),
        Row('L-SNet, fast, fused update', s['fused'], s['fast']),
    )
    return Table(5, 'The presets', rows, MASKS | BOXES | SIZE)


def _table6(s: dict[str, System]) -> Table:
    """Not the paper's."""
    rows = []
    for label, key in (('U-Net', 'unet'), ('Coarse-to-fine', 'c2f'), ('L-SNet', 'lsnet')):
        random, imagenet = s[f'{key}_random'], s[f'{key}_imagenet']
        rows += [
            Row(f'{label}, random weights', random),
            Row(f'{label}, from ImageNet', imagenet, random),
        ]
    return Table(6, 'Encoders from ImageNet', tuple(rows), MASKS | BOXES | SIZE)


_BUILDERS = (_table1, _table2, _table3, _table4, _table5, _table6)
_SYSTEMS = {'small': _systems('small'), 'paper': _systems('paper', margin=15)}
#: The tables by scale and number.
TABLES = {
    scale: {table.number: table for table in (build(systems) for build in _BUILDERS)}
    for scale, systems in _SYSTEMS.items()
}


def find_system(name: str) -> System:
    """The system that a result is of: one of the tables, or a config as it stands."""
    systems = (system for scale in _SYSTEMS.values() for system in scale.values())
    return next((system for system in systems if system.name == name), System.of(name))
