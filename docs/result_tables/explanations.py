"""Whether explanations are true, from the summaries of `sqnn study faithfulness`."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, rows, table

COMMAND = (
    "sqnn study faithfulness sqdr ann converted.safetensors has8 --data mnist --data-dir DIR --images 500 "
    "--repeated 10 "
    "--methods shapley,relevance,relevance:rule=signed,saliency,gradient-input,occlusion:window=4:stride=4"
)
PLANTED = (
    "sqnn study faithfulness planted --data-dir DIR --images 200 --repeated 20 "
    "--methods shapley,relevance,relevance:rule=signed,occlusion:window=4:stride=4"
)
NETWORKS = {
    "sqdr": "`sqdr-cnn`, recipe `mnist`",
    "ann": "`vgg11` of clipped ReLUs (an ordinary network)",
    "converted": "the same `vgg11`, converted to spikes",
    "has8": "`has8-vgg`, spikes and numbers side by side in every layer",
    "planted": "`vgg11` on planted digits",
}
WORDS = {True: "yes", False: "no"}
CLAIMS = {
    "beats_intensity": "beats intensity",
    "beats_ink": "beats random ink",
    "adds_up": "adds up",
    "reads_weights": "reads weights",
    "sees_class": "sees class",
}
MARGIN = 0.05
"""A lead in deletion over the intensity that is worth the name."""


def badge(value: object) -> str:
    """Return a badge in a word, a dash where it is open."""
    return "-" if pd.isna(value) else WORDS[str(value) == "True"]


@table("faithfulness", "faithfulness", COMMAND)
def faithfulness() -> str:
    """Deletion of every method on every network, its lead over the intensity, and its badges."""
    frame = rows("faithfulness")
    measured = frame[frame.problem.isna()].sort_values(["network", "deletion"])
    body = []
    for network, words in NETWORKS.items():
        for _, line in measured[measured.network == network].iterrows():
            lead = "-"
            if pd.notna(line.deletion_difference):
                lead = f"{line.deletion_difference:+.3f} ({line.deletion_low:+.3f} to {line.deletion_high:+.3f})"
                lead = bold(lead) if line.deletion_high < -MARGIN else lead
            cells = [f"{line.deletion:.3f}", f"{line.insertion:.3f}", lead]
            badges = [badge(line[claim]) for claim in CLAIMS]
            body.append([words, f"`{line.method}`", *cells, *badges, f"{line.milliseconds:,.0f}"])
    names = ["network", "method", "deletion", "insertion", "deletion less that of the intensity", *CLAIMS.values()]
    return markdown([*names, "ms per image"], body)


@table("faithfulness-refused", "faithfulness", COMMAND)
def refused() -> str:
    """Methods that refuse a network, and why."""
    frame = rows("faithfulness")
    lines = frame[frame.problem.notna()]
    return markdown(
        ["network", "method", "reason"],
        [[NETWORKS[line.network], f"`{line.method}`", line.problem] for _, line in lines.iterrows()],
    )


@table("faithfulness-planted", "faithfulness-planted", PLANTED)
def planted() -> str:
    """The share of positive values in the half that the label was read from."""
    lines = rows("faithfulness-planted").sort_values("inside", ascending=False)
    body = [
        [f"`{line.method}`", f"{100 * line.inside:.1f} %", badge(line.finds_planted), badge(line.beats_intensity)]
        for _, line in lines.iterrows()
    ]
    return markdown(["method", "inside", "finds planted", "beats intensity"], body)
