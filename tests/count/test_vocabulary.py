"""Vocabulary: a label keeps its code, whatever comes later."""

from hypothesis import given
from hypothesis import strategies as st

from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN, Vocabulary

texts = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "", "1"])))


@given(st.lists(st.sampled_from(["a", "b"]), unique=True), st.lists(texts))
def test_an_open_vocabulary_learns_and_never_recodes(declared, batches):
    vocabulary, code = Vocabulary(declared, closed=False), {None: NULL}
    for text in declared:
        code[text] = FIRST + len(code) - 1
    for batch in batches:
        for text in batch:
            code.setdefault(text, FIRST + len(code) - 1)
        assert vocabulary.codes(batch).tolist() == [code[text] for text in batch]
        assert len(vocabulary) == FIRST + len(code) - 1
        assert [code[text] for text in vocabulary.labels] == list(range(FIRST, len(vocabulary)))


@given(st.lists(st.sampled_from(["a", "b"]), unique=True), texts)
def test_a_closed_vocabulary_learns_nothing(declared, batch):
    vocabulary = Vocabulary(declared, closed=True)
    known = {None: NULL, **{text: FIRST + k for k, text in enumerate(declared)}}
    assert vocabulary.codes(batch).tolist() == [known.get(text, UNKNOWN) for text in batch]
    assert vocabulary.labels == declared


def test_forgotten_labels_are_learned_anew():
    vocabulary = Vocabulary(["a"], closed=False)
    vocabulary.codes(["b", "c"])
    vocabulary.forget(1)
    assert vocabulary.labels == ["a"]
    assert vocabulary.codes(["c", "a"]).tolist() == [FIRST + 1, FIRST]
