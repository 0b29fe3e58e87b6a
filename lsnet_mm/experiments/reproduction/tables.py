"""The paper's four tables, and one each of presets, encoders and whole volumes, at two sizes; rows
that are not in the paper carry no figures from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: What to train and test on.
DATA = ('pancreas_ct', 'slices', 'phantom')


@dataclass(frozen=True)
class System:
    """What is trained and tested: a config and options, under a name of its own."""

    name: str  #: of its result folders
    config: str  #: stem of a file below ``configs/``
    #: to that config, as in ``--cfg-options``
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    weights: System | None = None  #: whose checkpoint is tested; None trains its own

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
    """A system in a table."""

    label: str
    system: System
    reference: System | None = None  #: that the row is compared with, by slices
    #: the paper's own figures by the names of columns, as printed there
    paper: Mapping[str, str] = field(default_factory=dict)
    claim: bool = False  #: conclusions are drawn from it; p-values are adjusted for these alone


@dataclass(frozen=True)
class Table:
    """One of the paper's tables, or one of ours."""

    number: int  #: in the paper; the presets' is 5, the encoders' 6, that of volumes 7
    title: str
    rows: tuple[Row, ...]
    columns: Mapping[str, str]  #: keys of metrics (see ``Record.scores``) by header
    data: str | None = None  #: that it is of; None for any
    train_split: bool = False  #: the slices of training are scored too
    common_runs: bool = True  #: rows keep to the folds and seeds that all have that were run

    def short(self) -> Table:
        """The rows that conclusions are drawn from, with what they are compared with, and with
        masks and boxes in a figure each: for a README."""
        claims = [row for row in self.rows if row.claim]
        systems = {system for row in claims for system in (row.system, row.reference)}
        few = [
            replace(row, paper={k: v for k, v in row.paper.items() if k == 'DSC'})
            for row in self.rows
            if row.system in systems
        ]
        return replace(self, rows=tuple(few), columns=_MASKS | _BOXES)


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
    'nnunet': ('nnunet_small_slices', 'nnunet_2d_pancreas'),
    'rstn': ('rstn_small_unet_slices', 'rstn_r18_r34_unet_pancreas'),
    'peer': ('unet_small_slices_320', 'unet_r34_pancreas'),
    'preset': ('lsnet_small_unet_slices_paper', 'lsnet_r18_r34_unet_pancreas'),
    'accurate': ('lsnet_small_unet_slices_accurate', 'lsnet_r18_r34_unet_pancreas_accurate'),
    'fast': ('lsnet_small_unet_slices_fast', 'lsnet_r18_r34_unet_pancreas_fast'),
    'literal': ('lsnet_small_unet_slices_literal', 'lsnet_r18_r34_unet_pancreas_literal'),
    'literal_fcn': ('lsnet_small_fcn_slices_literal', 'lsnet_r18_r34_fcn_pancreas_literal'),
}
#: Encoders that have weights from ImageNet, and where: the small ones are configs of their own, the
#: paper's are what the rows above have.
_ENCODERS = {
    'unet': ('unet_lite0_slices', ('backbone',)),
    'c2f': ('c2f_lite0_unet_slices', ('localizer.segmentor.backbone', 'segmentor.backbone')),
    'lsnet': ('lsnet_lite0_unet_slices', ('localizer.backbone', 'segmentor.backbone')),
}
#: The one-stage U-Net's decoder, its width, and those that give it about as many operations and as
#: many parameters as L-SNet has in both nets.
_WIDTHS = (((64, 32, 16, 16, 16), 16, 22, 23), ((256, 128, 64, 32, 16), 64, 83, 81))
_BCE = {'type': 'CrossEntropyLoss', 'use_sigmoid': True, '_delete_': True}
_TWICE = ('loss_localizer', 'loss_localizer', 'loss_segmentor')
# The mask of one round gives the next box, until two masks agree or ten rounds (Zhou et al., 2017).
_ROUNDS = {'model.test_cfg.rounds': 10, 'model.test_cfg.agreement': 0.95}
_MASKS = {'DSC': 'slice_fg/dsc', 'DSC, true boxes': 'oracle/slice_fg/dsc'}
_BOXES = {'box mIoU': 'box/miou'}
_SIZE = {'params (M)': 'params', 'GFLOPs': 'gflops'}
_FAILED = {'slices with DSC 0': 'slice_fg/failed'}
_VOLUMES = {
    'DSC by case': 'case/dsc',
    'HD95 (mm)': 'case/hd95',
    'NSD at 2 mm': 'case/nsd',
    **_FAILED,
    'empty slices with foreground': 'slice_empty/found',
    'with a box': 'slice_empty/boxes',
}
#: What a CPU can do of the paper's schedule.
_BRIEF = {
    'train_cfg.max_epochs': 12,
    'train_cfg.val_interval': 6,
    'optim_wrapper.optimizer.lr': 5e-4,
    'param_scheduler.0.step_size': 8,
}


