import pytest

from gcr_tutorial.viz.ablations import ablation_figure

GROUPS = {
    "steps": ["as it is", "no memorize step", "never run"],
    "counts": ["no pseudo-queries", "as it is"],
    "truths": ["10, all true", "10, none true"],
}


def run(variant, seed, r1, count, share):
    return {
        "variant": variant,
        "seed": seed,
        "recall": {"R@1": r1},
        "bm25": {"R@1": r1 + 1},
        "pseudo_queries_an_image": count,
        "true_share": share,
    }


def test_each_run_is_a_dot_and_each_variant_a_bar():
    runs = [
        run("as it is", 0, 70.0, 20.0, 0.4),
        run("as it is", 1, 74.0, 20.0, 0.5),
        run("no memorize step", 0, 50.0, 20.0, 0.4),
        run("no pseudo-queries", 0, 10.0, 0.0, None),
        run("10, all true", 0, 90.0, 8.5, 1.0),
    ]
    steps, counts, truths = ablation_figure({"runs": runs, "groups": GROUPS}).axes
    assert [bar.get_width() for bar in steps.patches] == [72.0, 50.0]
    assert [text.get_text() for text in steps.texts] == ["72.0", "50.0"]
    assert [label.get_text() for label in steps.get_yticklabels()] == ["as it is", "no memorize step"]
    ours, bm25 = counts.get_lines()
    assert list(ours.get_xdata()) == [0.0, 20.0, 20.0] and list(ours.get_ydata()) == [10.0, 70.0, 74.0]
    assert list(bm25.get_ydata()) == [11.0, 71.0, 75.0]
    assert list(truths.get_lines()[0].get_xdata()) == [1.0]


@pytest.mark.parametrize("runs", [[], [run("as it is", 0, 70.0, 20.0, 0.4)]])
def test_panels_may_be_empty(runs):
    figure = ablation_figure({"runs": runs, "groups": GROUPS})
    figure.draw_without_rendering()
    assert len(figure.axes[0].patches) == len(runs) and not len(figure.axes[2].get_lines()[0].get_xdata())
