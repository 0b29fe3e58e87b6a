"""Narrow detectors of MMDetection, one of each kind, for images of about 96 pixels."""

BN = dict(type='BN')
GN = dict(type='GN', num_groups=4)
NMS = dict(type='nms', iou_threshold=0.5)
BACKBONE = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=BN)
FPN = dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=3, end_level=2)
STRIDES = (4, 8, 16)
HEAD = dict(num_classes=1, in_channels=16, feat_channels=16)
DELTAS = dict(type='DeltaXYWHBBoxCoder')
L1 = dict(type='L1Loss')

_RANGES = ((-1, 16), (16, 32), (32, 1e8))
FCOS = dict(
    type='FCOS',
    backbone=BACKBONE,
    neck=FPN,
    bbox_head=dict(
        HEAD, type='FCOSHead', stacked_convs=2, strides=STRIDES, regress_ranges=_RANGES, norm_cfg=GN
    ),
    test_cfg=dict(nms_pre=100, score_thr=0.05, nms=NMS, max_per_img=10),
)

_DECONV = dict(num_deconv_filters=(32, 16, 16), num_deconv_kernels=(4, 4, 4), use_dcn=False)
CENTERNET = dict(
    type='CenterNet',
    backbone=BACKBONE,
    neck=dict(_DECONV, type='CTResNetNeck', in_channels=64),
    bbox_head=dict(HEAD, type='CenterNetHead'),
    test_cfg=dict(topk=10, local_maximum_kernel=3, max_per_img=10),
)

_POINTS = dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32])
_TOPK = dict(type='DynamicSoftLabelAssigner', topk=13)
RTMDET = dict(
    type='RTMDet',
    backbone=dict(type='CSPNeXt', deepen_factor=0.167, widen_factor=0.125, norm_cfg=GN),
    neck=dict(
        type='CSPNeXtPAFPN',
        in_channels=[32, 64, 128],
        out_channels=16,
        num_csp_blocks=1,
        norm_cfg=GN,
    ),
    bbox_head=dict(
        HEAD,
        type='RTMDetSepBNHead',
        exp_on_reg=False,
        anchor_generator=_POINTS,
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
        with_objectness=False,
        norm_cfg=GN,
    ),
    train_cfg=dict(assigner=_TOPK, allowed_border=-1, pos_weight=-1),
    test_cfg=dict(nms_pre=100, min_bbox_size=0, score_thr=0.001, nms=NMS, max_per_img=10),
)

_ANCHORS = dict(type='AnchorGenerator', scales=[3], ratios=[0.5, 1.0, 2.0], strides=STRIDES)
_ROI_ALIGN = dict(type='RoIAlign', output_size=7, sampling_ratio=0)
_ASSIGNER = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.3)
_ALL = dict(type='RandomSampler', num=64, pos_fraction=0.5, add_gt_as_proposals=False)
_FEW = dict(type='RandomSampler', num=32, pos_fraction=0.25)
_PROPOSALS = dict(nms_pre=100, max_per_img=50, nms=NMS, min_bbox_size=0)
FASTER_RCNN = dict(
    type='FasterRCNN',
    backbone=BACKBONE,
    neck=FPN,
    rpn_head=dict(
        type='RPNHead',
        in_channels=16,
        feat_channels=16,
        anchor_generator=_ANCHORS,
        bbox_coder=DELTAS,
        loss_bbox=L1,
    ),
    roi_head=dict(
        type='StandardRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=_ROI_ALIGN,
            out_channels=16,
            featmap_strides=STRIDES,
            finest_scale=16,
        ),
        bbox_head=dict(
            type='Shared2FCBBoxHead',
            in_channels=16,
            fc_out_channels=32,
            roi_feat_size=7,
            num_classes=1,
            bbox_coder=dict(DELTAS, target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_bbox=L1,
        ),
    ),
    train_cfg=dict(
        rpn=dict(assigner=_ASSIGNER, sampler=_ALL, allowed_border=-1, pos_weight=-1),
        rpn_proposal=_PROPOSALS,
        rcnn=dict(assigner=_ASSIGNER, sampler=_FEW, pos_weight=-1),
    ),
    test_cfg=dict(rpn=_PROPOSALS, rcnn=dict(score_thr=0.05, nms=NMS, max_per_img=10)),
)
DETECTORS = dict(fcos=FCOS, centernet=CENTERNET, rtmdet=RTMDET, faster_rcnn=FASTER_RCNN)
