"""Take the README's picture of the demo again: ``python -m tests.system.demo_picture``.

Two people chat on a server of their own, one at a desk and one on a phone at night; the
two pages are then laid side by side by the same browser.
"""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.support.browser import Tab, chromium, open_page
from tests.support.processes import ServerProcess

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"
DESK = {"width": 900, "height": 660}
PHONE = {"width": 348, "height": 640}
SCENE = {"width": 1280, "height": 760}

CONVERSATION = (
    ("Ada", "The tide comes in at six. Anyone for the pier?"),
    ("Grace", "Me. I will bring the lamp."),
    ("Ada", "My train goes through a tunnel any minute now."),
    ("Grace", "Then you will get every message when you are out again: once, and in order."),
    ("Ada", "Or I am told exactly what I missed. Fair."),
)

LAYOUT = """<!doctype html><style>
    body {{ margin: 0; height: 100vh; overflow: hidden; background: #cfdfdc; }}
    img {{ position: absolute; box-shadow: 0 2px 4px #16282d33, 0 24px 60px #16282d55; }}
    .desk {{ left: 48px; top: 44px; border-radius: 14px; }}
    .phone {{ right: 52px; bottom: 40px; border-radius: 30px; border: 8px solid #05090b; }}
</style><img class="desk" src="{desk}"><img class="phone" src="{phone}">"""


def take_picture(browser: Browser, port: int) -> bytes:
    """The PNG: the conversation held, and both pages in one scene."""
    desk = open_page(browser, viewport=DESK, color_scheme="light", locale="en-GB")
    phone = open_page(browser, viewport=PHONE, color_scheme="dark", locale="en-GB")
    tabs = {"Ada": Tab(desk, port, "Ada"), "Grace": Tab(phone, port, "Grace")}
    for name, text in CONVERSATION:
        tabs[name].say(text)
    for tab in tabs.values():
        tab.wait_for_message(CONVERSATION[-1][1])
    scene = open_page(browser, viewport=SCENE)
    scene.set_content(LAYOUT.format(desk=_as_address(desk), phone=_as_address(phone)))
    return scene.screenshot()


def _as_address(page: Page) -> str:
    """A picture of ``page`` as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(page.screenshot()).decode()}"


def main() -> None:
    with ServerProcess(command="demo", port=8080) as server, chromium() as browser:
        picture = take_picture(browser, server.port)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(picture)
    print(f"{PICTURE.name}: {len(picture) // 1024} KiB")


if __name__ == "__main__":
    main()
