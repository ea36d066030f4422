"""Files of the site from outside `docs/`, and expectation values such as <Z> in its text.

The files are the notebooks and the rows of results that pages link to.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {"benchmarks/results": "*.csv", "notebooks": "*.ipynb"}
FIRST = 100
"""Before the plug-in that turns notebooks into pages."""
BEFORE_HTML = 95
"""Above the priority of the pattern that takes <Z> for a tag."""


class InBrackets(InlineProcessor):
    """A word in angle brackets, which is text here and never a tag."""

    def handleMatch(  # type: ignore[override]  # noqa: N802
        self, match: re.Match[str], data: str
    ) -> tuple[str, int, int]:
        return match[0], match.start(), match.end()


class Expectations(Extension):
    """Keep <Z> and its like as they are written."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        md.inlinePatterns.register(InBrackets(r"<[A-Za-z]\w*>", md), "expectations", BEFORE_HTML)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let pages and docstrings keep their expectation values."""
    config.markdown_extensions.append(Expectations())  # type: ignore[arg-type]
    return config


@event_priority(FIRST)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files from outside at the same path below the site."""
    for folder, pattern in OUTSIDE.items():
        for path in sorted((ROOT / folder).glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File(place, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links that leave `docs/` to where the site has these files."""
    up = "../" * page.file.src_uri.count("/")
    for folder in OUTSIDE:
        markdown = markdown.replace(f"]({up}../{folder}/", f"]({up}{folder}/")
    return markdown
