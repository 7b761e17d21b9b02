"""Figures of identifiers and searches say what they should, and no words stand on other words or outside the page."""

import itertools
import math
import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Circle
from PIL import Image

from gcr_tutorial.decoding.trace import BeamStep, BeamTrace, TracedChild, TracedPrefix
from gcr_tutorial.identifiers import Identifiers
from gcr_tutorial.trie import TrieIndex
from gcr_tutorial.viz.beam_search import LOST, WINS, beam_figure
from gcr_tutorial.viz.canvas import Canvas, leaf_heights, shorten, text_width
from gcr_tutorial.viz.cluster_tree import cluster_tree_figure
from gcr_tutorial.viz.leak import leak_figure
from gcr_tutorial.viz.style import GOOD, QUIET
from gcr_tutorial.viz.trie import trie_figure

END = 9
TOKENS = {1: "<l0_1>", 2: "<l0_22>", 3: "a$b_", 4: "x" * 40, 5: "Ġwords\n", END: "never shown"}
SOME = [[1, 1, END], [1, 2, END], [1, 2, 3, END], [1, END], [2, 3, 1, END]]
PATH_BLUE = GOOD.lower()

bodies = st.lists(st.sampled_from([1, 2, 3, 4, 5]), max_size=5).map(tuple)
galleries = st.lists(bodies, min_size=1, max_size=14, unique=True).map(lambda g: [[*body, END] for body in g])


