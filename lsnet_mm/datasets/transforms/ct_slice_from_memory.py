from ...registry import TRANSFORMS
from .load_ct_slice import LoadCTSlice


@TRANSFORMS.register_module()
class CTSliceFromMemory(LoadCTSlice):
    """What :class:`LoadCTSlice` does, for a volume that is in memory already.

    Required keys: ``voxels`` (X, Y, Z) in HU, ``slice_index``. Arguments and added keys are
    those of :class:`LoadCTSlice`.
    """

    def transform(self, results: dict) -> dict:
        """Take the slices."""
        return self.take(results, results['voxels'])
