"""Write real evaluation data as Parquet: words of the 42 languages of wordfreq, labelled by py3langid."""

import argparse
import gc
import json
import time
import unicodedata
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from py3langid.langid import MODEL_FILE, LanguageIdentifier, visit_counts
from wordfreq import available_languages, read_cBpack

Pack = list[list[str]]  # words by frequency: bucket b holds those of frequency 10 ** (-b / 100), alphabetically
Floats = npt.NDArray[np.float32]

OUTPUT = Path(__file__).resolve().parents[1] / "data" / "langid.parquet"
# 500,000 rows take 20 s and 1.6 GB, 5 s of them to read the lists, and leave 51 words to the rarest language.
WORDS = 500_000
# py3langid has a model for 39 of the 42 codes. fil (Filipino) is standardised Tagalog, tl; py3langid's no stands
# beside its nn, so it is Bokmål, nb; wordfreq itself serves hr, sr and bs from its list sh. All 42 can be predicted.
MODELS = {"fil": ["tl"], "nb": ["no"], "sh": ["bs", "hr", "sr"]}
# Heaps: a text of n words shows about n ** 0.6 different ones, so a list of v words stands for v ** (1 / 0.6) words of
# text. Sharing the rows so spreads the languages 1 : 1,100 (vi 51, fi 57,000); by plain length it would be 1 : 68.
HEAPS = 0.6
# The buckets down to 1e-6, where wordfreq cuts its small lists: the one depth that all 42 lists reach. The deeper lists
# of 21 languages hold much foreign text, which would add every one of them to the true set of any common word.
COMMON_DEPTH = 600
# The least probability of a member of y_pred_set: 22 % of the sets stay empty, 54 % hold one, 24 % two to four.
SET_FLOOR = 0.2
ROW_GROUP = 100_000
CHUNK = 10_000  # words scored at once: some 80,000 features x 45 columns x 4 bytes = 14 MB
SCRIPTS = {
    "CJK": "Han", "IDEOGRAPHIC": "Han", "KATAKANA-HIRAGANA": "Katakana", "FEMININE": "Latin", "MASCULINE": "Latin",
}  # fmt: skip


class Draw(NamedTuple):
    """The rows in file order, each a word (by its number), a true label (by its number) and a frequency."""

    features: dict[str, Counter[int]]
    word: npt.NDArray[np.intp]
    true: npt.NDArray[np.intp]
    weight: npt.NDArray[np.float64]


class Model:
    """py3langid restricted to the languages of the data, for many words at a time."""

    # One call of rank() takes 86 us a word, so 20 s on two cores for 450,000 words; this takes 10 us on one.
    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        label_of = {model: i for i, label in enumerate(labels) for model in MODELS.get(label, [label])}
        self.identifier: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.identifier.set_languages(list(label_of))
        self.columns = [label_of[model] for model in self.identifier.nb_classes]
        self.table = self.identifier.nb_ptc.astype(np.float32)
        self.rows = [row << 8 for row in self.identifier.tk_row]

    def features(self, word: str) -> Counter[int] | None:
        """Count the features of a word; None if it has none."""
        text = unicodedata.normalize("NFC", word).encode()
        walk = self.identifier
        found: Counter[int] | None = visit_counts(walk.tk_nextmove, self.rows, walk.tk_output, text)
        return found

    def probabilities(self, features: dict[str, Counter[int]]) -> Floats:
        """Give the probability of each label, one row a word."""
        words, counts = list(features), list(features.values())
        parts = [self._chunk(words[i : i + CHUNK], counts[i : i + CHUNK]) for i in range(0, len(words), CHUNK)]
        return np.concatenate(parts)

    def _chunk(self, words: list[str], counts: list[Counter[int]]) -> Floats:
        index = [feature for count in counts for feature in count]
        power = np.log1p(np.array([n for count in counts for n in count.values()], np.float32))
        starts = np.cumsum([0] + [len(count) for count in counts[:-1]])
        scores = np.add.reduceat(self.table[index] * power[:, None], starts) + self.identifier.nb_pc
        scores /= np.sqrt([[len(unicodedata.normalize("NFC", word).encode())] for word in words], dtype=np.float32)
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        # The greatest of sh's four columns (sr has two), not their sum: with four priors against one, sh took 9 % of
        # all words at a precision of 1 %; with one it takes 2 % at 4 %.
        merged = np.zeros((len(words), len(self.labels)), np.float32)
        for column, label in enumerate(self.columns):
            np.maximum(merged[:, label], chances[:, column], out=merged[:, label])
        return np.asarray(merged / merged.sum(axis=1, keepdims=True), np.float32)

    def check(self, words: list[str], probabilities: Floats) -> None:
        """Stop if rank() of the package orders the labels otherwise: then its formula has changed."""
        for word, row in zip(words, probabilities, strict=True):
            best: dict[int, float] = {}
            for model, chance in self.identifier.rank(word):
                label = self.columns[self.identifier.nb_classes.index(model)]
                best[label] = max(best.get(label, 0.0), chance)
            # Only sr is added up by rank() (its two columns), so the ratios of the other labels are compared.
            rest = [i for i in best if self.labels[i] != "sh"]
            theirs = np.array([best[i] for i in rest])
            if not np.allclose(theirs / theirs.sum(), row[rest] / row[rest].sum(), atol=1e-4):
                raise SystemExit(f"py3langid ranks {word!r} otherwise than this script")