def picture(row):
    """A picture whose colour says which row it is."""
    return Image.new("RGB", (8, 8), (row % 256, 100, row // 256))


def shown_rows(figure):
    """The rows whose pictures are in the figure: one set for each picture or mosaic."""
    sets = []
    for image in figure.axes[0].images:
        side = len(image.get_array()) // 4
        corners = [tuple(int(c) for c in image.get_array()[y][x]) for y in (side, 3 * side) for x in (side, 3 * side)]
        sets.append({red + 256 * blue for red, green, blue in corners if green == 100})
    return sets


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def edges(figure, name):
    return [patch for patch in figure.axes[0].patches if patch.get_gid() == name]


def framed(figure):
    """How many pictures have the blue frame."""
    return sum(
        patch.get_linewidth() > 2 and to_hex(patch.get_edgecolor()) == PATH_BLUE
        for patch in figure.axes[0].patches
        if hasattr(patch, "get_width")
    )


def assert_legible(figure):
    """Nothing outside the page; no words on other words or on pictures. Texts drawn white stand in their own dots."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    page = figure.bbox
    numbers = {(circle.center[0], circle.center[1]) for circle in figure.axes[0].patches if isinstance(circle, Circle)}
    boxes = []
    for text in figure.axes[0].texts:
        box = text.get_window_extent(renderer)
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text.get_text()
        boxes.append((text.get_text() + (" (in a dot)" if text.get_position() in numbers else ""), box))
    for image in figure.axes[0].images:
        box = image.get_window_extent(renderer)
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        boxes.append(("a picture", box))
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 0.5 or height <= 0.5, f"{one!r} and {other!r} overlap"


def search_by_hand(sequences, beams, seed=0):
    """A beam search over a trie, told as a trace, with random probabilities that depend on the prefix alone."""
    trie = TrieIndex.build(sequences)
    live, finished, steps = [((), 0, 0.0)], [], []
    while live:
        found = []
        for tokens, node, score in live:
            rng = random.Random(str((seed, tokens)))
            choices, nodes = (array.tolist() for array in trie.children(node))
            shares = [rng.random() ** 3 for _ in range(len(choices) + 1)]
            for token, to, share in zip(choices, nodes, shares):
                p = share / sum(shares)
                found.append((tokens, token, to, p, score + math.log(max(p, 1e-12)), trie.row_at(to)))
        ranked = sorted(found, key=lambda one: -one[4])
        finished = sorted(
            finished + [(one[5], one[4]) for one in ranked[:beams] if one[5] is not None], key=lambda one: -one[1]
        )[:beams]
        on = [one for one in ranked if one[5] is None][:beams]
        kept = {one[2] for one in on} | {one[2] for one in found if one[5] in dict(finished)}
        prefixes = []
        for tokens, node, score in live:
            own = tuple(TracedChild(token, to, p, s, to in kept, at) for t, token, to, p, s, at in found if t == tokens)
            prefixes.append(TracedPrefix(tokens, node, score, own, 1 - sum(child.probability for child in own)))
        steps.append(BeamStep(tuple(prefixes), tuple(finished)))
        live = [((*tokens, token), to, score) for tokens, token, to, _, score, _ in on]
    return BeamTrace(tuple(steps), tuple(finished))


# The page


@given(st.text(max_size=60), st.floats(0.2, 2.0))
def test_shortened_words_fit_and_are_one_printable_line(text, width):
    short = shorten(text, 8, width)
    assert short.isprintable() and (text_width(short, 8) <= width or short == "…")
    if text.isprintable() and text_width(text, 8) <= width:
        assert short == text


@given(galleries)
def test_nodes_at_one_depth_stand_apart_and_subtrees_keep_to_their_rows(gallery):
    trie = TrieIndex.build(gallery)
    children = {node: trie.children(node)[1].tolist() for node in range(trie.num_nodes)}
    rows, level = leaf_heights(0, children), [0]
    assert sorted(rows[node] for node in rows if not children[node]) == list(range(len(gallery)))
    while level:
        assert all(rows[after] - rows[node] >= 1 for node, after in zip(level, level[1:]))  # from the top, in token order
        for node in level:
            below = [rows[child] for child in children[node]]
            assert not below or rows[node] == (min(below) + max(below)) / 2
        level = [child for node in level for child in children[node]]


def test_a_picture_is_where_it_was_put_and_a_mosaic_has_all_of_its_pictures():
    page = Canvas(4, 3)
    page.picture(1, 0.5, 0.7, [picture(7)])
    page.picture(2, 0.5, 0.7, [picture(row) for row in (1, 2, 3, 4)])
    page.picture(3, 0.5, 0.7, [picture(row) for row in (5, 6)])
    assert shown_rows(page.figure) == [{7}, {1, 2, 3, 4}, {5, 6}]
    x0, x1, y1, y0 = page.figure.axes[0].images[0].get_extent()
    assert (x0, x1, y0, y1) == pytest.approx((1, 1.7, 0.5, 1.2))
    assert page.figure.axes[0].get_xlim() == (0, 4) and page.figure.axes[0].get_ylim() == (3, 0)


# The trie


def test_a_trie_shows_every_edge_token_and_picture_and_how_many_share_a_prefix():
    trie = TrieIndex.build(SOME)
    figure = trie_figure(trie, TOKENS.get, [picture(10 * i) for i in range(5)], {i: f"name {i}" for i in range(5)})
    assert len(edges(figure, "edge")) == trie.num_nodes - 1 == 12
    said = words(figure)
    assert said.count("end") == len(SOME) and not any("never" in word for word in said)
    assert said.count("<l0_1>") == 3 and said.count("<l0_22>") == 2 and said.count("a$b_") == 2
    assert sorted(word for word in said if word.isdigit()) == ["2", "4", "5"]  # (1, 2); (1); the root
    assert sum(to_hex(edge.get_edgecolor()) == PATH_BLUE for edge in edges(figure, "edge")) == 2
    named = {at.get_text(): at.get_position()[1] for at in figure.axes[0].texts if at.get_text().startswith("name")}
    beside = {
        f"name {rows.pop() // 10}": sum(image.get_extent()[2:]) / 2
        for rows, image in zip(shown_rows(figure), figure.axes[0].images)
    }
    assert named == pytest.approx(beside) and len(named) == 5
    assert_legible(figure)


@settings(max_examples=25)
@given(galleries, st.booleans())
def test_any_small_trie_is_legible(gallery, with_pictures):
    figure = trie_figure(TrieIndex.build(gallery), TOKENS, picture if with_pictures else None)
    assert figure.get_figwidth() <= 10.5
    assert_legible(figure)


def test_a_trie_too_large_or_too_deep_for_the_page_is_refused():
    with pytest.raises(ValueError, match="60 or fewer"):
        trie_figure(TrieIndex.build([[i, END] for i in range(10, 71)]), str)
    assert trie_figure(TrieIndex.build([[i, END] for i in range(10, 70)]), str)
    deep = TrieIndex.build([[*range(20, 50), END]])
    with pytest.raises(ValueError, match="larger width"):
        trie_figure(deep, str)
    assert_legible(trie_figure(deep, str, width=40))


# The cluster tree


def identifiers_of(codes):
    used = sorted({token for code in codes for token in code})
    return Identifiers("structured", tuple(map(tuple, codes)), tuple(f"img{i}" for i in range(len(codes))), tuple(used))


GRID = identifiers_of([(f"a{i}", f"b{j}", f"c{k}") for i in range(3) for j in range(2) for k in range(4)])  # row 8i + 4j + k


def test_a_cluster_tree_shows_each_node_with_its_count_and_its_own_images():
    figure = cluster_tree_figure(GRID, picture)
    said = words(figure)
    assert "24 images" in said and [word for word in said if word.startswith("a")] == ["a0 · 8", "a1 · 8", "a2 · 8"]
    assert said.count("b0 · 4") == said.count("b1 · 4") == 3 and not any("c" in word for word in said)
    assert [word for word in said if word.startswith("token")] == ["token 1", "token 2"]
    below = {frozenset(rows) for rows in shown_rows(figure)}
    for i, j in itertools.product(range(3), range(2)):
        assert frozenset(range(8 * i + 4 * j, 8 * i + 4 * j + 4)) in below
    assert {0, 2, 5, 7} in below  # a0: evenly spaced among its images
    assert len(below) == 1 + 3 + 6 and framed(figure) == 0
    assert_legible(figure)


def test_a_path_is_framed_at_every_level_down_to_its_picture():
    figure = cluster_tree_figure(GRID, picture, path=13)  # a1 b1 c1
    assert "The blue path to its end: a1 b1 c1 is img13" in words(figure)
    assert framed(figure) == 1 + 1 + 1 + 2  # root, a1, b1; below the tree b1 again and the image
    blue = [text.get_text() for text in figure.axes[0].texts if text.get_color() == GOOD]
    assert sorted(blue)[:5] == ["24 images", "The blue path to its end: a1 b1 c1 is img13", "a1 · 8", "b1 · 4", "b1 · 4"]
    assert sorted(blue)[5:] == ["c1"]
    assert {13} in shown_rows(figure)
    assert_legible(figure)


def test_only_the_rows_asked_for_and_no_more_branches_than_allowed():
    figure = cluster_tree_figure(GRID, picture, rows=[0, 1, 4, 8, 16], branches=2, path=16)
    shown = set().union(*shown_rows(figure))
    assert shown == {0, 1, 4, 8, 16} and "5 images" in words(figure)  # the root's mosaic shows rows that are not drawn
    assert "+ 1 more" in words(figure) and "a0 · 3" in words(figure)
    assert "a1" not in words(figure) and "a2" in words(figure)  # as large as a1, and on the path
    assert_legible(figure)


def test_each_depth_and_identifiers_that_end_early():
    for depth in (1, 2, 3, 4):
        figure = cluster_tree_figure(GRID, picture, range(8), depth, path=5)
        assert_legible(figure)
        assert any(rows == {5} for rows in shown_rows(figure))
    digits = identifiers_of([("1",), ("1", "2"), ("1", "2", "3"), ("4",)])
    figure = cluster_tree_figure(digits, picture, depth=2, path=0)
    assert words(figure).count("end") == 1 and "1 · 3" in words(figure) and "2 · 2" in words(figure)
    assert_legible(figure)


@settings(max_examples=25)
@given(
    st.lists(
        st.lists(st.sampled_from(["<l_0>", "<l_11>", "a long token", "d"]), min_size=1, max_size=4).map(tuple),
        min_size=1,
        max_size=12,
        unique=True,
    ),
    st.integers(1, 3),
    st.integers(1, 4),
    st.randoms(),
)
def test_any_small_cluster_tree_is_legible(codes, depth, branches, rng):
    figure = cluster_tree_figure(
        identifiers_of(codes), picture, depth=depth, branches=branches, path=rng.choice([None, *range(len(codes))])
    )
    assert figure.get_figwidth() <= 10.5
    assert_legible(figure)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"rows": []}, "one or more"),
        ({"rows": [24]}, "0 to 23"),
        ({"depth": 0}, "at least 1"),
        ({"branches": 0}, "at least 1"),
        ({"rows": [1, 2], "path": 3}, "path must be"),
        ({"path": -1}, "path must be"),
    ],
)
def test_a_cluster_tree_of_nothing_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        cluster_tree_figure(GRID, picture, **wrong)


def test_what_makes_no_tree_or_does_not_fit_is_refused():
    class Nameless(SimpleNamespace):
        def __len__(self):
            return 2

    with pytest.raises(ValueError, match="no tokens"):
        cluster_tree_figure(Nameless(kind="classifier", codes=((), ()), image_ids=("a", "b"), new_tokens=()), picture)
    wide = identifiers_of([(f"a{i}", f"b{j}") for i in range(30) for j in range(2)])
    with pytest.raises(ValueError, match="fewer rows"):
        cluster_tree_figure(wide, picture, branches=30)
    with pytest.raises(ValueError, match="fewer branches"):
        cluster_tree_figure(wide, picture, depth=1, branches=30)
    assert_legible(cluster_tree_figure(wide, picture))  # as it is: 8 branches, and a count of the others
    assert "+ 22 more" in words(cluster_tree_figure(wide, picture))


# The beam search

FULL = [[*body, END] for body in itertools.product((1, 2, 3), repeat=3)]


def test_a_search_shows_what_it_kept_the_nearest_it_pruned_and_its_answers():
    trace = search_by_hand(FULL, 4)
    figure = beam_figure(trace, TOKENS, picture, {i: f"name {i}" for i in range(27)}, query="a $5 query", near_misses=2)
    children = [[child for prefix in step.prefixes for child in prefix.children] for step in trace.steps]
    kept = [sum(child.survives for child in level) for level in children]
    assert len(edges(figure, "kept")) == sum(kept)
    assert len(edges(figure, "pruned")) == sum(min(2, len(level) - n) for level, n in zip(children, kept)) > 2
    said = words(figure)
    assert "“a $5 query”" in said and "answers" in said and "pruned (the best 2 a step are drawn)" in said
    for at, (level, n) in enumerate(zip(children, kept), 1):
        assert f"token {at}" in said and f"{n} of {len(level)} kept" in said
    names = [word for word in said if word.startswith("name")]  # from the top
    assert names == [f"name {position}" for position, _ in trace.results]
    assert shown_rows(figure) == [{position} for position, _ in trace.results] and framed(figure) == 0
    assert [word for word in said if word.startswith("log p")] == [f"log p = {score:.2f}" for _, score in trace.results]
    assert_legible(figure)


def test_colours_tell_what_leads_to_an_answer_what_was_lost_and_what_was_pruned():
    trace = search_by_hand(FULL, 4)
    figure = beam_figure(trace, TOKENS)
    colors = [to_hex(edge.get_edgecolor()).upper() for edge in edges(figure, "kept")]
    leading = {tuple(FULL[position][:length]) for position, _ in trace.results for length in (1, 2, 3, 4)}
    assert colors.count(WINS) == len(leading) and colors.count(LOST) == len(colors) - len(leading) > 0
    assert {to_hex(edge.get_edgecolor()).upper() for edge in edges(figure, "pruned")} == {QUIET}
    best = max(
        child.probability for step in trace.steps for prefix in step.prefixes for child in prefix.children if child.survives
    )
    assert max(edge.get_linewidth() for edge in edges(figure, "kept")) == pytest.approx(0.8 + 3 * best)


def test_the_right_identifier_is_blue_as_far_as_the_search_followed_it():
    trace = search_by_hand(FULL, 2)
    found = trace.results[1][0]
    figure = beam_figure(trace, TOKENS, picture, target=FULL[found])
    blue = [edge for kind in ("kept", "pruned") for edge in edges(figure, kind) if to_hex(edge.get_edgecolor()) == PATH_BLUE]
    assert len(blue) == 4 and framed(figure) == 1
    first = trace.steps[0].prefixes[0].children
    lost = next(child.token for child in first if not child.survives)
    figure = beam_figure(trace, TOKENS, picture, target=[lost, 1, 1, END], near_misses=0)
    assert [to_hex(edge.get_edgecolor()) for edge in edges(figure, "pruned")] == [PATH_BLUE]
    assert framed(figure) == 0 and "the right one" in words(figure) and "pruned (not drawn)" in words(figure)


def test_up_to_a_step_everything_stands_where_it_stands_in_the_end():
    trace = search_by_hand([*SOME, [3, 3, 3, 3, END], [4, END], [2, 2, END]], 3)
    last = beam_figure(trace, TOKENS, picture)
    final = {(edge.get_gid(), edge.get_path().vertices.tobytes()) for kind in ("kept", "pruned") for edge in edges(last, kind)}
    before = set()
    for step in range(len(trace.steps)):
        figure = beam_figure(trace, TOKENS, picture, step=step)
        assert tuple(figure.get_size_inches()) == tuple(last.get_size_inches())
        now = {
            (edge.get_gid(), edge.get_path().vertices.tobytes()) for kind in ("kept", "pruned") for edge in edges(figure, kind)
        }
        assert before < now <= final
        assert shown_rows(figure) == [{position} for position, _ in trace.steps[step].finished]
        assert not any(word == f"token {step + 2}" for word in words(figure))
        assert_legible(figure)
        before = now
    assert before == final


@settings(max_examples=25)
@given(galleries, st.integers(1, 10), st.integers(0, 4), st.integers(0, 99), st.booleans())
def test_any_search_is_legible(gallery, beams, near_misses, seed, with_pictures):
    trace = search_by_hand(gallery, beams, seed)
    figure = beam_figure(
        trace,
        TOKENS,
        picture if with_pictures else None,
        query="which " * 40,
        near_misses=near_misses,
        target=gallery[seed % len(gallery)],
    )
    assert figure.get_figwidth() <= 10.5
    assert_legible(figure)


def test_ten_beams_five_tokens_deep_are_legible():
    rng = random.Random(0)
    bodies = {tuple(rng.randrange(10, 18) for _ in range(5)) for _ in range(400)}
    trace = search_by_hand([[*body, END] for body in sorted(bodies)], 10)
    figure = beam_figure(trace, lambda token: f"<l0_{token}>", picture, target=[*min(bodies), END])
    assert len(trace.results) == 10 and len(trace.steps) == 6 and figure.get_figwidth() <= 10.5
    assert any(word.startswith("<l0_1") for word in words(figure)) and not any("…" in word for word in words(figure))
    assert_legible(figure)


@pytest.mark.parametrize("drawing", [lambda trace: beam_figure(trace, TOKENS), leak_figure])
def test_a_trace_of_nothing_is_refused(drawing):
    with pytest.raises(ValueError, match="make one with beam_trace"):
        drawing(BeamTrace((), ()))


@pytest.mark.parametrize(
    "how, message", [({"step": 4}, "no step 4"), ({"step": -1}, "no step -1"), ({"width": 5}, "larger width")]
)
def test_a_search_that_cannot_be_drawn_so_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        beam_figure(search_by_hand(FULL, 4), TOKENS, **how)


def test_too_many_beams_for_a_page_are_refused():
    with pytest.raises(ValueError, match="fewer beams"):
        beam_figure(search_by_hand([[i, END] for i in range(10, 210)], 150), str)


# The leak


def test_the_leak_is_the_share_of_the_live_prefixes_weighted_by_their_probabilities():
    trace = search_by_hand(FULL, 3)
    left, right = leak_figure(trace).axes
    steps = len(trace.steps)
    kept, pruned, outside = ([bar.get_width() for bar in left.patches[i * steps : (i + 1) * steps]] for i in range(3))
    assert [a + b + c for a, b, c in zip(kept, pruned, outside)] == pytest.approx([1] * steps)
    for at, step in enumerate(trace.steps):
        weights = [math.exp(prefix.score) for prefix in step.prefixes]
        expected = sum(w * prefix.outside for w, prefix in zip(weights, step.prefixes)) / sum(weights)
        assert outside[at] == pytest.approx(expected) and expected > 0
        assert sorted(right.collections[at].get_offsets()[:, 0]) == pytest.approx(sorted(p.outside for p in step.prefixes))
        assert right.lines[at].get_xdata()[0] == pytest.approx(expected)
    assert kept[0] == pytest.approx(sum(child.probability for child in trace.steps[0].prefixes[0].children if child.survives))
    assert [label.get_text() for label in left.get_yticklabels()] == [f"token {at + 1}" for at in range(steps)]


@pytest.mark.filterwarnings("error")
def test_no_leak_at_all_is_drawn_too():
    child = TracedChild(END, 1, 1.0, 0.0, True, 0)
    trace = BeamTrace((BeamStep((TracedPrefix((), 0, 0.0, (child,), 0.0),), ((0, 0.0),)),), ((0, 0.0),))
    figure = leak_figure(trace)
    FigureCanvasAgg(figure).draw()
    assert [bar.get_width() for bar in figure.axes[0].patches] == [1, 0, 0]
    assert figure.axes[1].get_xlim()[0] < figure.axes[1].lines[0].get_xdata()[0]
