"""What a page owes everyone, checked in the browser as it is rendered: WCAG 2.2, level AA, by hand.

Each check returns what it found wrong; nothing found is an empty list.
"""

from __future__ import annotations

from playwright.sync_api import Page

LEAST_CONTRAST = 4.5
"""Success criterion 1.4.3, for text of ordinary size."""

SMALLEST_TARGET_PX = 24
"""Success criterion 2.5.8: what a finger can hit."""

CONTRASTS = """() => {
    const parse = (colour) => {
        const parts = (colour.match(/[\\d.]+/g) ?? []).map(Number);
        return colour.startsWith("color(srgb") ? parts.map((part) => part * 255) : parts;
    };
    const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let it = element; it !== null; it = it.parentElement) {
            const colour = parse(getComputedStyle(it).backgroundColor);
            if (colour.length === 3) return colour;
        }
        return [255, 255, 255];
    };
    const hasText = (element) =>
        [...element.childNodes].some((it) => it.nodeType === Node.TEXT_NODE && it.data.trim());
    return [...document.body.querySelectorAll("*")]
        .filter((it) => hasText(it) && it.checkVisibility() && !it.closest(".unseen, noscript"))
        .map((it) => {
            const [a, b] = [parse(getComputedStyle(it).color), behind(it)].map(luminance);
            const [light, dark] = [Math.max(a, b), Math.min(a, b)];
            return [it.outerHTML.slice(0, 80), (light + 0.05) / (dark + 0.05)];
        });
}"""

UNNAMED = """() => [...document.querySelectorAll(
        "button, input, textarea, a, aside, section, [role]"
    )]
    .filter((it) => it.checkVisibility())
    .filter((it) => !(it.ariaLabel || it.labels?.length || it.textContent.trim()))
    .map((it) => it.outerHTML.slice(0, 80))"""

SMALL_TARGETS = """(least) => [...document.querySelectorAll("button, input, textarea")]
    .filter((it) => it.checkVisibility())
    .map((it) => [it.textContent, it.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)"""


def faint_texts(page: Page) -> list[tuple[str, float]]:
    """Visible texts with too little contrast, and how much they have."""
    return [(text, ratio) for text, ratio in page.evaluate(CONTRASTS) if ratio < LEAST_CONTRAST]


def controls_without_a_name(page: Page) -> list[str]:
    """Visible controls and regions a screen reader could not name."""
    return list(page.evaluate(UNNAMED))


def controls_too_small(page: Page) -> list[object]:
    """Visible controls that are hard to hit."""
    return list(page.evaluate(SMALL_TARGETS, SMALLEST_TARGET_PX))
