"""One browser for all pages."""

import pytest
from pages import start_browser


@pytest.fixture(scope='package')
def browser(tmp_path_factory):
    browser = start_browser(tmp_path_factory.mktemp('profile'))
    yield browser
    browser.quit()