def quotas(sizes: list[int], words: int) -> list[int]:
    """Share the rows among the languages, at least one each, by the text that their list stands for."""
    text = np.array(sizes, np.float64) ** (1 / HEAPS)
    edges = np.rint(np.cumsum(text) / text.sum() * (words - len(sizes))).astype(int)
    return [1 + int(part) for part in np.diff(edges, prepend=0)]


def draw(packs: list[Pack], words: int, model: Model) -> Draw:
    """Take the most frequent words of each list, then shuffle: sorted, each row group would hold but a few classes."""
    features: dict[str, Counter[int]] = {}
    numbers: dict[str, int] = {}

    def usable(word: str) -> bool:
        # Numbers are words of no language (0.3 %). In 2 % of the words, but 18 % of the text ("the"), the model finds
        # no feature and abstains: all of these would fall to one label by the order of columns, so they are left out.
        if word not in features and any(map(str.isalpha, word)) and (found := model.features(word)):
            features[word], numbers[word] = found, len(numbers)
        return word in features

    rows: list[tuple[int, int, float]] = []
    shares = quotas([sum(map(len, pack)) for pack in packs], words)
    for label, (pack, quota) in enumerate(zip(packs, shares, strict=True)):
        ranked = ((word, 10 ** (-bucket / 100)) for bucket, same in enumerate(pack) for word in same if usable(word))
        rows += [(numbers[word], label, weight) for word, weight in islice(ranked, quota)]
    word, true, weight = (np.array(column) for column in zip(*rows, strict=True))
    order = np.random.default_rng(0).permutation(len(rows))
    return Draw(features, word[order], true[order], weight[order])


def memberships(packs: list[Pack], drawn: Draw) -> npt.NDArray[np.bool_]:
    """Tell for each word which lists hold it above the common depth, or gave it a row (from below: 14 % of de)."""
    number = {word: i for i, word in enumerate(drawn.features)}
    member = np.zeros((len(number), len(packs)), np.bool_)
    for label, pack in enumerate(packs):
        for bucket in pack[:COMMON_DEPTH]:
            member[[number[word] for word in number.keys() & bucket], label] = True
    member[drawn.word, drawn.true] = True
    return member


@cache
def script_of(char: str) -> str:
    """Name the writing system of a letter by the first word of its Unicode name."""
    prefix = unicodedata.name(char, "UNKNOWN").split()[0]
    return SCRIPTS.get(prefix, prefix.capitalize())


def script(word: str) -> str:
    """Name the writing system of most letters of a word."""
    return Counter(script_of(char) for char in word if char.isalpha()).most_common(1)[0][0]


def label_sets(mask: npt.NDArray[np.bool_], labels: pa.Array) -> pa.ListArray:
    """Turn a mask of rows x labels into lists of label names."""
    offsets = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, labels.take(pa.array(np.nonzero(mask)[1])))


def schema(labels: list[str]) -> pa.Schema:
    """Describe the file; the order of the scores stands in the metadata of y_score."""
    names = pa.list_(pa.string())
    score = pa.field("y_score", pa.list_(pa.float32(), len(labels)), metadata={b"labels": json.dumps(labels).encode()})
    return pa.schema([
        ("word", pa.string()), ("y_true", pa.string()), ("y_pred", pa.string()), score, ("weight", pa.float64()),
        ("script", pa.string()), ("length", pa.int32()), ("y_true_set", names), ("y_pred_set", names),
    ])  # fmt: skip


def write(path: Path, drawn: Draw, labels: list[str], scores: Floats, member: npt.NDArray[np.bool_]) -> None:
    """Write the rows, a row group at a time."""
    words, names, layout = list(drawn.features), pa.array(labels), schema(labels)
    strings = ["word", "y_true", "y_pred", "script", "y_true_set.list.element", "y_pred_set.list.element"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, layout, compression="zstd", use_dictionary=strings) as writer:
        for start in range(0, len(drawn.word), ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            number, true = drawn.word[part], drawn.true[part]
            score, text = scores[number], [words[i] for i in number]
            columns = [
                pa.array(text),
                names.take(pa.array(true)),
                names.take(pa.array(score.argmax(axis=1))),
                pa.FixedSizeListArray.from_arrays(pa.array(score.ravel()), len(labels)),
                pa.array(drawn.weight[part]),
                pa.array([script(word) for word in text]),
                pa.array([len(word) for word in text], pa.int32()),
                label_sets(member[number], names),
                label_sets(score >= SET_FLOOR, names),
            ]
            writer.write_table(pa.table(columns, schema=layout), row_group_size=ROW_GROUP)


def build(path: Path, words: int) -> None:
    """Draw, label and write the words."""
    began = time.perf_counter()
    gc.disable()  # nothing here is cyclic, and 9.4 million words make each collection long
    files = available_languages()
    labels = sorted(files)
    packs: list[Pack] = [read_cBpack(files[label]) for label in labels]
    model = Model(labels)
    drawn = draw(packs, words, model)
    scores = model.probabilities(drawn.features)
    sample = slice(None, None, max(1, len(scores) // 200))
    model.check(list(drawn.features)[sample], scores[sample])
    write(path, drawn, labels, scores, memberships(packs, drawn))
    seconds = time.perf_counter() - began
    print(f"{len(drawn.word):,} rows, {len(labels)} languages, {seconds:.1f} s, {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--words", type=int, default=WORDS, metavar="N", help="rows to write, all languages together")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, metavar="FILE", help="file to write")
    options = parser.parse_args()
    if options.words < len(available_languages()):
        parser.error(f"--words: at least {len(available_languages())}, one for each language")
    build(options.output, options.words)
