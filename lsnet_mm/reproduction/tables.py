"""The paper's four tables and one of the presets, at two sizes; rows that the paper has not carry
no figures of it."""

from .row import Row
from .table import Table

#: Nets of width 16, all but Table 5's on 160x160 pixels, which a CPU trains in minutes.
SMALL = {
    'unet': 'unet_w16_slices',
    'unet_bce': 'unet_w16_slices_bce',
    'attention': 'attention_unet_w16_slices',
    'c2f': 'c2f_unet_w16_slices',
    'c2f_gt': 'c2f_unet_w16_slices_gt',
    'c2f_rounds': 'c2f_unet_w16_slices_rounds',
    'c2f_lnet': 'c2f_lnet_unet_w16_slices',
    'lsnet': 'lsnet_unet_w16_slices',
    'lsnet_rounds': 'lsnet_unet_w16_slices_rounds',
    'gamma0': 'lsnet_unet_w16_slices_gamma0',
    'gamma001': 'lsnet_unet_w16_slices_gamma001',
    'gamma1': 'lsnet_unet_w16_slices_gamma1',
    'fcn': 'fcn_w16_slices',
    'c2f_fcn': 'c2f_fcn_w16_slices',
    'c2f_fcn_rounds': 'c2f_fcn_w16_slices_rounds',
    'lsnet_fcn': 'lsnet_fcn_w16_slices',
    'lsnet_fcn_rounds': 'lsnet_fcn_w16_slices_rounds',
    'pspnet': 'pspnet_w16_slices',
    'deeplabv3': 'deeplabv3_w16_slices',
    'rstn': 'rstn_w16_slices',
    'rstn_rounds': 'rstn_w16_slices_rounds',
    'peer': 'unet_w16_slices_320',
    'preset': 'lsnet_unet_w16_slices_paper',
    'accurate': 'lsnet_unet_w16_slices_accurate',
    'no_rounds': 'lsnet_unet_w16_slices_accurate_no_rounds',
    'fast': 'lsnet_unet_w16_slices_fast',
    'half': 'lsnet_unet_w16_slices_fast_half',
    'fused': 'lsnet_unet_w16_slices_fast_fused',
}
#: ResNet-18 and ResNet-34 on 320x320 pixels, as in the paper.
PAPER = {
    'unet': 'unet_r34_pancreas',
    'unet_bce': 'unet_r34_pancreas_bce',
    'attention': 'attention_unet_r34_pancreas',
    'c2f': 'c2f_r18_r34_unet_pancreas',
    'c2f_gt': 'c2f_r18_r34_unet_pancreas_gt',
    'c2f_rounds': 'c2f_r18_r34_unet_pancreas_rounds',
    'c2f_lnet': 'c2f_lnet_r18_r34_unet_pancreas',
    'lsnet': 'lsnet_r18_r34_unet_pancreas_margin15',
    'lsnet_rounds': 'lsnet_r18_r34_unet_pancreas_margin15_rounds',
    'gamma0': 'lsnet_r18_r34_unet_pancreas_margin15_gamma0',
    'gamma001': 'lsnet_r18_r34_unet_pancreas_margin15_gamma001',
    'gamma1': 'lsnet_r18_r34_unet_pancreas_margin15_gamma1',
    'fcn': 'fcn_r34_pancreas',
    'c2f_fcn': 'c2f_r18_r34_fcn_pancreas',
    'c2f_fcn_rounds': 'c2f_r18_r34_fcn_pancreas_rounds',
    'lsnet_fcn': 'lsnet_r18_r34_fcn_pancreas_margin15',
    'lsnet_fcn_rounds': 'lsnet_r18_r34_fcn_pancreas_margin15_rounds',
    'pspnet': 'pspnet_r34_pancreas',
    'deeplabv3': 'deeplabv3_r34_pancreas',
    'rstn': 'rstn_r18_r34_unet_pancreas',
    'rstn_rounds': 'rstn_r18_r34_unet_pancreas_rounds',
    'peer': 'unet_r34_pancreas',
    'preset': 'lsnet_r18_r34_unet_pancreas',
    'accurate': 'lsnet_r18_r34_unet_pancreas_accurate',
    'no_rounds': 'lsnet_r18_r34_unet_pancreas_accurate_no_rounds',
    'fast': 'lsnet_r18_r34_unet_pancreas_fast',
    'half': 'lsnet_r18_r34_unet_pancreas_fast_half',
    'fused': 'lsnet_r18_r34_unet_pancreas_fast_fused',
}
SIZE = {'params (M)': 'params', 'GFLOPs': 'gflops'}
MASKS = {'DSC': 'slice_fg/dsc', 'DSC, true boxes': 'oracle/slice_fg/dsc'}
BOXES = {'box mIoU': 'box/miou'}


