"""Pages of results are current, every page is in the navigation, and what the README points to is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "docs" / "generate_results.py"
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
MOST_LINES = 120


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(GENERATOR), *arguments], capture_output=True, text=True)


def test_tables_and_numbers_are_those_of_the_rows() -> None:
    done = generate("--check")
    assert done.returncode == 0, done.stdout


def test_a_stale_number_is_noticed() -> None:
    sys.path.insert(0, str(GENERATOR.parent))
    try:
        import generate_results

        text = "<!--= circuit-cells -->1<!--/--> and <!-- table: exactness -->\nold\n<!-- end -->"
        written = generate_results.current(text)
        assert "1<!--/-->" not in written
        assert "old" not in written
        assert generate_results.current(written) == written
    finally:
        sys.path.remove(str(GENERATOR.parent))


def test_a_place_without_results_is_an_error_and_one_with_rows_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of eight trainings, two variants on one thread and on two: counted by hand from the file."""
    monkeypatch.syspath_prepend(str(GENERATOR.parent))
    import generate_results
    from result_tables import base

    monkeypatch.setattr(base, "RESULTS", tmp_path)
    base.rows.cache_clear()
    page = "<!--= seeds-digits -->old<!--/-->\n<!-- table: seeds-ablation -->\nold\n<!-- end -->"
    with pytest.raises(FileNotFoundError, match=r"seeds-\w+\.csv"):
        generate_results.current(page)
    rows = (ROOT / "tests" / "studies" / "files" / "seeds.csv").read_text().splitlines(keepends=True)
    (tmp_path / "seeds-ablation.csv").write_text("".join(rows))
    own = [row for row in rows if not row.startswith("mem")]
    (tmp_path / "seeds-digits.csv").write_text("".join(own))
    try:
        written = generate_results.current(page)
    finally:
        base.rows.cache_clear()
    accuracies = [100 * float(row.split(",")[9]) for row in own[1:]]
    mean = f"{sum(accuracies) / 4:.2f}\N{NO-BREAK SPACE}%"
    assert f"{mean}, {min(accuracies):.2f}\N{NO-BREAK SPACE}% to {max(accuracies):.2f}" in written
    assert "over 4 trainings (seeds 0 to 1, 1 and 2 threads; AMD EPYC, 2 cores)" in written
    assert "| recipe | `readout spike`, `learning_rate 0.05` | 4 |" in written
    assert "--seeds 0:2 --threads 1,2 --vary mem: --vary 'recipe: readout=spike learning_rate=0.05'" in written
    assert "old" not in written


def test_an_unknown_option_is_refused() -> None:
    assert generate("--bogus").returncode == 2


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", yaml.safe_dump(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])))
    assert listed == {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
