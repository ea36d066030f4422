"""Tables of a comparison, ready for a paper: as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from sqnn.core import require
from sqnn.studies.compare.significance import CONDITION

if TYPE_CHECKING:
    import pandas as pd

PERCENT = "test accuracy (%), mean ± sd"
MINUS = "−"
"""The sign of negative numbers and of differences, which is no hyphen."""
LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    MINUS: "$-$",
    "·": r"$\cdot$",
}
"""What signs of text become in LaTeX."""
IN_LATEX = r"(\$(?! )[^$]*(?<! )\$|\\[A-Za-z]+\*?(?:\[[^\]]*\]|\{[^{}]*\})*|\\[^A-Za-z])"
"""Formulas, commands with their arguments, and signs that are escaped, in a caption."""
FORMULAS: Mapping[str, str] = {"p": "$p$", "p (Holm)": "$p$ (Holm)", "d_z": "$d_z$"}
"""Headings that are formulas there."""


def paper_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return in words what a paper prints of trainings: one row per network and condition.

    `frame` has one row per training, with the columns of a comparison; those that it has not, or that are empty, are
    left out. Accuracies are mean ± standard deviation over the seeds in percent, their range, and how many there are;
    parameters, effective ones (median over the seeds), energy (nJ per image, circuits left out) and time (s) are means.
    Raises ConfigError where there are no rows.
    """
    import pandas as pd

    from sqnn.studies.runner import WholeTable

    require(len(frame) > 0, "frame", "no rows", "one row per training")
    varied = [name for name in CONDITION if name in frame and frame[name].nunique() > 1]
    lines = []
    for names, part in frame.groupby([*varied, "model"], sort=False):
        line = dict(zip([*varied, "network"], (_word(name) for name in names), strict=True))
        for label, column, summary, form in NUMBERS:
            if column in frame and frame[column].notna().any():
                values = part[column].dropna()
                line[label] = format(float(summary(values)), form) if len(values) else "–"
        line |= accuracy_words(part.test_accuracy)
        lines.append(line)
    table = pd.DataFrame(lines)
    # The accuracy stands after the sizes, before what it costs.
    costs = [label for label, column, _, _ in NUMBERS if column in COSTS and label in table]
    return WholeTable(table[[name for name in table if name not in costs] + costs])


def accuracy_words(accuracies: pd.Series) -> dict[str, str]:
    """Return mean ± standard deviation, range and number of accuracies in words."""
    percent = 100 * accuracies.dropna()
    if not len(percent):
        return {PERCENT: "–", "range": "–", "n": "0"}
    spread = f" ± {percent.std(ddof=1):.2f}" if len(percent) > 1 else ""
    return {
        PERCENT: f"{percent.mean():.2f}{spread}",
        "range": f"{percent.min():.2f} to {percent.max():.2f}" if len(percent) > 1 else "–",
        "n": str(len(percent)),
    }


def tests_table(tests: pd.DataFrame) -> pd.DataFrame:
    """Return in words what `paired_tests` returned: differences in percentage points."""
    import pandas as pd

    varied = [name for name in CONDITION if name in tests and tests[name].nunique() > 1]
    lines = [
        {
            **{name: _word(row[name]) for name in varied},
            "pair": f"{row['first']} {MINUS} {row['second']}",
            "difference (points)": _known(100 * row["difference"], "+.2f"),
            "95 % interval": " to ".join(_known(100 * row[name], "+.2f") for name in ("low", "high"))
            if row["low"] == row["low"]
            else "–",
            "p": _known(row["p"], ".2g"),
            "p (Holm)": _known(row["p_corrected"], ".2g"),
            "d_z": _known(row["effect_size"], ".2f"),
            "pairs": str(row["pairs"]),
        }
        for row in tests.to_dict("records")
    ]
    return pd.DataFrame(lines)


def to_markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown, its columns of numbers to the right."""
    cells = [[_word(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in row] for row in _rows(table)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    right = [_is_number(cells[1:], number) for number in range(len(widths))]
    rule = [f"{'-' * (width - 1)}:" if to_right else "-" * width for width, to_right in zip(widths, right, strict=True)]
    lines = [
        " | ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        for row in (cells[0], rule, *cells[1:])
    ]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def to_latex(table: pd.DataFrame, caption: str = "", label: str = "") -> str:
    """Return a table as LaTeX with the rules of booktabs; with a caption or a label, as a floating table.

    Text is escaped. What in the caption is LaTeX stays so: formulas between dollars, and commands with their arguments.
    """
    cells = [[_escaped(_word(cell)) for cell in row] for row in _rows(table)]
    columns = "".join("r" if _is_number(cells[1:], number) else "l" for number in range(len(cells[0])))
    head, *body = (" & ".join(row) + r" \\" for row in cells)
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if caption or label:
        words = (_escaped(word) if place % 2 == 0 else word for place, word in enumerate(re.split(IN_LATEX, caption)))
        over = [rf"\caption{{{''.join(words)}}}"] if caption else []
        over += [rf"\label{{{label}}}"] if label else []
        lines = [r"\begin{table}", r"\centering", *over, *lines, r"\end{table}"]
    return "\n".join(lines) + "\n"


def _rows(table: pd.DataFrame) -> list[list[object]]:
    return [list(table.columns), *(list(row) for row in table.itertuples(index=False, name=None))]


def _word(value: object) -> str:
    """Return a cell as text."""
    if isinstance(value, float):
        return _known(value, ".4g")
    return f"{int(value):,}" if isinstance(value, Integral) else str(value)


def _known(value: float, form: str) -> str:
    return "–" if value != value else format(value, form).replace("-", MINUS)


def _escaped(text: str) -> str:
    return FORMULAS.get(text) or "".join(LATEX.get(sign, sign) for sign in text).replace("–", "--")


def _is_number(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Say whether the cells of a column begin as numbers do, those without a value aside."""
    cells = [row[column] for row in rows]
    return all(cell in ("–", "--") or cell.replace("$-$", MINUS).lstrip(f"+{MINUS}")[:1].isdigit() for cell in cells)


COSTS = ("energy", "seconds")
ENERGY = "energy without circuits (nJ)"
NUMBERS: Sequence[tuple[str, str, Callable[[pd.Series], float], str]] = (
    ("parameters", "parameters", lambda values: values.mean(), ",.0f"),
    ("effective", "effective", lambda values: values.median(), ",.0f"),
    ("spiking", "spiking", lambda values: values.mean(), ",.0f"),
    ("quantum", "quantum", lambda values: values.mean(), ",.0f"),
    ("classical", "classical", lambda values: values.mean(), ",.0f"),
    (ENERGY, "energy", lambda values: values.mean() / 1e3, ",.3g"),
    ("time (s)", "seconds", lambda values: values.mean(), ",.1f"),
)
"""Columns of numbers: what they are called, where they come from, what is taken of the seeds, and how it is written."""
