"""Files of the site from outside `docs/`: the notebooks, and the rows of results that pages link to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
