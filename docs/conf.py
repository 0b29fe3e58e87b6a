"""The documentation site: ``make docs`` writes it to ``build/docs``.

The pages are the Markdown files that are read on GitHub, too; here is what a site needs besides.
"""

import json
import re
import sys
from os.path import relpath
from pathlib import Path

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.osutil import relative_uri

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from lsnet_mm import apis, evaluation, utils, visualization, volumes  # noqa: E402
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
default_role = 'code'
# A docstring refers only to what has a page. What other packages have is not looked up.
nitpicky = True
nitpick_ignore_regex = [(r'py:.*', r'(?!lsnet_mm\.)[a-z]\w*\..*|Compose|Path|Tensor|.*\.UpBlock')]

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_default_options |= {'special-members': '__call__'}
autodoc_inherit_docstrings = False
autodoc_mock_imports = ['onnxruntime']  # an extra of its own
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_preserve_defaults = True
napoleon_attr_annotations = False  # the signature has them
toc_object_entries_show_parents = 'hide'

html_theme = 'furo'
html_title = f'lsnet_mm {__version__}'
html_show_sphinx = False
html_static_path = ['_static']
html_css_files = ['wide.css']

#: Files outside of this folder that have a page.
PAGES = {'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md'}
PAGES |= {'README.md': 'index.md'}
LINK = re.compile(r'(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#\s]*)(#[^)\s]*)?\)')


def mend_links(app, docname, source):
    """Links to what is no page would lead out of the site: there they become text and path."""
    folder = Path(app.env.doc2path(docname)).resolve().parent

    def mend(match):
        text, target, anchor = match.groups()
        path = (folder / target).resolve()
        if path.is_relative_to(DOCS):
            return match[0]
        name = relpath(path, ROOT) + '/' * path.is_dir()
        if page := PAGES.get(name):
            return f'[{text}]({relpath(DOCS / page, folder)}{anchor or ""})'
        return f'`{name}`' if name.endswith(text.strip('`')) else f'{text} (`{name}`)'

    source[0] = LINK.sub(mend, source[0])


#: What a terminal takes for colours.
COLOR = re.compile(r'\x1b\[[0-9;]*m')


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
                yield f'````text\n{COLOR.sub("", text).rstrip()}\n````'


def find_names():
    """Autodoc sees the names of packages that import them when asked, and what is said of constants
    where their values are: an analyser keeps one dict of a module for all who ask, autodoc too."""
    for package in (apis, evaluation, utils, visualization, volumes):
        names = {name: getattr(package, name) for name in package.__all__}
        vars(package).update(names)
        said = attribute_docs(package.__name__)
        for module in [name for name in sys.modules if name.startswith(f'{package.__name__}.')]:
            said |= {k: v for k, v in attribute_docs(module).items() if k[1] in names and not k[0]}


def attribute_docs(module):
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return analyzer.attr_docs


def open_pictures(app, doctree, docname):
    """A click on a picture opens it in its full size."""
    for picture in [*doctree.findall(nodes.image)]:
        if picture['uri'] in app.env.images and not isinstance(picture.parent, nodes.reference):
            target = f'{app.builder.imagedir}/{app.env.images[picture["uri"]][1]}'
            uri = relative_uri(app.builder.get_target_uri(docname), target)
            link = nodes.reference('', '', picture.deepcopy(), refuri=uri, internal=True)
            picture.replace_self(link)


def setup(app):
    app.add_source_suffix('.ipynb', 'notebook')
    app.add_source_parser(NotebookParser)
    app.connect('source-read', mend_links)
    app.connect('doctree-resolved', open_pictures)
    find_names()
