"""The numbers in the README and on the pages of the documentation, written from `benchmarks/results/*.csv`.

    python docs/generate_results.py            # write the numbers into the pages (make results)
    python docs/generate_results.py --check    # exit code 1 where a page is not current (make lint)

A page marks the places: a table stands between `<!-- table: NAME -->` and `<!-- end -->`, a single number between
`<!--= NAME -->` and `<!--/-->`. Everything else on the page is written by hand. The names are those in
the folder `result_tables`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence

from result_tables import ROOT, numbers, tables

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

TABLE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n)(?P<old>.*?)(?P<end><!-- end -->)", re.DOTALL)
NUMBER = re.compile(r"(<!--= (?P<name>[\w-]+) -->)(?P<old>.*?)(?P<end><!--/-->)")


def current(text: str) -> str:
    """Return a page with every table and number as the results have them."""
    text = TABLE.sub(lambda place: _written(place, tables, "\n{}\n\n"), text)
    return NUMBER.sub(lambda place: _written(place, numbers, "{}"), text)


def _written(place: re.Match[str], makers: Mapping[str, Callable[[], str]], form: str) -> str:
    """Return a place with what its results say."""
    return f"{place[1]}{form.format(makers[place['name']]())}{place['end']}"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check name those that are not current."""
    if any(word != "--check" for word in arguments):
        print("usage: python docs/generate_results.py [--check]", file=sys.stderr)
        return 2
    stale = [(page, current(page.read_text())) for page in PAGES]
    stale = [(page, text) for page, text in stale if page.read_text() != text]
    for page, text in stale:
        if not arguments:
            page.write_text(text)
        print(f"{page.relative_to(ROOT)}: {'not current; run make results' if arguments else 'written'}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
