import pytest

from gcr_tutorial.viz.recalls import ablation_figure, interval_figure, recall_figure

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


def test_recalls_stand_best_on_top_and_kinds_without_are_left_out():
    rows = [
        {"kind": "numeric", "R@1": 10.0, "R@10": 30.0},
        {"kind": "atomic", "R@1": 80.0, "R@10": 97.0},
        {"kind": "string", "R@1": None, "R@10": None},
        {"kind": "semantic", "R@1": 0.2, "R@10": 1.0},
    ]
    axis = recall_figure(rows).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["semantic", "numeric", "atomic"]
    assert [bar.get_width() for bar in axis.containers[1]] == [0.2, 10.0, 80.0]
    assert [text.get_text() for text in axis.texts] == ["0.2", "10.0", "80.0"]


def test_an_interval_is_a_line_with_its_value_in_it():
    axis = interval_figure({"atomic": (77.0, 80.0, 82.5)}, "R@1").axes[0]
    assert [text.get_text() for text in axis.texts] == ["80.0"] and axis.lines[0].get_xdata().tolist() == [77.0, 82.5]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["atomic"] and axis.get_xlabel() == "R@1"
