"""The documentation site: ``make docs`` writes it to ``build/docs``.

The pages are the Markdown files that are read on GitHub, too; here is what a site needs besides.
"""

import json
import re
import sys
from os.path import relpath
from pathlib import Path

from myst_parser.parsers.sphinx_ import MystParser

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from lsnet_mm.version import __version__  # noqa: E402

project = 'lsnet_mm'
author = copyright = 'The lsnet_mm authors'
version = release = __version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
# Of a notebook that is paired with a text, the notebook has the outputs.
exclude_patterns = [f'tutorials/{path.stem}.md' for path in DOCS.glob('tutorials/*.ipynb')]
suppress_warnings = ['myst.header']  # a section may begin with an h3

myst_heading_anchors = 4
highlight_language = 'none'  # what a block without a name has on GitHub

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_preserve_defaults = True

html_theme = 'furo'
html_title = f'lsnet_mm {__version__}'
html_show_sphinx = False

#: Files outside of this folder that have a page.
PAGES = {'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md'}
PAGES |= {'README.md': 'index.md'}
LINK = re.compile(r'(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)')


def mend_links(app, docname, source):
    """Links to what is no page lead out of the site; there their text is enough."""
    folder = Path(app.env.doc2path(docname)).resolve().parent

    def mend(match):
        text, target, anchor = match.groups()
        path = (folder / target).resolve()
        if path.is_relative_to(DOCS):
            return match[0]
        page = PAGES.get(relpath(path, ROOT))
        return f'[{text}]({relpath(DOCS / page, folder)}{anchor or ""})' if page else text

    source[0] = LINK.sub(mend, source[0])


class NotebookParser(MystParser):
    """A notebook as Markdown, with the outputs that it was saved with; nothing is run."""

    supported = ('notebook',)

    def parse(self, inputstring, document):
        cells = json.loads(inputstring)['cells']
        super().parse('\n\n'.join(part for cell in cells for part in markdown(cell)), document)


def markdown(cell):
    text = ''.join(cell['source'])
    if cell['cell_type'] == 'markdown':
        yield text
    elif cell['cell_type'] == 'code':
        yield f'````python\n{text}\n````'
        for output in cell['outputs']:
            data = output.get('data', {})
            picture = next((kind for kind in ('image/png', 'image/jpeg') if kind in data), None)
            if picture:
                yield f'![output](data:{picture};base64,{"".join(data[picture]).strip()})'
            elif 'text/markdown' in data:
                yield ''.join(data['text/markdown'])
            elif text := ''.join(output.get('text', data.get('text/plain', ''))):
                yield f'````text\n{text.rstrip()}\n````'


def setup(app):
    app.add_source_suffix('.ipynb', 'notebook')
    app.add_source_parser(NotebookParser)
    app.connect('source-read', mend_links)
