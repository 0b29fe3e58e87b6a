"""Every command of the documents is one that its tool takes, with files and settings that exist.

A shell splits them as it would for a reader, with functions in place of the commands; a tool then
runs as far as its parser has read them. What is of another program needs a reason beside its block:
``<!-- not run: why -->``.
"""

import argparse
import re
import runpy
import subprocess
import sys
from textwrap import dedent

import pytest
from helpers import ROOT

from lsnet_mm.utils.settings import read_config

DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/**/*.md'))]
COMMANDS = ('python', 'lsnet-segment', 'lsnet-info', 'make', 'pip', 'bash')
COMMANDS += ('torchrun', 'srun', 'docker', 'mim')
#: Of a document's blocks: what stands before it, and itself, fenced or indented.
BLOCK = re.compile(
    r'(?P<mark>^<!-- not run: [^>]+ -->\n+)?'
    r'(?:^(?P<fence>```+).*?(?P<language>\w*)\}?\n(?P<fenced>(?s:.*?))^(?P=fence)$'
    r'|(?P<indented>(?:^ {4}.*\n)(?:^(?: {4}.*)?\n)*))',
    re.MULTILINE,
)
#: What makes a block a shell's: a command, or a variable for one.
SHELL = re.compile(
    rf'^(?:\w+=\S* )*(?:(?:\S*/)?(?:{"|".join(COMMANDS)})\b(?! =)|\w+=\S)', re.MULTILINE
)
#: Lines of a block that later ones need.
VARIABLES = re.compile(r'^\w+=(?:\$\(.+\)|\S+(?: \w+=\S+)*)$', re.MULTILINE)
#: What a reader fills in, and what may be left out.
FILL_IN = {'CONFIG': 'configs/lsnet/lsnet_r18_r34_unet_pancreas.py'}
OPTIONAL = re.compile(r'\[[\w. ]*(?:\.\.\.|options of )[\w. ]*\]')


#: Of the repository; other paths are the reader's.
PLACES = ('configs', 'tools', 'requirements', 'tests')


class Read(Exception):
    """A parser is done; what it read is the argument."""


def blocks(path):
    """Shell blocks of a document, and whether each is marked as not run."""
    for match in BLOCK.finditer(path.read_text() + '\n'):
        text = dedent(match['fenced'] or match['indented'] or '')
        if match['language'] in (None, '', 'bash') and SHELL.search(text):
            yield text, bool(match['mark'])


def split(text, cwd):
    """The words of each command, as a shell gives them."""
    script = ''.join(
        f'{name}() {{ printf "%s\\0" {name} "$@"; printf "\\0"; }}\n' for name in COMMANDS
    )
    script += ''.join(f'{name}() {{ echo FILE; }}\n' for name in ('cat', 'ls', 'sed')) + 'PATH=\n'
    text = OPTIONAL.sub('', text).replace('.venv/bin/', '')
    words = subprocess.run(
        ['/bin/bash', '-c', script + text], capture_output=True, text=True, cwd=cwd
    ).stdout
    return [call.split('\0') for call in words.split('\0\0') if call]


def commands():
    for path in DOCUMENTS:
        earlier = ''
        for text, marked in blocks(path):
            yield pytest.param(earlier, text, marked, id=f'{path.stem}-{text.split()[-1][-30:]}')
            earlier += '\n'.join(VARIABLES.findall(text)) + '\n'


def read_by(tool, words, monkeypatch):
    """What a tool's own parser makes of these words."""
    for name in ('parse_args', 'parse_intermixed_args'):
        monkeypatch.setattr(argparse.ArgumentParser, name, reader(name))
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    try:
        runpy.run_path(str(ROOT / tool), run_name='__main__')
    except Read as read:
        return read.args[0]
    except SystemExit:
        pass
    raise AssertionError(f'{tool} does not take {" ".join(words)}')


def reader(name):
    parse = getattr(argparse.ArgumentParser, name)

    def read(self, args=None, namespace=None):
        raise Read(parse(self, args, namespace))

    return read


