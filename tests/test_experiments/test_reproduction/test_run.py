"""What is left to do, and what is refused: each bad state has its own sentence."""

import pytest
from fake_runs import put_checkpoint, put_result

from lsnet_mm.experiments.reproduction import TABLES, Run, find_system, plan, remaining
from lsnet_mm.experiments.reproduction.run import HASH_FILE

SMALL = TABLES['small']
RUN = Run(find_system('unet_small_slices'), 'slices')
GAP = Run(find_system('lsnet_small_unet_slices'), 'slices', train_split=True)
ROUNDS = Run(find_system('lsnet_small_unet_slices_rounds'), 'slices')


def configs(runs):
    return [run.system.name for run in runs]


def test_a_row_of_two_tables_is_one_run():
    runs = plan(list(SMALL.values()), [0], [None], data='slices')
    assert len(set(configs(runs))) == len(runs)
    assert {run.system for run in runs} == {r.system for t in SMALL.values() for r in t.rows}
    split = {run.system.name for run in runs if run.train_split}
    assert split == {row.system.name for row in SMALL[4].rows}


def test_seed_after_seed_and_fold_after_fold():
    runs = plan([SMALL[3]], [0, 1], [0, 1], data='pancreas_ct')
    assert [run.name for run in runs[::2]] == [
        'fold0_seed0',
        'fold1_seed0',
        'fold0_seed1',
        'fold1_seed1',
    ]


def test_rows_bring_the_one_whose_weights_they_test():
    runs = plan([SMALL[1]], [0], [None], [ROUNDS.system.name], data='slices')
    assert configs(runs) == ['lsnet_small_unet_slices', ROUNDS.system.name]
    assert runs[1].source == runs[0]


@pytest.mark.parametrize(
    'run, steps', [(RUN, ['train', 'test']), (GAP, ['train', 'test', 'train_split'])]
)
def test_missing(here, run, steps):
    assert remaining(run) == steps


def test_a_start_that_crashed_before_the_first_checkpoint_is_made_again(here):
    RUN.work_dir.mkdir(parents=True)
    (RUN.work_dir / HASH_FILE).write_text('of another config: there is nothing to lose')
    assert remaining(RUN) == ['train', 'test']


def test_unfinished(here):
    put_checkpoint(RUN, 3)
    message = (
        r'slices/unet_small_slices/seed0 stopped after 3 of 32 epochs. Continue it with --resume'
    )
    with pytest.raises(ValueError, match=message):
        remaining(RUN)
    assert remaining(RUN, resume=True) == ['train', 'test']


def test_a_crash_between_training_and_test_needs_no_resume(here):
    put_checkpoint(RUN, 32)
    assert remaining(RUN) == ['test']


def test_done(here):
    put_result(RUN)
    assert remaining(RUN) == []


def test_the_test_on_training_slices_is_made_up_for(here):
    put_result(GAP)
    with pytest.raises(
        ValueError, match='is there, but .* holds no finished training for the test'
    ):
        remaining(GAP)
    put_checkpoint(GAP, 32)
    assert remaining(GAP) == ['train_split']
    put_result(GAP, test='train_split')
    assert remaining(GAP) == []


def test_weights_of_another_row(here):
    with pytest.raises(ValueError, match='_small_unet_slices/seed0 holds no finished training'):
        remaining(ROUNDS)
    put_checkpoint(ROUNDS.source, 32)
    assert remaining(ROUNDS) == ['test']


def test_a_result_of_another_config(here):
    file = put_result(RUN, config_sha256='0123456789')
    with pytest.raises(ValueError, match=r'result.json is of another config \(01234567, now it is'):
        remaining(RUN)
    assert '0123456789' in file.read_text()


def test_a_training_of_another_config(here):
    put_checkpoint(RUN, 32, '0123456789')
    with pytest.raises(ValueError, match=r'seed0 was started with another config \(01234567, now'):
        remaining(RUN, resume=True)


def test_no_result_file(here):
    put_result(RUN).write_text('{}')
    with pytest.raises(ValueError, match='result.json is no result file. Move .* away'):
        remaining(RUN)


def test_a_training_of_the_plain_tool_is_taken_over(here):
    put_checkpoint(RUN, 32)
    (RUN.work_dir / HASH_FILE).unlink()
    with pytest.raises(ValueError, match='another config .unknown'):
        remaining(RUN)
    RUN.compose().dump(RUN.work_dir / 'unet_small_slices.py')
    assert remaining(RUN) == ['test']


def test_a_config_that_does_not_exist(here):
    with pytest.raises(FileNotFoundError, match='there is no config nowhere.py'):
        remaining(Run(find_system('nowhere'), 'slices'))
