"""What the tests of HTML pages share: a browser, a study and runs to show in it."""

import json
import re
import shutil

import numpy as np
import pytest

from lsnet_mm.evaluation import aggregate, box_scores
from lsnet_mm.evaluation.results import write_curve, write_result, write_slices
from lsnet_mm.experiments.phantom import make_case
from lsnet_mm.utils.files import encode_png, write_atomic

FLAGS = (
    'headless',
    'no-sandbox',  # which root cannot have
    'disable-gpu',
    'disable-quic',
    'no-first-run',
    'disable-background-networking',
    'disable-component-update',
    'disable-sync',
    'window-size=1200,900',
)


def start_browser(profile):
    """A headless Chromium with an empty profile; the test skips where there is none."""
    selenium = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    from selenium.webdriver.chrome.service import Service

    # Both by their paths, or selenium would look for them on the network.
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    driver = shutil.which('chromedriver')
    if not chromium or not driver:
        pytest.skip('no chromium with chromedriver; Debian: apt-get install chromium-driver')
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f'user-data-dir={profile}'):
        options.add_argument(f'--{flag}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    return selenium.Chrome(options=options, service=Service(driver))


def open_page(browser, path, page):
    """Write a page to a file and open it."""
    path.write_bytes(page)
    browser.get_log('browser')
    browser.get(path.as_uri())


def assert_alone(browser, page):
    """The page loaded nothing but what is in it, may load nothing else, and met no error."""
    assert b"default-src 'none'; img-src data:;" in page
    assert b'://' not in page
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert not [name for name in browser.execute_script(script) if not name.startswith('data:')]
    assert browser.get_log('browser') == []


def page_data(page):
    """What a page's script reads."""
    return json.loads(re.search(rb'application/json">(.*?)</script>', page, re.S).group(1))


def phantom_study(shape=(64, 48, 12)):
    """A phantom as ``study_page`` takes it: HU, mask, boxes, and heatmaps."""
    volume, label, _ = make_case(0, 0, shape)
    volume = volume.transpose(2, 1, 0)
    mask = np.ascontiguousarray(label.transpose(2, 1, 0))
    boxes = []
    for part in mask:
        y, x = np.nonzero(part)
        box = [[x.min(), y.min(), x.max() + 1, y.max() + 1]] if x.size else []
        boxes.append(np.array(box, float).reshape(-1, 4))
    return volume, mask, boxes, mask[:, ::4, ::4].astype(np.float32)


def write_run(folder, config='lsnet', tp=(80, 50, 0), gflops=None, **data):
    """A run folder of three cases with one slice each, found to so many of 100 pixels."""
    rows = [
        dict(case=f'case{i}', slice=i, area=100, tp=n, fp=10, fn=100 - n, box_iou=0.5, n_boxes=1)
        for i, n in enumerate(tp)
    ]
    write_slices(folder, rows)
    result = {
        'config': config,
        'seed': 0,
        'data': {'name': 'phantom', 'split': 'test', 'fold': None, **data},
        'metrics': {**aggregate(rows), **box_scores(rows)},
        'params': 1_500_000,
        'gflops': gflops,
        'train': {'minutes': 3.0},
    }
    write_result(folder, result)
    losses = [{'epoch': 1, 'loss': 0.9}, {'epoch': 2, 'loss': 0.4}]
    write_curve(folder, {'train': losses, 'val': [{'step': 2, 'slice_fg/dsc': 40.0}]})
    write_atomic(folder / 'panel.png', encode_png(np.full((20, 40, 3), 128, np.uint8)))
    return folder