def _table1(c: dict[str, str]) -> Table:
    def paper(dsc: str, precision: str, recall: str) -> dict[str, str]:
        return {'DSC': dsc, 'precision': precision, 'recall': recall}

    unet, fcn = c['lsnet'], c['lsnet_fcn']
    rows = [
        Row('U-Net', c['unet'], None, unet, paper('86.56', '89.60', '90.29')),
        Row('Attention U-Net', c['attention'], None, unet, paper('86.88', '89.60', '90.29')),
        Row('Coarse-to-fine U-Net', c['c2f'], None, unet, paper('87.41', '90.05', '91.36')),
        Row('L-SNet (U-Net)', unet, None, None, paper('88.20', '92.50', '90.45')),
        Row('FCN', c['fcn'], None, fcn, paper('84.28', '88.68', '86.85')),
        Row('Coarse-to-fine FCN', c['c2f_fcn'], None, fcn, paper('86.16', '91.78', '87.84')),
        Row('L-SNet (FCN)', fcn, None, None, paper('87.20', '92.60', '89.07')),
        Row('Coarse-to-fine U-Net, trained on true boxes', c['c2f_gt'], None, unet),
        Row('Coarse-to-fine U-Net, rounds', c['c2f_rounds'], c['c2f'], c['lsnet_rounds']),
        Row('L-SNet (U-Net), rounds', c['lsnet_rounds'], unet, unet),
        Row('Coarse-to-fine FCN, rounds', c['c2f_fcn_rounds'], c['c2f_fcn'], c['lsnet_fcn_rounds']),
        Row('L-SNet (FCN), rounds', c['lsnet_fcn_rounds'], fcn, fcn),
        Row('PSPNet', c['pspnet'], None, unet),
        Row('DeepLabV3', c['deeplabv3'], None, unet),
        Row('RSTN', c['rstn'], None, unet),
        Row('RSTN, rounds', c['rstn_rounds'], c['rstn'], c['lsnet_rounds']),
    ]
    scores = {'precision': 'slice_fg/precision', 'recall': 'slice_fg/recall'}
    columns = MASKS | scores | {'DSC by case': 'case/dsc'} | BOXES | SIZE
    return Table(1, 'L-SNet and its peers', tuple(rows), columns)


def _table2(c: dict[str, str]) -> Table:
    """Each row against the one before: what a part is worth."""
    rows = (
        Row('S-Net with BCE', c['unet_bce'], None, None, {'DSC': '84.69'}),
        Row('+ our loss', c['unet'], None, c['unet_bce'], {'DSC': '86.51'}),
        Row('+ L-Net, hard crop', c['c2f_lnet'], None, c['unet'], {'DSC': '87.86'}),
        Row('+ RR', c['lsnet'], None, c['c2f_lnet'], {'DSC': '88.20'}),
    )
    return Table(2, 'What each part is worth', rows, MASKS | BOXES | SIZE)


def _table3(c: dict[str, str]) -> Table:
    def paper(miou: str, dsc: str, params: str) -> dict[str, str]:
        return {'box mIoU': miou, 'DSC': dsc, 'params of the first stage (M)': params}

    rows = (
        Row('U-Net', c['c2f'], None, None, paper('83.83', '87.41', '14.33')),
        Row('L-Net', c['c2f_lnet'], None, c['c2f'], paper('86.58', '87.86', '14.50')),
    )
    first = {
        'params of the first stage (M)': 'localizer/params',
        'GFLOPs of the first stage': 'localizer/gflops',
    }
    return Table(3, 'The first stage of coarse-to-fine', rows, BOXES | MASKS | first | SIZE)


def _table4(c: dict[str, str]) -> Table:
    def paper(training: str, validation: str, dsc: str) -> dict[str, str]:
        return {'box mIoU in training': training, 'box mIoU in validation': validation, 'DSC': dsc}

    ours = c['lsnet']
    rows = (
        Row('gamma 0', c['gamma0'], None, ours, paper('92.03', '86.58', '87.86')),
        Row('gamma 0.01', c['gamma001'], None, ours, paper('88.09', '84.88', '88.05')),
        Row('gamma 0.1', ours, None, None, paper('88.24', '84.98', '88.20')),
        Row('gamma 1', c['gamma1'], None, ours, paper('86.84', '84.68', '87.21')),
        Row('hard crop', c['c2f_lnet'], None, ours),
    )
    boxes = {'box mIoU in training': 'train/box/miou', 'box mIoU in validation': 'box/miou'}
    return Table(4, 'The decay factor gamma', rows, boxes | MASKS | SIZE, train_split=True)


def _table5(c: dict[str, str]) -> Table:
    """Not the paper's."""
    rows = (
        Row('U-Net', c['peer'], None, c['fast']),
        Row('L-SNet, paper', c['preset'], None, c['peer']),
        Row('L-SNet, accurate', c['accurate'], None, c['preset']),
        Row('L-SNet, accurate, without rounds', c['no_rounds'], c['accurate'], c['accurate']),
        Row('L-SNet, fast', c['fast'], None, c['preset']),
        Row('L-SNet, fast, half precision', c['half'], c['fast'], c['fast']),
        Row('L-SNet, fast, fused update', c['fused'], None, c['fast']),
    )
    return Table(5, 'The presets', rows, MASKS | BOXES | SIZE)


_BUILDERS = (_table1, _table2, _table3, _table4, _table5)
#: The tables by scale and number.
TABLES = {
    scale: {table.number: table for table in (build(c) for build in _BUILDERS)}
    for scale, c in {'small': SMALL, 'paper': PAPER}.items()
}
