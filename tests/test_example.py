"""The running example is what the notebooks say it is."""

from __future__ import annotations

from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.task import make_task
from gcr_tutorial.example import AMBIGUOUS, CLEAR, PICTURES, QUERIES, RELATION, captions, picture


def test_the_ten_pictures_are_in_the_test_gallery_and_drawn_as_the_corpus_draws_them():
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, 300)
    names = [record.id for record in corpus.records]
    assert len(set(PICTURES)) == 10 and set(PICTURES) <= set(names)
    for name in PICTURES[:3]:
        assert picture(name, 96).tobytes() == corpus.image(names.index(name), 96).tobytes()
        assert tuple(captions(name)) == corpus.records[names.index(name)].captions


def test_the_queries_are_held_out_captions_true_of_exactly_what_they_say():
    corpus = ImageCaptionCorpus.from_picturebook(0, 0, 300)
    names = [record.id for record in corpus.records]
    asked = {query.text: query for query in make_task(corpus).eval_queries}
    for query in QUERIES:
        found = asked[query.text]
        assert names[found.image] == query.picture
        relevant = corpus.relevant([corpus.meaning(found.image, found.caption)])[0]
        assert tuple(names[i] for i in relevant) == query.relevant and set(query.relevant) <= set(PICTURES)
    assert [len(query.relevant) for query in (CLEAR, RELATION, AMBIGUOUS)] == [1, 1, 4]