def _systems(scale: int) -> dict[str, System]:
    """The systems that the tables compare: of the narrow nets (0), or of the paper's (1)."""
    s = {key: System.of(configs[scale]) for key, configs in _CONFIGS.items()}
    mask = {'type': 'FocalDiceLoss'}
    if scale:
        for key in ('lsnet', 'lsnet_fcn', 'literal', 'literal_fcn'):  # the margin of the baselines
            s[key] = s[key].trained('margin15', {'model.roi_extractor.margin': 15})
        mask['batch_dice'] = True  # volumes have empty slices, folders of slices none
    random = {
        key: {f'model.{encoder}.init_cfg': None for encoder in encoders}
        for key, (_, encoders) in _ENCODERS.items()
    }
    for key, (config, _) in _ENCODERS.items():
        s[f'{key}_imagenet'] = s[key] if scale else System.of(config)
        s[f'{key}_random'] = s[f'{key}_imagenet'].trained('random', random[key])
    for name, width in zip(('operations', 'parameters'), _WIDTHS[scale][2:], strict=True):
        s[f'unet_{name}'] = s['unet'].trained(f'w{width}', _widened(scale, width))
    s['unet_bce'] = s['unet'].trained('bce', {'model.decode_head.loss_decode': _BCE})
    true_boxes = {'model.roi_mixing': {'type': 'RoIMixing', 'ratio': 1.0}}
    s['c2f_gt'] = s['c2f'].trained('gt', true_boxes)
    s['hard_crop'] = s['lsnet'].trained('hard_crop', {'model.roi_extractor.type': 'HardCrop'})
    for name, gamma in (('gamma0', 0), ('gamma001', 0.01), ('gamma1', 1)):
        s[name] = s['lsnet'].trained(name, {'model.gamma': gamma})
    for suffix in ('', '_fcn'):
        with_mask = s[f'lsnet{suffix}'].trained('mask', {'model.localizer.head.loss_mask': mask})
        no_veto = with_mask.tested('no_veto', {'model.localizer.head.test_cfg.veto_thr': 0})
        s[f'mask{suffix}'], s[f'no_veto{suffix}'] = with_mask, no_veto
    for key in ('lsnet', 'gamma0', 'gamma1'):
        s[f'{key}_fixed'] = s[key].trained('fixed', {'model.moving_target': False})
    # L-Net steps twice in an iteration, as with gamma above 0, but on its own loss alone.
    s['control'] = s['gamma0'].trained('twice', {'train_cfg.phases': _TWICE})
    for key in ('c2f', 'lsnet', 'c2f_fcn', 'lsnet_fcn', 'rstn'):
        s[f'{key}_rounds'] = s[key].tested('rounds', _ROUNDS)
    s['no_rounds'] = s['accurate'].tested('no_rounds', {'model.test_cfg.rounds': 0})
    s['half'] = s['fast'].tested('half', {'test_cfg.fp16': True})
    if scale:  # speed is not of the narrow nets
        s['peer_brief'] = s['peer'].trained('brief', _BRIEF | random['unet'])
        s['fast_brief'] = s['fast'].trained('brief', _BRIEF | random['lsnet'])
    s['fused'] = s['fast'].trained('fused', {'train_cfg.type': 'EpochBasedTrainLoop'})
    return s


