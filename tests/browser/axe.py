"""axe-core on a page: what a person with a screen reader or low sight would stumble over."""

from playwright.sync_api import Page

from webui.viewer.build import HERE

AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
RUN = "async () => (await axe.run()).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' | ')}`)"


def violations(page: Page) -> list[str]:
    """One line for each rule that the page breaks, with the elements that break it."""
    page.evaluate(AXE.read_text())
    return [str(line) for line in page.evaluate(RUN)]
