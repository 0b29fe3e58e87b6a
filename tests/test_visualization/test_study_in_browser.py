"""The page of a study in a real browser: what the reader does changes what is seen."""

import base64
import time

import cv2
import numpy as np
import pytest
from pages import assert_alone, open_page, phantom_study

from lsnet_mm.visualization import study_page

SPACING = (1.0, 2.0, 2.5)  # 48 rows and 64 columns of pixels twice as wide as high
COUNT = 12


class Page:
    """The page in short words."""

    def __init__(self, browser):
        from selenium.webdriver import ActionChains

        self.browser = browser
        self.hands = ActionChains(browser, duration=50)

    def find(self, name):
        return self.browser.find_element('id', name)

    def number(self):
        """The slice that the page names, once its picture is there."""
        text = self.find('number').text
        number, last = map(int, text.split(' / '))
        assert last == COUNT - 1
        wait_for(lambda: self.find('view').get_attribute('data-slice') == str(number))
        return number

    def pixels(self):
        """(height, width, 3) of the canvas, BGR."""
        url = self.browser.execute_script("return document.getElementById('view').toDataURL()")
        png = np.frombuffer(base64.b64decode(url.partition(',')[2]), np.uint8)
        return cv2.imdecode(png, cv2.IMREAD_COLOR)

    def drag(self, value, slider):
        """Set a slider as a reader's hand would."""
        self.browser.execute_script(
            'arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event("input"))',
            self.find(slider),
            value,
        )


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'the page did not come to what was waited for'
        time.sleep(0.02)


@pytest.fixture(scope='module')
def study():
    return phantom_study((64, 48, COUNT))


@pytest.fixture
def page(browser, study, tmp_path):
    volume, mask, boxes, heat = study
    html = study_page(volume, mask, boxes, SPACING, heat, title='<i>phantom</i>')
    open_page(browser, tmp_path / 'study.html', html)
    page = Page(browser)
    assert page.number() == mask.sum((1, 2)).argmax()
    yield page
    assert_alone(browser, html)


def test_what_stands_on_the_page(page, study):
    ml = study[1].sum() * np.prod(SPACING) / 1000
    assert page.browser.title == page.find('title').text == '<i>phantom</i>'
    assert page.find('volumes').text.split() == ['pancreas', f'{ml:.1f}', 'ml']
    height, width = page.pixels().shape[:2]
    assert width / height == pytest.approx(64 * 2 / 48, rel=0.01)


def test_wheel_keys_and_slider_scroll(page):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    start, seen = page.number(), [page.pixels()]

    def moved_to(number):
        assert page.number() == number
        seen.append(page.pixels())
        assert (seen[-1] != seen[-2]).any()

    view = ScrollOrigin.from_element(page.find('view'))
    page.hands.scroll_from_origin(view, 0, 100).perform()
    assert page.number() > start
    seen.append(page.pixels())
    assert (seen[1] != seen[0]).any()
    page.drag(start, 'slice')
    moved_to(start)
    assert (seen[-1] == seen[0]).all()

    page.hands.send_keys(Keys.ARROW_UP).perform()
    moved_to(start + 1)
    page.hands.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT).perform()
    moved_to(start - 1)
    page.hands.send_keys(Keys.PAGE_UP).perform()
    moved_to(COUNT - 1)
    page.find('slice').send_keys(Keys.HOME)
    moved_to(0)
    page.find('slice').send_keys(Keys.ARROW_RIGHT)
    moved_to(1)


@pytest.mark.parametrize('kind', ['mouse', 'touch'])
def test_a_drag_across_the_picture_scrolls(page, kind):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    start = page.number()
    finger = ActionChains(page.browser, duration=50, devices=[PointerInput(kind, kind)])
    finger.w3c_actions.pointer_action.move_to(page.find('view')).pointer_down()
    finger.w3c_actions.pointer_action.move_by(-page.find('view').size['width'] // 3, 0).pointer_up()
    finger.perform()
    assert page.number() == max(start - COUNT // 3, 0)


def test_a_click_on_the_plot_jumps(page):
    plot = page.find('plot')
    # Bars lie between margins of 56 and 12 pixels; the offset counts from the middle.
    bar = (plot.size['width'] - 68) / COUNT
    for k in (2, 9):
        offset = 56 + (k + 0.5) * bar - plot.size['width'] / 2
        page.hands.move_to_element_with_offset(plot, round(offset), 20).click().perform()
        assert page.number() == k
        assert page.find('slice').get_attribute('value') == str(k)
        assert f'in slice {k}' in plot.text


def test_heatmap_boxes_and_outline_come_and_go(page):
    for name in ('heatmap', 'boxes', 'outline'):
        before = page.pixels()
        page.find(name).click()
        changed = page.pixels()
        assert (changed != before).any(), name
        page.find(name).click()
        assert (page.pixels() == before).all(), name


def test_the_fill_lies_on_the_mask(page, study):
    mask = study[1][page.number()] > 0
    for name in ('outline', 'boxes'):
        page.find(name).click()
    page.drag(0, 'opacity')
    assert np.ptp(page.pixels().astype(int), axis=2).max() == 0, 'a grey picture without marks'
    page.drag(100, 'opacity')
    height, width = page.pixels().shape[:2]
    y = ((np.arange(48) + 0.5) * height / 48).astype(int)
    x = ((np.arange(64) + 0.5) * width / 64).astype(int)
    orange = (page.pixels()[y][:, x] == (0x0C, 0x59, 0xE8)).all(-1)
    assert (orange == mask).all()


def test_a_window_of_another_size_is_filled_again(page):
    size = page.browser.get_window_size()
    page.browser.set_window_size(500, 800)
    view = page.find('view')
    wait_for(lambda: abs(page.pixels().shape[1] - view.size['width']) <= 1)
    assert page.pixels().any()
    page.browser.set_window_size(size['width'], size['height'])


def test_nothing_can_be_loaded(browser, study, tmp_path):
    volume, mask, boxes, _ = study
    open_page(browser, tmp_path / 'study.html', study_page(volume, mask, boxes, SPACING))
    script = "fetch('http://127.0.0.1:9').then(arguments[0], () => arguments[0]('refused'))"
    assert browser.execute_async_script(script) == 'refused'
    assert any('Content Security Policy' in line['message'] for line in browser.get_log('browser'))
