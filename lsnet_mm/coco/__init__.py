from .annotations import coco_annotations, uncompressed_rle
from .export import export_coco

__all__ = ['coco_annotations', 'export_coco', 'uncompressed_rle']
