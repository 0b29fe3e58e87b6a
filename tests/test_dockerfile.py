"""The Dockerfile is what the README says, and copies what is there and nothing else."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES = (ROOT / 'Dockerfile').read_text().splitlines()
SETUP = (ROOT / 'setup.py').read_text()


def arguments(instruction):
    """Of each line with such an instruction, what follows it."""
    return [line.split(' ', 1)[1] for line in LINES if line.startswith(f'{instruction} ')]


def test_its_commands_are_those_of_the_readme():
    code = [
        line[4:] for line in (ROOT / 'README.md').read_text().splitlines() if line[:4] == '    '
    ]
    commands = [command.split(' #')[0].strip() for command in code]
    told = [f'TORCH_INDEX={value}' for value in re.findall(r'TORCH_INDEX=(\S+)', '\n'.join(LINES))]
    run = [part.strip() for line in arguments('RUN') for part in line.split('&&')]
    assert len(run) >= 4 and told
    assert [command for command in (*told, *run) if command not in commands] == []
    assert not [line for line in LINES if line.endswith('\\')], 'read no further than this'


def test_it_copies_what_is_there_and_nothing_else():
    copied = [name for line in arguments('COPY') for name in line.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    rules = (ROOT / '.dockerignore').read_text().split('\n')
    rules = [rule for rule in rules if rule and rule[0] != '#']
    assert rules[0] == '*' and {rule[1:] for rule in rules if rule[0] == '!'} == set(copied)
    shipped = re.search(r'SHIPPED = \((.+)\)', SETUP)[1]
    assert set(re.findall(r"'([^']+)'", shipped)) <= set(copied)
    for files in re.findall(r'-c (\S+)', ' '.join(LINES)):
        assert files.split('/')[0] in copied and (ROOT / files).is_file()


def test_it_runs_our_command_as_nobody():
    [entry] = map(json.loads, arguments('ENTRYPOINT'))
    assert len(entry) == 1 and f"'{entry[0]} = " in SETUP
    [user] = arguments('USER')
    assert not user.startswith(('root', '0'))
    assert LINES.index(f'USER {user}') > max(k for k, line in enumerate(LINES) if line[:3] == 'RUN')
    extras = re.search(r"'\.\[(.+)\]'", ' '.join(arguments('RUN')))[1].split(',')
    assert [extra for extra in extras if f"'{extra}': " not in SETUP] == []
