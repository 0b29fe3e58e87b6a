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
        wait_for(lambda: self.find('axial').get_attribute('data-slice') == str(number))
        return number

    def pixels(self, plane='axial'):
        """(height, width, 3) of the canvas, BGR."""
        script = 'return document.getElementById(arguments[0]).toDataURL()'
        url = self.browser.execute_script(script, plane)
        png = np.frombuffer(base64.b64decode(url.partition(',')[2]), np.uint8)
        return cv2.imdecode(png, cv2.IMREAD_COLOR)

    def turn_off(self, *names):
        for name in names:
            if self.find(name).is_selected():
                self.find(name).click()

    def wait_until_whole(self):
        body = self.browser.find_element('tag name', 'body')
        wait_for(lambda: body.get_attribute('data-loaded'))

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
    assert page.find('volumes').text.split() == ['Volume', 'pancreas', f'{ml:.1f}', 'ml']
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

    view = ScrollOrigin.from_element(page.find('axial'))
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
    left = -page.find('axial').size['width'] // 3
    finger.w3c_actions.pointer_action.move_to(page.find('axial')).pointer_down()
    finger.w3c_actions.pointer_action.move_by(left, 0).pointer_up()
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
    for name in ('heatmap', 'boxes', 'outline', 'cross'):
        before = page.pixels()
        page.find(name).click()
        changed = page.pixels()
        assert (changed != before).any(), name
        page.find(name).click()
        assert (page.pixels() == before).all(), name


def test_the_fill_lies_on_the_mask(page, study):
    mask = study[1][page.number()] > 0
    page.turn_off('outline', 'boxes', 'cross')
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
    view = page.find('axial')
    wait_for(lambda: abs(page.pixels().shape[1] - view.size['width']) <= 1)
    assert page.pixels().any()
    page.browser.set_window_size(size['width'], size['height'])


@pytest.fixture(scope='module')
def blocks():
    """HU that are constant in blocks of 8x8 pixels and 4 slices, (3, 6, 8) of them."""
    levels = [-1000, -700, -110, -40, 0, 45, 80, 130, 230, 400, 900, 1400]
    return np.random.default_rng(0).choice(levels, (3, 6, 8)).astype(np.int16)


@pytest.fixture
def chessboard(browser, blocks, tmp_path):
    """The page of these blocks, without marks; its planes meet in block 1, 2, 3."""
    volume = np.kron(blocks, np.ones((4, 8, 8), np.int16))
    mask, boxes = np.zeros(volume.shape, np.uint8), [np.zeros((0, 4))] * len(volume)
    html = study_page(volume, mask, boxes, SPACING, window=(-100, 240))
    open_page(browser, tmp_path / 'study.html', html)
    page = Page(browser)
    page.turn_off('cross')
    page.wait_until_whole()
    yield page
    assert_alone(browser, html)


def assert_shown(page, plane, values, window=(-100, 240), zoom=1, centre=(0.5, 0.5), slack=1.5):
    """Middles of blocks are as numpy windows their HU, where the zoom puts them.

    ``window`` is lowest and highest HU, ``centre`` what is seen in the middle as a share of the
    plane, across and down, ``slack`` shades that may differ beside the packing of HU.
    """
    pixels = page.pixels(plane)
    assert np.ptp(pixels.astype(int), axis=2).max() == 0
    low, high = window
    seen = 0
    for place in np.ndindex(values.shape):
        share = [(k + 0.5) / n for k, n in zip(place, values.shape, strict=True)]
        share = [0.5 + (s - c) * zoom for s, c in zip(share, centre[::-1], strict=True)]
        if not all(0.02 < s < 0.98 for s in share):
            continue
        row, column = (int(s * n) for s, n in zip(share, pixels.shape[:2], strict=True))
        hu = float(values[place])
        step = 20 if hu < -160 else 2.3 if hu < 240 else 36  # of the curve
        expected = np.clip((hu - low) / (high - low), 0, 1) * 255
        off = abs(pixels[row, column, 0] - expected)
        assert off <= slack + step * 255 / (high - low), (place, hu)
        seen += 1
    return seen


