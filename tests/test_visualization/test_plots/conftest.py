import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest


@pytest.fixture
def check_plot():
    """Draw twice: the same bytes, a picture of the stated size, and no trace in pyplot."""

    def check(plot, *args, height, **kwargs):
        png = plot(*args, **kwargs)
        assert plot(*args, **kwargs) == png
        assert b'matplotlib' not in png.lower()
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (height, 900, 3)
        assert plt.get_fignums() == []
        # Ink at the very border would be a clipped label; the right one only has axes.
        assert (image[[0, -1]] == 255).all()
        assert (image[:, [0, -1]] == 255).all()
        return image

    return check