def reader_has(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def check_tool(tool, words, monkeypatch):
    assert (ROOT / tool).is_file(), tool
    words = [FILL_IN.get(word, word) for word in words]
    args = read_by(tool, words, monkeypatch)
    configs = [getattr(args, 'config', None), *(getattr(args, 'configs', None) or ())]
    configs.append((getattr(args, 'model', None) or [None])[0])
    for config in filter(None, configs):
        if str(config).startswith('configs/'):  # else a reader's own
            read_config(config, getattr(args, 'cfg_options', None))


def check_make(words):
    text = (ROOT / 'Makefile').read_text()
    for word in words:
        known = rf'^{word.split("=")[0]} \?=' if '=' in word else rf'^{word}:'
        assert re.search(known, text, re.MULTILINE), f'make knows no {word}'


def check_pip(words):
    extras = (ROOT / 'setup.py').read_text()
    for group in re.findall(r'(?:^|\s)(?:\.|lsnet_mm)\[(.+?)\]', ' '.join(words)):
        for extra in group.split(','):
            assert f"'{extra}': " in extras, f'there is no extra {extra}'


def check(words, monkeypatch):
    """Whether it can be checked; raises where it is wrong."""
    name, *rest = words
    ours = [k for k, word in enumerate(rest) if re.fullmatch(r'tools/\w+\.py', word)]
    if re.fullmatch(r'tools/dist_(train|test)\.sh', rest[0] if rest else ''):
        script, *given = rest
        count = next(k for k, word in enumerate(given) if word.isdigit())
        tool = script.replace('dist_', '').replace('.sh', '.py')
        check_tool(tool, given[:count] + given[count + 1 :], monkeypatch)
    elif name in ('python', 'torchrun', 'srun') and ours:
        check_tool(rest[ours[0]], rest[ours[0] + 1 :], monkeypatch)
    elif name.startswith('lsnet-'):
        tool = {'lsnet-segment': 'tools/segment.py', 'lsnet-info': 'lsnet_info.py'}[name]
        check_tool(tool, rest, monkeypatch)
    elif name == 'make':
        check_make(rest)
    elif name == 'pip':
        check_pip(rest)
    elif name == 'python' and rest[0] == '-c':
        compile(rest[1], 'document', 'exec')
    elif name not in ('python', 'bash') or not (rest[0] == '-' or (ROOT / rest[0]).is_file()):
        return False
    return True


@pytest.mark.parametrize('earlier, text, marked', commands())
def test_commands_are_what_their_tools_take(earlier, text, marked, monkeypatch, tmp_path):
    for name in PLACES:
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for words in split(earlier + text, tmp_path):
        for word in words:
            if re.fullmatch(rf'({"|".join(PLACES)})/[\w./-]+', word):
                assert (ROOT / word).exists(), word
            elif path := re.fullmatch(r'(?:\S*=)?([\w./-]+\.(?:pth|nii\.gz))', word):
                reader_has(tmp_path / path[1])
        with monkeypatch.context() as patch:
            assert check(words, patch) or marked, f'{" ".join(words)}: needs a reason'


@pytest.mark.parametrize(
    'command',
    [
        'python tools/train.py CONFIG --no-such-option',
        'python tools/train.py configs/lsnet/nowhere.py',
        'python tools/train.py CONFIG --cfg-options localizer.backbone.depth=50',
        'python tools/nothing.py',
        'bash tools/dist_train.sh CONFIG 4 --no-such-option',
        'lsnet-segment STUDY -o OUT --no-such-option',
        "pip install '.[nothing]'",
        'make nothing',
        'docker build .',
    ],
)
def test_what_is_wrong_is_found(command, monkeypatch, tmp_path):
    [words] = split(command, tmp_path)
    try:
        taken = check(words, monkeypatch)
    except (AssertionError, FileNotFoundError, ValueError):
        taken = False
    assert not taken


def test_commands_are_found():
    assert any('--spine bottom' in text for text, _ in blocks(ROOT / 'docs' / 'inference.md'))
    assert sum(1 for _ in commands()) > 40