PRESETS = {
    'Soft tissue': (40, 400),
    'Pancreas': (50, 250),
    'Liver': (90, 150),
    'Lung': (-600, 1500),
    'Bone': (400, 1800),
}


def test_windows_by_their_names_and_by_numbers(chessboard, blocks):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

    page = chessboard
    assert assert_shown(page, 'axial', blocks[1]) == 48
    select = Select(page.find('window'))
    names = [option.text.rpartition(' (')[0] for option in select.options[:-1]]
    assert names == ['As the net saw it', *PRESETS]
    for k, (level, width) in enumerate(PRESETS.values(), start=1):
        page.find('window').send_keys(Keys.ARROW_DOWN)
        assert select.options.index(select.first_selected_option) == k
        assert page.find('level').get_property('valueAsNumber') == level
        for plane, values in (('axial', blocks[1]), ('coronal', blocks[:, 2])):
            assert_shown(page, plane, values, (level - width / 2, level + width / 2))
    for name, number in (('level', '40'), ('width', '90')):
        page.find(name).send_keys(Keys.CONTROL, 'a')
        page.find(name).send_keys(number)
    assert select.first_selected_option.text == 'Other'
    assert_shown(page, 'axial', blocks[1], (-5, 85))
    page.find('width').send_keys(Keys.CONTROL, 'a', Keys.NULL, Keys.BACKSPACE)
    page.find('axial').send_keys(Keys.ARROW_UP)
    page.number()
    assert_shown(page, 'axial', blocks[1], (-5, 85))  # nothing is no width


@pytest.mark.parametrize('plane', ['axial', 'coronal'])
def test_the_right_button_drags_the_window(chessboard, blocks, plane):
    from selenium.webdriver.common.actions.mouse_button import MouseButton

    page = chessboard
    number, values = page.number(), blocks[1] if plane == 'axial' else blocks[:, 2]
    pointer = page.hands.w3c_actions.pointer_action
    pointer.move_to(page.find(plane)).pointer_down(MouseButton.RIGHT)
    pointer.move_by(60, -30).pointer_up(MouseButton.RIGHT)
    page.hands.perform()
    level, width = (page.find(n).get_property('valueAsNumber') for n in ('level', 'width'))
    assert (level, width) == (70 - 30, 340 + 2 * 60)
    assert_shown(page, plane, values, (level - width / 2, level + width / 2))
    assert page.number() == number
    page.find('reset').click()
    assert_shown(page, plane, values)


def test_three_planes_meet_where_the_reader_clicks(chessboard, blocks):
    """The head at the top; across, the patient's left is right, and the back."""
    page = chessboard
    assert assert_shown(page, 'coronal', blocks[:, 2]) == 24
    assert assert_shown(page, 'sagittal', blocks[:, :, 3]) == 18
    for plane, (height, width) in {'coronal': (30, 128), 'sagittal': (30, 48)}.items():
        rows, columns = page.pixels(plane).shape[:2]
        assert columns / rows == pytest.approx(width / height, rel=0.03)  # mm
    axial = page.find('axial')
    right, down = axial.size['width'] * (6.5 / 8 - 0.5), axial.size['height'] * (0.5 / 6 - 0.5)
    page.hands.move_to_element_with_offset(axial, round(right), round(down)).click().perform()
    assert_shown(page, 'coronal', blocks[:, 0])
    assert_shown(page, 'sagittal', blocks[:, :, 6])
    coronal = page.find('coronal')
    right, down = coronal.size['width'] * (1.5 / 8 - 0.5), coronal.size['height'] * (2.5 / 3 - 0.5)
    page.hands.move_to_element_with_offset(coronal, round(right), round(down)).click().perform()
    assert 8 <= page.number() < 12
    assert_shown(page, 'axial', blocks[2])
    assert_shown(page, 'sagittal', blocks[:, :, 1])