def _widened(scale: int, width: int) -> dict[str, object]:
    """Options that give the one-stage U-Net more channels all over; ImageNet's weights do not fit
    then."""
    decoder, narrow, *_ = _WIDTHS[scale]
    decoder = tuple(channels * width // narrow for channels in decoder)
    return {
        'model.backbone.base_channels': width,
        'model.backbone.stem_channels': width,
        'model.neck.in_channels': (width, width, 2 * width, 4 * width, 8 * width),
        'model.neck.channels': decoder,
        'model.decode_head.in_channels': decoder[-1],
        **({'model.backbone.init_cfg': None} if scale else {}),
    }


def _tables(s: Mapping[str, System]) -> dict[int, Table]:
    """By number; each row is compared with the one that its argument is about."""
    ours, fcn = s['lsnet'], s['lsnet_fcn']
    names = ('DSC', 'precision', 'recall')
    peers = (
        Row('U-Net', s['unet'], ours, _paper(names, '86.56', '89.60', '90.29'), claim=True),
        Row('Attention U-Net', s['attention'], ours, _paper(names, '86.88', '89.60', '90.29')),
        Row(
            'Coarse-to-fine U-Net',
            s['c2f'],
            ours,
            _paper(names, '87.41', '90.05', '91.36'),
            claim=True,
        ),
        Row('L-SNet (U-Net)', ours, None, _paper(names, '88.20', '92.50', '90.45')),
        Row('FCN', s['fcn'], fcn, _paper(names, '84.28', '88.68', '86.85')),
        Row('Coarse-to-fine FCN', s['c2f_fcn'], fcn, _paper(names, '86.16', '91.78', '87.84')),
        Row('L-SNet (FCN)', fcn, None, _paper(names, '87.20', '92.60', '89.07')),
        Row('U-Net, as many operations as L-SNet', s['unet_operations'], ours, claim=True),
        Row('U-Net, as many parameters as L-SNet', s['unet_parameters'], ours),
        Row('L-SNet (U-Net), to the letter', s['literal'], ours),
        Row('L-SNet (U-Net), mask branch', s['mask'], s['c2f'], claim=True),
        Row('L-SNet (U-Net), mask branch without veto', s['no_veto'], s['c2f'], claim=True),
        Row('L-SNet (FCN), to the letter', s['literal_fcn'], fcn),
        Row('L-SNet (FCN), mask branch', s['mask_fcn'], s['c2f_fcn']),
        Row('L-SNet (FCN), mask branch without veto', s['no_veto_fcn'], s['c2f_fcn']),
        Row('Coarse-to-fine U-Net, trained on true boxes', s['c2f_gt'], ours),
        Row('Coarse-to-fine U-Net, rounds', s['c2f_rounds'], s['lsnet_rounds']),
        Row('L-SNet (U-Net), rounds', s['lsnet_rounds'], ours),
        Row('Coarse-to-fine FCN, rounds', s['c2f_fcn_rounds'], s['lsnet_fcn_rounds']),
        Row('L-SNet (FCN), rounds', s['lsnet_fcn_rounds'], fcn),
        Row('PSPNet', s['pspnet'], ours),
        Row('DeepLabV3', s['deeplabv3'], ours),
        Row("nnU-Net's 2D net", s['nnunet'], ours),
        Row('RSTN', s['rstn'], ours),
        Row('RSTN, rounds', s['rstn_rounds'], s['lsnet_rounds']),
    )
    scores = {name: f'slice_fg/{name}' for name in names[1:]} | {'DSC by case': 'case/dsc'}
    scores |= _FAILED
    parts = (
        Row('S-Net with BCE', s['unet_bce'], None, {'DSC': '84.69'}),
        Row('+ our loss', s['unet'], s['unet_bce'], {'DSC': '86.51'}),
        Row('+ L-Net, hard crop', s['hard_crop'], s['unet'], {'DSC': '87.86'}),
        Row('+ RR', ours, s['hard_crop'], {'DSC': '88.20'}),
    )
    names = ('box mIoU', 'DSC', 'params of the first stage (M)')
    stages = (
        Row('U-Net', s['c2f'], None, _paper(names, '83.83', '87.41', '14.33')),
        Row('L-Net', s['hard_crop'], s['c2f'], _paper(names, '86.58', '87.86', '14.50')),
    )
    first = {names[2]: 'localizer/params', 'GFLOPs of the first stage': 'localizer/gflops'}
    names = ('box mIoU in training', 'box mIoU in validation', 'DSC')
    gammas = (
        Row('gamma 0', s['gamma0'], ours, _paper(names, '92.03', '86.58', '87.86')),
        Row('gamma 0.01', s['gamma001'], ours, _paper(names, '88.09', '84.88', '88.05')),
        Row('gamma 0.1', ours, None, _paper(names, '88.24', '84.98', '88.20')),
        Row('gamma 1', s['gamma1'], ours, _paper(names, '86.84', '84.68', '87.21')),
        Row('gamma 0, fixed target', s['gamma0_fixed'], s['gamma0']),
        Row('gamma 0.1, fixed target', s['lsnet_fixed'], ours),
        Row('gamma 1, fixed target', s['gamma1_fixed'], s['gamma1']),
        Row('gamma 0, as many steps of L-Net', s['control'], ours),
        Row('hard crop', s['hard_crop'], ours),
    )
    both = {names[0]: 'train/box/miou', names[1]: 'box/miou'}
    presets = (
        Row('U-Net', s['peer'], s['fast']),
        Row('L-SNet, paper', s['preset'], s['peer']),
        Row('L-SNet, accurate', s['accurate'], s['preset']),
        Row('L-SNet, accurate, without rounds', s['no_rounds'], s['accurate']),
        Row('L-SNet, fast', s['fast'], s['preset']),
        Row('L-SNet, fast, half precision', s['half'], s['fast']),
        Row('L-SNet, fast, fused update', s['fused'], s['fast']),
    )
    labels = {'unet': 'U-Net', 'c2f': 'Coarse-to-fine U-Net', 'lsnet': 'L-SNet (U-Net)'}
    encoders = [
        row
        for key, label in labels.items()
        for row in (
            Row(f'{label}, random weights', s[f'{key}_random']),
            Row(f'{label}, from ImageNet', s[f'{key}_imagenet'], s[f'{key}_random']),
        )
    ]
    title, scores = 'The first stage of coarse-to-fine', _MASKS | scores | _BOXES | _SIZE
    tables = (
        Table(1, 'L-SNet and its peers', peers, scores, common_runs=False),
        Table(2, 'What each part is worth', parts, _MASKS | _BOXES | _SIZE),
        Table(3, title, stages, _BOXES | _MASKS | first | _SIZE),
        Table(4, 'The decay factor gamma', gammas, both | _MASKS | _SIZE, train_split=True),
        Table(5, 'The presets', presets, _MASKS | _BOXES | _SIZE),
        Table(6, 'Encoders from ImageNet', tuple(encoders), _MASKS | _BOXES | _SIZE),
    )
    if 'fast_brief' in s:
        volumes = (
            Row('U-Net', s['peer_brief'], s['fast_brief']),
            Row('L-SNet, fast', s['fast_brief']),
        )
        columns = _MASKS | _VOLUMES | _BOXES | _SIZE
        tables += (Table(7, 'Whole volumes', volumes, columns, 'phantom'),)
    return {table.number: table for table in tables}


def _paper(names: tuple[str, ...], *figures: str) -> dict[str, str]:
    return dict(zip(names, figures, strict=True))


_SYSTEMS = {'small': _systems(0), 'paper': _systems(1)}
#: The tables by scale and number.
TABLES = {scale: _tables(systems) for scale, systems in _SYSTEMS.items()}


def find_system(name: str) -> System:
    """The system that a result is of: one of the tables, or a config as it stands."""
    systems = (system for scale in _SYSTEMS.values() for system in scale.values())
    return next((system for system in systems if system.name == name), System.of(name))
