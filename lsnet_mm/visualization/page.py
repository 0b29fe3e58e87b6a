"""Pages of one file: a template of this package with its data in it, and nothing to load."""

import base64
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO

from PIL import Image

# What a page puts into the base that all share: title and style, elements, and script.
_PARTS = re.compile(
    r'(?P<head><title>.*</style>)\n(?P<body>.*)<script>\n(?P<script>.*)</script>\n', re.DOTALL
)
_SCRIPT = re.compile(r'\{\{(\w+\.js)\}\}\n')  # a part of a page's script, in a file of its own


def fill_template(name: str, data: Mapping[str, object]) -> bytes:
    """Put ``templates/<name>`` into ``templates/base.html``, and data into both.

    The page reads the data as JSON, so that no text in it can become markup or code.

    Args:
        name: Of the template.
        data: Of finite numbers, texts, lists and dicts; the page's JavaScript says which.

    Returns:
        bytes: HTML, the same for the same data.
    """
    page, own = _read('base.html'), _read(name)
    own = _SCRIPT.sub(lambda found: _read(found[1]), own)
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(',', ':'))
    # "</script>" in a text would end the script that holds it.
    text = text.replace('<', '\\u003c')
    # The data last: what stands in them is replaced no more.
    for key, part in {**_PARTS.fullmatch(own).groupdict(), 'data': text}.items():
        page = page.replace(f'{{{{{key}}}}}', part)
    return page.encode()


def _read(name: str) -> str:
    return (files(__package__) / 'templates' / name).read_text(encoding='utf-8')


def encode_image(image: Image.Image, kind: str, **options: object) -> str:
    """A ``jpeg`` or ``png`` without metadata as base64, by Pillow's writer and its options."""
    buffer = BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return base64.b64encode(buffer.getvalue()).decode()