def test_keys_scroll_the_plane_that_has_the_focus(chessboard, blocks):
    from selenium.webdriver.common.keys import Keys

    page = chessboard
    for plane, axis, size in (('axial', 0, 12), ('coronal', 1, 48), ('sagittal', 2, 64)):
        view, shape = page.find(plane), blocks.shape[axis]

        def shown_at(k, plane=plane, axis=axis, size=size, shape=shape, view=view):
            wait_for(lambda: view.get_attribute('aria-valuenow') == str(k), 5)
            page.number()
            assert_shown(page, plane, blocks.take(k * shape // size, axis))

        view.send_keys(Keys.HOME)
        shown_at(0)
        view.send_keys(Keys.PAGE_UP)
        shown_at(10)
        view.send_keys(Keys.ARROW_LEFT)
        shown_at(9)
        view.send_keys(Keys.END)
        shown_at(size - 1)
        view.send_keys(Keys.ARROW_UP)
        shown_at(size - 1)
        script = 'return getComputedStyle(document.activeElement).outlineStyle'
        assert page.browser.switch_to.active_element == view
        assert page.browser.execute_script(script) == 'solid'


def test_all_is_reached_by_tab(page):
    from selenium.webdriver.common.keys import Keys

    reached = []
    for _ in range(17):
        page.hands.send_keys(Keys.TAB).perform()
        reached.append(page.browser.switch_to.active_element.get_attribute('id'))
    expected = 'axial slice window level width in out reset opacity outline boxes heatmap cross'
    expected = [*expected.split(), '', 'coronal', 'sagittal']  # the one without a name: help
    assert reached[: len(expected)] == expected


def test_zoom_and_moving_by_keys_and_buttons(chessboard, blocks):
    from selenium.webdriver.common.keys import Keys

    page = chessboard
    page.find('axial').send_keys('+++')
    zoom = 1.25**3
    assert page.find('zoom').text == f'{100 * zoom:.0f} %'
    planes = {'axial': blocks[1], 'coronal': blocks[:, 2], 'sagittal': blocks[:, :, 3]}
    for plane, values in planes.items():
        assert assert_shown(page, plane, values, zoom=zoom) >= 2
    page.find('axial').send_keys(Keys.SHIFT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    page.find('axial').send_keys(Keys.NULL)
    step = 0.1 / zoom
    assert_shown(page, 'axial', blocks[1], zoom=zoom, centre=(0.5 + step, 0.5 + step))
    assert_shown(page, 'coronal', blocks[:, 2], zoom=zoom, centre=(0.5 + step, 0.5))
    assert_shown(page, 'sagittal', blocks[:, :, 3], zoom=zoom, centre=(0.5 + step, 0.5))
    page.find('in').click()
    assert page.find('zoom').text == f'{100 * 1.25**4:.0f} %'
    page.find('out').click()
    page.find('axial').send_keys('-')
    assert page.find('zoom').text == f'{100 * 1.25**2:.0f} %'
    page.find('axial').send_keys('0')
    assert page.find('zoom').text == '100 %'
    assert assert_shown(page, 'axial', blocks[1]) == 48


def test_a_drag_moves_what_is_zoomed_and_no_further_than_its_rim(chessboard, blocks):
    page = chessboard
    number, axial = page.number(), page.find('axial')
    axial.send_keys('++++')
    zoom, move = 1.25**4, (-50, 20)
    pointer = page.hands.w3c_actions.pointer_action
    pointer.move_to(axial).pointer_down().move_by(*move).pointer_up()
    page.hands.perform()
    centre = [
        0.5 - pixels / axial.size[side] / zoom
        for pixels, side in zip(move, ('width', 'height'), strict=True)
    ]
    assert_shown(page, 'axial', blocks[1], zoom=zoom, centre=centre)
    for _ in range(9):
        pointer.move_to(axial).pointer_down().move_by(-100, -100).pointer_up()
    page.hands.perform()
    end = 1 - 0.5 / zoom
    assert_shown(page, 'axial', blocks[1], zoom=zoom, centre=(end, end))
    assert page.number() == number


def test_control_and_wheel_zoom_where_the_pointer_is(chessboard, blocks):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    from selenium.webdriver.common.keys import Keys

    page = chessboard
    number, axial = page.number(), page.find('axial')
    right, down = round(axial.size['width'] * 0.3), round(axial.size['height'] * 0.2)
    origin = ScrollOrigin.from_element(axial, right, down)
    for turns in (1, 2, 3):
        page.hands.key_down(Keys.CONTROL).scroll_from_origin(origin, 0, -100)
        page.hands.key_up(Keys.CONTROL).perform()
        zoom = np.exp(turns * 100 / 400)
        wait_for(lambda zoom=zoom: page.find('zoom').text == f'{100 * zoom:.0f} %', 5)
    # What lies under the pointer stays there.
    centre = [
        0.5 + pixels / axial.size[side] * (1 - 1 / zoom)
        for pixels, side in ((right, 'width'), (down, 'height'))
    ]
    assert_shown(page, 'axial', blocks[1], zoom=zoom, centre=centre)
    assert page.number() == number


def test_masks_lie_in_all_planes(page, study):
    _, mask, _, _ = study
    page.wait_until_whole()
    page.turn_off('outline', 'boxes', 'cross')
    page.drag(100, 'opacity')
    k = page.number()
    y, x = (int(n.mean()) for n in np.nonzero(mask[k]))
    for plane, part in {'coronal': mask[:, y], 'sagittal': mask[:, :, x]}.items():
        pixels = page.pixels(plane)
        rows, columns = (
            ((np.arange(n) + 0.5) * size / n).astype(int)
            for n, size in zip(part.shape, pixels.shape[:2], strict=True)
        )
        orange = (pixels[rows][:, columns] == (0x0C, 0x59, 0xE8)).all(-1)
        assert part.any() and (orange == (part > 0)).all(), plane


def test_slices_that_stand_for_more_are_higher(browser, tmp_path):
    """In the other planes: 10 mm for the middle slice of three, 2 mm for each of the others."""
    volume = np.full((3, 8, 8), 1, np.int16) * np.array([0, 100, 200], np.int16)[:, None, None]
    about = dict(spacing=(1, 1, 5), thickness=np.array([2.0, 10, 2]), window=(-100, 240))
    mask, boxes = np.zeros(volume.shape, np.uint8), [np.zeros((0, 4))] * 3
    html = study_page(volume, mask, boxes, **about)
    open_page(browser, tmp_path / 'study.html', html)
    page = Page(browser)
    page.turn_off('cross')
    page.wait_until_whole()
    values = np.repeat(volume[:, 4], [1, 5, 1], axis=0)  # in steps of 2 mm
    assert assert_shown(page, 'coronal', values, slack=10) == 7 * 8  # lines run into each other
    assert_alone(browser, html)


def test_one_slice_has_no_other_planes(browser, tmp_path):
    hu, mask = np.zeros((1, 16, 16), np.int16), np.ones((1, 16, 16), np.uint8)
    html = study_page(hu, mask, [np.zeros((0, 4))], SPACING)
    open_page(browser, tmp_path / 'study.html', html)
    page = Page(browser)
    page.wait_until_whole()
    shown = [page.find(plane).is_displayed() for plane in ('axial', 'coronal', 'sagittal')]
    assert shown == [True, False, False] and page.pixels().any()
    assert_alone(browser, html)


ABOUT = dict(
    model='net',
    version='1.2',
    cautions=['Trained on <b>phantoms</b>.', 'Slices are thin.'],
    confidence=dict(flagged=True, reasons=['Two parts.'], calibration='Of ten, four are bad.'),
    notes=['has no orientation'],
)


def open_about(browser, study, path, **changes):
    volume, mask, boxes, heat = study
    html = study_page(volume, mask, boxes, SPACING, heat, about=ABOUT | changes)
    open_page(browser, path, html)
    return Page(browser)


def test_what_is_to_be_doubted_stands_at_the_top(browser, study, tmp_path):
    page = open_about(browser, study, tmp_path / 'study.html')
    assert page.find('model').text == 'net, lsnet_mm 1.2'
    text = page.find('summary').text
    for said in (*ABOUT['cautions'], 'Two parts.', 'Of ten, four are bad.', 'Flagged'):
        assert said in text
    assert 'The scan has no orientation' in text
    calm = dict(flagged=False, reasons=[], calibration='Of ten, one is bad.')
    page = open_about(browser, study, tmp_path / 'calm.html', confidence=calm, cautions=[])
    text = page.find('summary').text
    assert 'Not flagged' in text and 'Of ten, one is bad.' in text and 'Caution' not in text
    assert 'see the caution' not in text
    page = open_about(browser, study, tmp_path / 'odd.html', confidence=calm)
    assert 'Not flagged, but see the caution' in page.find('summary').text
    page = open_about(browser, study, tmp_path / 'none.html', confidence=None)
    assert 'lagged' not in page.find('summary').text


@pytest.fixture(params=['light', 'dark'])
def emulate(browser, request):
    """Set the width of the screen; the scheme is the parameter."""
    media = {'features': [{'name': 'prefers-color-scheme', 'value': request.param}]}
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)

    def narrow(width):
        size = dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)

    yield narrow
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


@pytest.mark.parametrize('width', [1400, 390])
def test_the_notice_stays_in_sight_and_nothing_is_cut_off(browser, study, tmp_path, emulate, width):
    emulate(width)
    page = open_about(browser, study, tmp_path / 'study.html')
    for bottom in (False, True):
        if bottom:
            browser.execute_script('scrollTo(0, document.body.scrollHeight)')
        assert page.find('notice').text == 'Not a medical device'
        script = """const box = arguments[0].getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return top === arguments[0] && box.top >= 0 && box.right <= innerWidth"""
        assert browser.execute_script(script, page.find('notice'))
    root = 'document.documentElement'
    assert browser.execute_script(f'return {root}.scrollWidth <= {root}.clientWidth')


@pytest.mark.parametrize('width', [1400, 390])
def test_axe_finds_nothing(browser, study, tmp_path, emulate, width):
    axe = pytest.importorskip('axe_core_python.base', reason='axe-core-python is not installed')
    emulate(width)
    page = open_about(browser, study, tmp_path / 'study.html')
    page.wait_until_whole()
    browser.execute_script(axe.AXE_SCRIPT)
    found = browser.execute_async_script('axe.run().then(arguments[0])')
    assert [(one['impact'], one['id']) for one in found['violations']] == []
    assert len(found['passes']) > 20


def test_without_javascript_a_sentence(browser, study, tmp_path):
    path = tmp_path / 'study.html'
    browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': True})
    try:
        open_about(browser, study, path)
        body = browser.find_element('tag name', 'body').text
    finally:
        browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': False})
    assert 'needs JavaScript' in body and 'Not a medical device' in body and 'Window' not in body


def test_nothing_can_be_loaded(browser, study, tmp_path):
    volume, mask, boxes, _ = study
    open_page(browser, tmp_path / 'study.html', study_page(volume, mask, boxes, SPACING))
    script = "fetch('http://127.0.0.1:9').then(arguments[0], () => arguments[0]('refused'))"
    assert browser.execute_async_script(script) == 'refused'
    assert any('Content Security Policy' in line['message'] for line in browser.get_log('browser'))
