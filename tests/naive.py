"""Slow and obvious twins: every kernel in plain Python, and DESIGN section 2 as counting in dictionaries.

Nothing here is imported from streamavg but `unpacked`, which only reads a state out into dictionaries.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

import numpy as np

BLOCK, WAYS = 4096, 4


# ---- kernels, same names and arguments as in streamavg/count/kernels.py


def peak(codes):
    return max(int(code) for code in codes)


def _blocks_before_a_wild_code(y_true, y_pred, bound_true, bound_pred, block=BLOCK):
    """The number of rows before the first block that holds a code outside its bound."""
    for row, (true, pred) in enumerate(zip(y_true, y_pred, strict=True)):
        if int(true) >= bound_true or int(pred) >= bound_pred:
            return row // block * block
    return len(y_true)


def pair_keys(y_true, y_pred, width, keys):
    for row in range(len(y_true)):
        keys[row] = (int(y_true[row]) * width + int(y_pred[row])) % 2 ** (8 * keys.itemsize)
    return max(y_true), max(y_pred)


def count_pairs(y_true, y_pred, sizes, step, keys, table):
    bound_true, bound_pred, width, a, b = map(int, sizes)
    size = len(keys)
    done = _blocks_before_a_wild_code(y_true, y_pred, bound_true, bound_pred, size)
    for row in range(done):
        block = min(size, len(y_true) - row // size * size)
        place = row % size
        way = (0, a, b, a + b)[place % WAYS] if place < block // WAYS * WAYS else 0
        table[way + int(y_true[row]) * width + int(y_pred[row])] += step
    return done


def count_labels(y_true, y_pred, bound_true, bound_pred, step, cells):
    done = _blocks_before_a_wild_code(y_true, y_pred, bound_true, bound_pred)
    for true, pred in zip(y_true[:done], y_pred[:done], strict=True):
        if true == pred:
            cells[int(true), 0] += step
        else:
            cells[int(pred), 1] += step
            cells[int(true), 2] += step
    return done


def is_set(bits, place):
    return bool(int(bits[place // 8]) >> (place % 8) & 1)


def mark(codes, met):
    for code in codes.tolist():
        if code < len(met):
            met[code] = 1


def translate(codes, mapping, out):
    for row, code in enumerate(codes.tolist()):
        out[row] = mapping[code] if code < len(mapping) else 0


def slice_keys(slices, y_true, y_pred, width, far, keys):
    for k, (place, true, pred) in enumerate(zip(slices.tolist(), y_true.tolist(), y_pred.tolist(), strict=True)):
        keys[k] = (place * int(width) + true + (2**31 + 2 * int(far)) * (true != pred)) % 2**32
    return slices.max(), y_true.max(), y_pred.max()


def bump(key, step, edge, carry, small, big):
    small[key] = (int(small[key]) + int(step)) % 256
    if small[key] == edge:
        big[key] += carry
    return small[key] == edge


def count_slices(slices, y_true, y_pred, sizes, back, tables, block):
    """Counts in one table of shape (slices, 3, width), and wrong rows in (width, width); whole numbers of any size."""
    cells, pairs = tables
    for k, (place, true, pred) in enumerate(zip(slices.tolist(), y_true.tolist(), y_pred.tolist(), strict=True)):
        if not k % block and any(
            array[k : k + block].max() >= size for array, size in zip((slices, y_true, y_pred), sizes, strict=False)
        ):
            return k
        step = -1 if back else 1
        cells[place, 0 if true == pred else 2, true] += step
        if true != pred:
            cells[place, 1, pred] += step
            pairs[true, pred] += step
    return len(y_true)


def shifted(codes, shift, out):
    for k, code in enumerate(codes.tolist()):
        out[k] = (code + int(shift)) % 2**32
    return max(codes.tolist())


def shifted_pairs(first, second, width, shift, out):
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        out[k] = (a * int(width) + b + int(shift)) % 2**32
    return max(first.tolist()), max(second.tolist())


def place(codes, table, out):
    for k, code in enumerate(codes.tolist()):
        out[k] = table[code] if code < len(table) else 2**32 - 1
    return max(out.tolist(), default=0)


def place_pairs(first, second, width, table, out):
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        code = a * int(width) + b
        out[k] = table[code] if b < width and code < len(table) else 2**32 - 1
    return max(out.tolist(), default=0)


def fill_nulls(codes, bits, offset, size, null_code, out):
    valid = [is_set(bits, offset + row) for row in range(len(codes))]
    for row, code in enumerate(codes):
        out[row] = code if valid[row] else null_code
    wild = [row for row, code in enumerate(codes) if valid[row] and int(code) >= size]
    return wild[0] if wild else -1


def count_bits(y_true, y_pred):
    def ones(words):
        return sum(bin(word).count("1") for word in words)

    true, pred = [int(word) for word in y_true], [int(word) for word in y_pred]
    return ones(true), ones(pred), ones(t & p for t, p in zip(true, pred, strict=True))


def bit(words, row):
    return int(words[row // 64]) >> (row % 64) & 1


def add_carry(carry, plane):
    """Digit by digit: held + carried is 2 x carry out + digit."""
    for row in range(64 * len(carry)):
        place, total = np.uint64(1) << np.uint64(row % 64), bit(plane, row) + bit(carry, row)
        for words, value in ((plane, total % 2), (carry, total // 2)):
            words[row // 64] = (words[row // 64] & ~place) | (place if value else np.uint64(0))


def add_bits(y_true, y_pred, planes, carry):
    for row in range(64 * y_true.shape[1]):
        true = [bit(words, row) for words in y_true]
        pred = [bit(words, row) for words in y_pred]
        sizes = sum(t & p for t, p in zip(true, pred, strict=True)), sum(pred), sum(true)
        for digits, size in zip(planes, sizes, strict=True):
            for digit in range(len(digits)):
                digits[digit, row // 64] |= np.uint64((size >> digit & 1) << (row % 64))


def spread_bits(planes, sizes):
    for row in range(64 * planes.shape[1]):
        sizes[row] = sum(bit(plane, row) << digit for digit, plane in enumerate(planes))


def count_sizes(sizes, valid, base, step, table):
    for row, (both, predicted, true) in enumerate(sizes.T.tolist()):
        if int(valid[row // 8]) >> (row % 8) & 1:
            table[(both * base + predicted) * base + true] += step


def count_sets(ends, y_true, y_pred, first, step, marks, cells, sizes):
    if ends[-1][0] > len(y_true) or ends[-1][1] > len(y_pred):
        return False
    if any(int(code) >= len(cells) for code in [*y_true, *y_pred]):
        return False
    for row in range(len(ends) - 1):
        true = {int(code) for code in y_true[ends[row, 0] : ends[row + 1, 0]]}
        pred = {int(code) for code in y_pred[ends[row, 1] : ends[row + 1, 1]]}
        for column, met in ((0, true & pred), (1, pred - true), (2, true - pred)):
            for label in met:
                cells[label, column] += step
        sizes[:, row] = len(true & pred), len(pred), len(true)
        for column, met in enumerate((true, pred)):
            for label in met:
                marks[label, column] = first + row
    return True


# ---- kernels that add floats exactly, in fractions


def number_of(digits, low=0):
    return sum((Fraction(int(digit)) * Fraction(2) ** (32 * (low + k)) for k, digit in enumerate(digits)), Fraction())


def fits(terms, scale, most):
    return all((Fraction(x) * Fraction(scale)).denominator == 1 and abs(x) < most for x in terms.tolist())


def reach(terms):
    """2**lowest is the largest power of two that divides all terms."""
    parts = [Fraction(abs(x)) for x in terms.tolist() if x]
    if not parts:
        return 1100, -1100
    lowest = min((x.numerator & -x.numerator).bit_length() - x.denominator.bit_length() for x in parts)
    return lowest, max((x / Fraction(2) ** lowest).numerator.bit_length() + lowest for x in parts)


def digits_of(value, low, count):
    """The 32-bit digits of a whole multiple of 2**(32 * low), all of the sign of the value."""
    whole = abs(value) / Fraction(2) ** (32 * low)
    assert whole.denominator == 1
    sign = -1 if value < 0 else 1
    return [sign * (whole.numerator >> (32 * k) & (2**32 - 1)) for k in range(count)]


def add_terms(cells, terms, low, step, table):
    first_wild = next((k for k, cell in enumerate(cells.tolist()) if cell >= len(table)), len(cells))
    for k in range(len(cells) if first_wild == len(cells) else first_wild // BLOCK * BLOCK):
        value = Fraction(float(terms[k]))
        if value and abs(value) >= Fraction(2) ** (32 * (low + table.shape[1] - 2)) * 2**31:
            return k
        table[int(cells[k])] += np.array(digits_of(step * value, low, table.shape[1]), np.int64)
    return len(cells) if first_wild == len(cells) else first_wild // BLOCK * BLOCK


def cut_digit(rest, step, digit):
    for k, value in enumerate(rest.tolist()):
        digit[k] = step * math.trunc(value)
        rest[k] = float((Fraction(value) - math.trunc(value)) * 2**32)


def cut_terms(terms, scale, step, rest, digits):
    for k, value in enumerate(terms.tolist()):
        left = Fraction(value) * Fraction(scale)
        for row in digits[::-1]:
            row[k] = step * math.trunc(left)
            left = (left - math.trunc(left)) * 2**32
        rest[k] = left


def add_digit(cells, digit, width, table):
    for cell, value in zip(cells.tolist(), digit.tolist(), strict=True):
        table[cell * int(width)] += value


def add_cut(cells, terms, scale, step, rest, digits, table):
    size = digits.shape[1]
    if len(digits) > table.shape[1]:
        return 0
    first_wild = next((k // size * size for k, cell in enumerate(cells.tolist()) if cell >= len(table)), len(cells))
    cut = np.zeros((len(digits), first_wild), np.int64)
    cut_terms(terms[:first_wild], scale, step, np.zeros(first_wild), cut)
    for k, cell in enumerate(cells[:first_wild].tolist()):
        table[cell, : len(digits)] += cut[:, k]
    return first_wild


def add_all(terms, scale, step, rest, digits, number):
    cut = np.zeros((len(digits), len(terms)), np.int64)
    cut_terms(terms, scale, step, np.zeros(len(terms)), cut)
    number[: len(digits)] += cut.sum(axis=1)


def split_pairs(y_true, y_pred, terms, abstain, cells, wrong, wrong_terms):
    k = 0
    for row, (true, pred) in enumerate(zip(y_true.tolist(), y_pred.tolist(), strict=True)):
        if true < 2:
            cells[row] = 0
        elif abstain and pred == 0:
            cells[row] = 2
        elif true == pred:
            cells[row] = 3 * true
        else:
            cells[row], wrong[k], wrong_terms[k] = 3 * true + 2, 3 * pred + 1, terms[row]
            k += 1
    return k


def split_sets(ends, y_true, y_pred, first, limit, marks, cells, rows):
    k = 0
    for row in range(len(ends) - 1):
        true = {int(code) for code in y_true[ends[row, 0] : ends[row + 1, 0]]}
        pred = {int(code) for code in y_pred[ends[row, 1] : ends[row + 1, 1]]}
        met = [3 * code for code in true & pred] + [3 * code + 2 for code in true - pred]
        met += [3 * code + 1 if code < limit else 4 for code in pred - true]
        cells[k : k + len(met)], rows[k : k + len(met)] = met, row
        k += len(met)
    return k


# ---- kernels that read Parquet pages


def varint(raw, pos):
    value = 0
    for digit in range(10):  # ten digits of seven bits pass 64 bits
        if not 0 <= pos < len(raw):
            break
        byte, pos = int(raw[pos]), pos + 1
        value |= (byte & 127) << (7 * digit)
        if byte < 128:
            return value % 2**64, pos
    return value % 2**64, -1


def page_header(raw, pos, last, fields):
    fields[:] = 0
    try:
        return _struct(raw, pos, 0, len(last), fields)
    except (IndexError, ValueError):
        return -1


def _struct(raw, pos, depth, deepest, fields):
    """A Thrift struct in the compact protocol; `fields` gets the integers of it and of the structs in it."""
    field = 0
    while True:
        kind, delta = int(raw[pos]) % 16, int(raw[pos]) // 16
        pos += 1
        if kind == 0:
            return pos
        if delta == 0:
            raise ValueError("a field number of its own")
        field += delta
        slot = field + 8 * depth if depth < 2 and field < 9 else 0
        if kind in (4, 5, 6):  # integers
            value, pos = varint(raw, pos)
            if pos < 0:
                raise ValueError("cut short")
            fields[slot] = value // 2 if value % 2 == 0 else -(value + 1) // 2
            fields[17] |= slot == 4
        elif kind == 8:  # bytes
            size, pos = varint(raw, pos)
            if pos < 0 or size > len(raw) - pos:
                raise ValueError("cut short")
            pos += size
        elif kind == 12 and depth + 1 < deepest:
            fields[slot] = 1
            pos = _struct(raw, pos, depth + 1, deepest, fields)
        elif kind in (1, 2, 3, 7):  # two booleans, a byte, a float
            pos += {1: 0, 2: 0, 3: 1, 7: 8}[kind]
        else:
            raise ValueError("no such type in a page header")


def page_index(raw, last, pages):
    pos = 0
    for page, fields in enumerate(pages):
        if pos == len(raw):
            return page
        fields[0] = start = page_header(raw, pos, last, fields)
        if start < 0 or not 0 <= fields[3] <= len(raw) - start:
            return -1
        pos = start + int(fields[3])
    return len(pages) + (pos < len(raw))


def whole_word(b):
    return int.from_bytes(bytes(b[:8]), "little")


def word_at(raw, at):
    return int.from_bytes(bytes(raw[at : at + 8]), "little")


def unpack_bits(raw, width, out):
    number = int.from_bytes(bytes(raw), "little")
    for i in range(len(out)):
        out[i] = number >> (i * width) & (2**width - 1)


def unpack_eights(raw, width, out):
    done = 8 * min(len(out) // 8, max(len(raw) - 8, 0) // max(width, 1))
    unpack_bits(raw, width, out[:done])
    return done


def unpack(raw, width, out):
    numbers, pos, size = [], 0, (width + 7) // 8
    while len(numbers) < len(out):
        head, pos = varint(raw, pos)
        count = head // 2
        if pos < 0 or not 0 < count <= 2**31:
            return False
        length = count * width if head % 2 else size
        if length > len(raw) - pos:
            return False
        if head % 2:
            run = [0] * min(8 * count, len(out))
            unpack_bits(raw[pos : pos + length], width, run)
        else:
            value = int.from_bytes(bytes(raw[pos : pos + length]), "little")
            if value >= 2**width:
                return False
            run = [value] * min(count, len(out))
        numbers, pos = numbers + run, pos + length
    out[:] = numbers[: len(out)]
    return True


def levels(page, valid):
    size = int.from_bytes(bytes(page[:4]), "little")
    if size > len(page) - 4 or not unpack(page[4 : 4 + size], 1, valid):
        return -1, size
    return int(valid.sum()), 4 + size


def decode_page(page, nullable, widest, valid, out):
    valid = valid if nullable else valid[:0]
    rows, pos = levels(page, valid) if nullable else (len(out), 0)
    if rows > 0:
        codes = out[:rows].copy()
        if pos >= len(page) or page[pos] > widest or not unpack(page[pos + 1 :], int(page[pos]), codes):
            return -1
    out[...] = 0
    if rows > 0:
        out[valid.astype(bool) if nullable else slice(None)] = codes
    return rows


def copy(source, target):
    target[:] = source


def unsnap(raw, out):
    size, pos = varint(raw, 0)
    if pos < 0 or size != len(out):
        return False
    made = bytearray()
    while pos < len(raw):
        tag, kind = int(raw[pos]), int(raw[pos]) % 4
        literal = tag // 4 + 1
        extra = (literal - 60 if literal > 60 else 0) if kind == 0 else (0, 1, 2, 4)[kind]
        number, pos = int.from_bytes(bytes(raw[pos + 1 : pos + 1 + extra]), "little"), pos + 1 + extra
        if kind == 0:
            length = number + 1 if extra else literal
            made += bytes(raw[pos : pos + length])
            if pos > len(raw) or length > len(raw) - pos:
                return False
            pos += length
        else:
            length, back = (tag // 4 % 8 + 4, tag // 32 * 256 + number) if kind == 1 else (literal, number)
            if pos > len(raw) or not 0 < back <= len(made):
                return False
            for _ in range(length):
                made.append(made[-back])
        if len(made) > len(out):
            return False
    if len(made) != len(out):
        return False
    out[:] = list(made)
    return True


def decode_chunk(raw, pages, snappy, nullable, scratch, valid, out):
    row, held = 0, 0
    for page in pages.tolist():
        body, size, rows = raw[page[0] : page[0] + page[3]], page[2], page[9]
        if not 0 <= rows <= len(out) - row:
            return -1
        if snappy:
            if not 0 <= size <= len(scratch) or not unsnap(body, scratch[:size]):
                return -1
            body = scratch[:size]
        found = decode_page(body, nullable, 8 * out.itemsize, valid[row : row + rows], out[row : row + rows])
        if found < 0:
            return -1
        row, held = row + rows, held + found
    return held if row == len(out) else -1


# ---- kernels that compare scores by their bits


def score_of(bits):
    """The score behind its bits: an unsigned integer, or the float of so many bytes."""
    bits = np.asarray(bits)
    return int(bits) if bits.dtype.kind == "u" else float(bits.view(f"f{bits.itemsize}"))


def count_decided(scores, flags, ends, sums):
    low, most, bound = ends.tolist()
    for score, flag in zip(scores.tolist(), flags.tolist(), strict=True):
        sums += [flag, score >= bound, flag and score >= bound, low <= score <= most]


def ordered(bits, low):
    magnitude = int(bits) - int(low)
    return -magnitude if int(bits) < 0 else int(bits)


def first_of_highest(row, low):
    scores = [score_of(bits) for bits in row]
    return scores.index(max(scores)) if scores else 0


def highest(bits, low, places):
    for row, scores in enumerate(bits):
        places[row] = first_of_highest(scores, low)


def decide(bits, low, bounds, word, words):
    words[:] = 0
    for row, scores in enumerate(bits):
        for label, score in enumerate(scores):
            if ordered(score, low) >= int(bounds[label]):
                words[label, row // 64] |= np.uint64(1 << row % 64)


def count_above(bits, low, true, greater, equal):
    for row, scores in enumerate(bits):
        found = [score_of(each) for each in scores]
        if not 0 <= true[row] < len(found):
            greater[row] = equal[row] = -1
            continue
        own = found.pop(true[row])
        greater[row], equal[row] = sum(score > own for score in found), found.count(own)


def rank_labels(bits, low, truth, sizes, scale, precision):
    for row, scores in enumerate(bits):
        found = [score_of(each) for each in scores]
        true = [score for score, held in zip(found, truth[row], strict=True) if held]
        false = [score for score, held in zip(found, truth[row], strict=True) if not held]
        wrong = sum(lower >= own for own in true for lower in false)
        sizes[row] = len(true), wrong, sum(score >= min(true) for score in found) if true else 0
        parts = [Fraction(sum(s >= own for s in true), sum(s >= own for s in found)) for own in true]
        precision[row] = float(sum(parts))


# ---- kernels of probabilities


def log_of(x):
    with localcontext(prec=60):
        return float(Decimal(float(x)).ln())


def loss_of(p, is_true):
    with localcontext(prec=1200):  # 1 - 5e-324 has 324 nines
        what_is_true = Decimal(float(p)) if is_true else 1 - Decimal(float(p))
    with localcontext(prec=60 if is_true or p > 1e-20 else 400):
        return float(-what_is_true.ln()) if what_is_true > 0 else 0.0


def log_cells(scores, truth, losses, zeros):
    for i, (score, is_true) in enumerate(zip(scores, truth, strict=True)):
        losses[i], zeros[i] = loss_of(score, is_true), score == (0 if is_true else 1)


def log_rows(scores, truth, scale, cells, losses, zeros):
    for row in range(len(scores)):
        parts, without = np.empty(len(scores[row])), np.empty(len(scores[row]))
        log_cells(scores[row], truth[row], parts, without)
        losses[row], zeros[row] = math.fsum(parts), sum(without)


def square(x, scale):
    return math.floor(Fraction(float(x)) ** 2 * Fraction(scale) + Fraction(1, 2))


def square_classes(scores, true, scale, terms):
    for row, probabilities in enumerate(scores):
        y = [int(place == true[row]) for place in range(len(probabilities))]
        terms[row] = sum((held - Fraction(float(p))) ** 2 for held, p in zip(y, probabilities, strict=True))


def square_labels(scores, truth, scale, terms):
    for row, probabilities in enumerate(scores):
        held = zip(truth[row].tolist(), probabilities, strict=True)
        terms[row] = sum((y - Fraction(float(p))) ** 2 for y, p in held)


def is_wrong(bits, low, most, is_unit):
    score, limit = score_of(bits), score_of(most)
    return not (0 <= score <= limit if is_unit else -limit <= score <= limit)


def any_wrong(bits, low, most, is_unit):
    return any(is_wrong(each, low, most, is_unit) for each in bits)


def cause_of(bits, low, infinite):
    score = score_of(bits)
    if math.isnan(score):
        return 1
    return 4 if math.isinf(score) else 2 if score < 0 else 3


def find_wrong(bits, ends, is_unit, causes):
    for row, scores in enumerate(bits):
        wrong = [each for each in scores if is_wrong(each, ends[0], ends[1], is_unit)]
        causes[row] = cause_of(wrong[0], ends[0], ends[2]) if wrong else 0


def add_bands(scores, hits, step, table):
    for score, hit in zip(scores.tolist(), hits.tolist(), strict=True):
        if 0 <= score <= 1:
            units = round(Fraction(score) * 2**30)  # half to even
            table[min(math.floor(score * 15), 14)] += step, step * hit, step * units


# ---- rows, counted in dictionaries


def text_of(value):
    """The identity of a label: its text. None and nan are no label."""
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value if isinstance(value, str) else str(int(value))


class RefusedError(Exception):
    """An "error" policy met a row, or a binary task a third label."""


@dataclass
class Counted:
    """All that rows count as. Entries that are zero mean nothing, so they are dropped before a comparison."""

    cells: Counter = field(default_factory=Counter)  # (label, "TP" or "FP" or "FN") -> rows
    rows: int = 0
    skipped: Counter = field(default_factory=Counter)
    tallies: Counter = field(default_factory=Counter)
    row_table: Counter = field(default_factory=Counter)  # (|Y and P|, |P|, |Y|) -> rows
    pairs: Counter = field(default_factory=Counter)  # (truth, prediction or None) -> rows
    weights: Counter = field(default_factory=Counter)  # (part, key) of all the above -> Fraction

    def parts(self):
        return self.cells, self.skipped, self.tallies, self.row_table, self.pairs, self.weights

    def plus(self, other, sign=1):
        total = Counted(rows=self.rows + sign * other.rows)
        for sums, mine, theirs in zip(total.parts(), self.parts(), other.parts(), strict=True):
            for key in {*mine, *theirs}:
                if value := mine[key] + sign * theirs[key]:
                    sums[key] = value
        return total

    @property
    def labels(self):
        return {label for label, _ in self.cells}

    @property
    def covered(self):
        """What equality of states is about: everything but the pairs, without zeros."""
        parts = {
            "cells": self.cells,
            "skipped": self.skipped,
            "tallies": self.tallies,
            "row_table": self.row_table,
            "weights": self.weights,
        }
        named = {name: {key: n for key, n in part.items() if n} for name, part in parts.items()}
        return {"rows": self.rows, **named}


def count_rows(rows, task="multiclass", step=1, sample_weight=None, **options):
    """Count (truth, prediction, weight if there is one) rows one by one: label texts or None; lists for multilabel."""
    counted = _count_plain([row[:2] for row in rows], task, step=step, **options)
    for *row, weight in rows if sample_weight else ():
        alone = _count_plain([row], task, **options)
        parts = {"cells": alone.cells, "row": alone.row_table, "named": alone.tallies + Counter(rows=alone.rows)}
        parts["named"]["null_pred"] = alone.skipped["null_pred"]
        for part, numbers in parts.items():
            for key, number in numbers.items():
                counted.weights[part, key] += step * number * Fraction(weight)
    return counted


def _count_plain(
    rows, task="multiclass", labels=(), unknown="grow", null_pred="wrong", pos_label=None, samples=True, step=1
):
    counted = Counted()
    if task == "binary" and unknown == "count":
        unknown = "grow"  # a third label is an error whatever `unknown` says, unless its row is skipped
    for true, pred in rows:
        if task == "multilabel":
            _count_sets(counted, _as_set(true), _as_set(pred), set(labels), unknown, null_pred, step)
        else:
            _count_one(counted, true, pred, set(labels), unknown, null_pred, step)
    if task == "binary" and len(counted.labels | set(labels) | {pos_label or "1"}) > 2:
        raise RefusedError("a third label")
    if not samples:
        counted.row_table.clear()
    return counted


def _as_set(labels):
    return None if labels is None or None in labels else set(labels)


def _count_one(counted, true, pred, known, unknown, null_pred, step):
    closed = unknown != "grow"
    if true is None:
        counted.skipped["null_true"] += step
        return
    if closed and true not in known:
        _refuse_if(unknown == "error")
        counted.skipped["unknown_true"] += step
        return
    if pred is None and null_pred != "wrong":
        _refuse_if(null_pred == "error")
        counted.skipped["null_pred"] += step
        return
    counted.rows += step
    if pred is None:
        counted.tallies["unanswered"] += step
        answer = None
    elif closed and pred not in known:
        _refuse_if(unknown == "error")
        counted.tallies["other"] += step
        answer = None
    else:
        answer = pred
    counted.pairs[true, answer] += step
    if answer == true:
        counted.cells[true, "TP"] += step
        return
    counted.cells[true, "FN"] += step
    if answer is not None:
        counted.cells[answer, "FP"] += step


def _count_sets(counted, true, pred, known, unknown, null_pred, step):
    closed = unknown != "grow"
    if true is None:
        counted.skipped["null_true"] += step
        return
    if closed and true - known:
        _refuse_if(unknown == "error")
        counted.skipped["unknown_true"] += step
        return
    if pred is None and null_pred != "wrong":
        _refuse_if(null_pred == "error")
        counted.skipped["null_pred"] += step
        return
    counted.rows += step
    if pred is None:
        counted.tallies["unanswered"] += step
        pred = set()
    others = pred - known if closed else set()
    _refuse_if(others and unknown == "error")
    counted.tallies["other"] += step * len(others)
    for label in true & pred:
        counted.cells[label, "TP"] += step
    for label in pred - true - others:
        counted.cells[label, "FP"] += step
    for label in true - pred:
        counted.cells[label, "FN"] += step
    counted.row_table[len(true & pred), len(pred), len(true)] += step


def _refuse_if(condition):
    if condition:
        raise RefusedError


# ---- states, read out


def unpacked(snapshot):
    """A snapshot's state as Counted; its pairs are None if they are lost or never kept."""
    state = snapshot.state
    counted = Counted(rows=state.rows, skipped=Counter(state.skipped), tallies=Counter(state.tallies))
    for label, cells in zip(state.counts.labels, state.counts.cells.tolist(), strict=True):
        for name, count in zip(("TP", "FP", "FN"), cells, strict=True):
            counted.cells[label, name] = count
    for key, count in zip(state.row_table.keys.tolist(), state.row_table.counts.tolist(), strict=True):
        counted.row_table[key >> 42, key >> 21 & (2**21 - 1), key & (2**21 - 1)] = count
    weighted = state.weighted
    for k, label in enumerate(weighted.labels.keys):
        for column, name in enumerate(("TP", "FP", "FN")):
            counted.weights["cells", (label, name)] = _number(weighted.labels.sums, 3 * k + column)
    for k, name in enumerate(weighted.named.keys):
        counted.weights["named", name] = _number(weighted.named.sums, k)
    for k, key in enumerate(weighted.row_table.keys):
        sizes = key >> 42, key >> 21 & (2**21 - 1), key & (2**21 - 1)
        counted.weights["row", sizes] = _number(weighted.row_table.sums, k)
    if state.pairs is None:
        counted.pairs = None
        return counted
    names = (*state.pairs.labels, None)
    codes = (column.tolist() for column in state.pairs.codes())
    for true, pred, count in zip(*codes, state.pairs.table.counts.tolist(), strict=True):
        counted.pairs[names[true], names[pred]] = count
    return counted


# ---- scores: slots as exact fractions, and the loops of streamavg/count/kernels/scoring.py

# octaves [2**first, 2**(last + 1)) with 2**bits equal slots each, or 2**-bits octaves a slot, in the size 4092
NEAR = [(-126, -65, -6), (-64, -34, -6), (-33, -23, 3), (-22, -15, 5), (-14, -10, 6), (-9, -6, 7), (-5, -2, 8)]
FAR = [(-25, -12, 5), (-11, -9, 6), (-8, -6, 7), (-5, -2, 8)]
SIDE = [(-126, -25, -4), (-24, -13, 0), (-12, -11, 2), (-10, -7, 4), (-6, -4, 5), (-3, -3, 6), (-2, -1, 7), (0, 3, 8)]
SIDE += [(4, 5, 7), (6, 7, 6), (8, 9, 5), (10, 10, 4), (11, 12, 3), (13, 14, 2), (15, 30, 0), (31, 127, -4)]
MORE = {16100: 2, 4092: 0, 1042: -2, 268: -4}
EMPTY, MIXED = 2**64 - 1, 2**64 - 2


def power(exponent):
    return Fraction(2) ** exponent


def starts_of_octaves(segments, more, capped=False):
    """Where each slot begins, and where the last one ends, going away from zero."""
    starts = []
    for first, last, bits in segments:
        if bits + more < 0:
            starts += [power(octave) for octave in range(first, last + 1, 2 ** -(bits + more))]
            continue
        for octave in range(first, last + 1):
            slots = 2 ** (bits + more)
            if capped:  # no slot narrower than a float32 below 1
                slots = min(slots, max(1, int(power(octave) / power(-24))))
            starts += [power(octave) * (1 + Fraction(k, slots)) for k in range(slots)]
    return [*starts, power(segments[-1][1] + 1)]


@lru_cache
def slot_starts(family, size):
    """The least score of each slot as an exact fraction; the slot that begins above zero begins at the next float32."""
    more, tiny = MORE[size], power(-149)
    if family == "unit":
        near, far = starts_of_octaves(NEAR, more), starts_of_octaves(FAR, more, capped=True)
        return [Fraction(0), tiny, *near[1:-1], *(1 - t for t in far[:0:-1]), Fraction(1)]
    side = starts_of_octaves(SIDE, more)
    return [*(-t for t in side[:0:-1]), Fraction(0), tiny, *side[1:-1]]


def as_float32(score):
    """IEEE rounding to float32, by the standard library; infinity beyond its range."""
    try:
        return struct.unpack("<f", struct.pack("<f", score))[0]
    except OverflowError:
        return math.copysign(math.inf, score)


def slot_of(family, size, score):
    rounded = as_float32(score)
    starts = slot_starts(family, size)
    if math.isinf(rounded):
        return len(starts) - 1 if rounded > 0 else 0
    return bisect_right(starts, Fraction(rounded)) - 1


def witness_of(scores):
    """EMPTY, the float64 bits of the one score, or MIXED."""
    distinct = {float(score) + 0.0 for score in scores}
    if len(distinct) > 1:
        return MIXED
    return struct.unpack("<Q", struct.pack("<d", distinct.pop()))[0] if distinct else EMPTY


def tile_at(number, shape, tile):
    rows, columns = map(int, shape[:2])
    groups = [range(columns)[start : start + tile.shape[0]] for start in range(0, columns, tile.shape[0])]
    firsts = range(0, rows, tile.shape[1])
    return [(first, column) for group in groups for first in firsts for column in group][number]


def gather(values, shape, first, column, tile):
    _, _, down, across, _, _ = map(int, shape)
    for j in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            tile[j, i] = values[(first + i) * down + (column + j) * across]


def column_of(values, bits, shape, first, column, room):
    rows, _, down, across, _, _ = map(int, shape)
    places = [row * down + column * across for row in range(first, min(rows, first + room[0].shape[1]))]
    return values[places], bits[places]


def folded_of(score, half, pivot, flip):
    rounded = np.float32(as_float32(float(score)))
    far = (rounded >= half) != flip
    distance = pivot - rounded if far else -rounded
    bits = struct.unpack("<I", struct.pack("<f", distance))[0] % 2**31
    if far:
        bits = (bits + 2**23 - 1) % 2**32 | 2**31
    elif bits:
        bits = max(bits, 2**23)
    return bits - 2**32 if bits >= 2**31 else bits


def fold(scores, half, pivot, flip, folded):
    for i, score in enumerate(scores):
        folded[i] = folded_of(score, half, pivot, flip)


def slot_at(folded, table):
    bits = int(folded)
    base, shift = divmod(int(table[bits >> 23]), 32)
    within = bits % 2**23 >> shift
    return base - 1 - within if bits >> 31 else base + within


def look_up(folded, table, slots):
    for i, bits in enumerate(map(int, folded)):
        slots[i] = slot_at(bits, table)


def hits_of(truth, shape, first, column, room):
    rows, _, _, _, down, across = map(int, shape)
    codes, flags = truth
    here = range(first, min(rows, first + len(room[0])))
    found = (
        [codes[row] == column for row in here] if len(codes) else [flags[row * down + column * across] for row in here]
    )
    return np.array(found, np.uint8)


def count_folded(folded, table, hits, pure, cells, where):
    slots = np.zeros(len(folded), np.uint32)
    look_up(folded, table, slots)
    count_values(slots, hits, cells)
    marked = np.flatnonzero(pure[slots])
    where[: len(marked)] = marked
    return len(marked)


def count_known(folded, table, hits, bits, known, cells):
    (seen, pure), slots = known, np.zeros(len(folded), np.uint32)
    look_up(folded, table, slots)
    count_values(slots, hits, cells)
    return any(pure[slot] and seen[slot] != score for slot, score in zip(slots.tolist(), bits.tolist(), strict=False))


def witness(folded, table, bits, where, unseen, seen, pure):
    kind = np.float32 if seen.itemsize == 4 else np.float64
    zero, minus_zero = np.array([0.0, -0.0], kind).view(seen.dtype).tolist()
    for row in where.tolist():
        slot, score = slot_at(folded[row], table), bits[row]
        if pure[slot]:
            score = zero if score == minus_zero else score
            if seen[slot] == unseen:
                seen[slot] = score
            if seen[slot] != score:
                pure[slot] = 0


def count_tile(scores, bits, hits, grid, tables, room):
    """Always with a look at the witnesses."""
    (table, half, pivot, flip, unseen), (seen, pure, cells, _) = grid, tables
    folded, slots = np.zeros(len(scores), np.int32), np.zeros(len(scores), np.uint32)
    fold(scores, half, pivot, flip, folded)
    folded = folded.view(np.uint32)
    look_up(folded, table, slots)
    count_values(slots, hits, cells)
    witness(folded, table, bits, np.arange(len(scores)), unseen, seen, pure)


def count_true(values, codes, shape, grid, cells):
    _, columns, down, across, _, _ = map(int, shape)
    table, half, pivot, flip, _ = grid
    for row, code in enumerate(codes.tolist()):
        if 0 <= code < columns:
            slot = slot_at(folded_of(values[row * down + code * across], half, pivot, flip) % 2**32, table)
            cells[code, [slot, slot + cells.shape[1] // 2]] += [-1, 1]


def count_values(slots, hits, cells):
    for slot, true in zip(slots.tolist(), hits.tolist(), strict=False):
        cells[slot + true * len(cells) // 2] += 1


def add_units(slots, hits, units, step, weighted):
    for slot, true, unit in zip(slots.tolist(), hits.tolist(), units.tolist(), strict=False):
        weighted[slot + true * len(weighted) // 2] += step * unit


def add_versus(slots, codes, column, step, versus):
    for slot, code in zip(slots.tolist(), codes.tolist(), strict=False):
        if 0 <= code < len(versus):
            versus[code, column, slot] += step


def add_more(slots, hits, codes, first, column, more):
    units, weighted, versus, step = more
    if len(units):
        add_units(slots, hits, units[first:], step, weighted[column])
    if len(versus):
        add_versus(slots, codes[first:], column, step, versus)


def count_scores(values, bits, truth, shape, grid, hot, more, room):
    """Columns as wholes."""
    rows, columns = map(int, shape[:2])
    for c in range(columns):
        column, run = column_of(values, bits, shape, 0, c, (np.zeros((1, rows)), None, None))
        hits, slots = hits_of(truth, shape, 0, c, (column, None, None)), np.zeros(rows, np.uint32)
        count_tile(column, run, hits, grid, tuple(each[c] for each in hot), None)
        look_up([folded_of(score, *grid[1:4]) % 2**32 for score in column], grid[0], slots)
        add_more(slots, hits, truth[0], 0, c, more)


def count_exact(values, truth, shape, mapping, cells, more, room):
    rows, columns = map(int, shape[:2])
    for c in range(columns):
        column, _ = column_of(values, values, shape, 0, c, (np.zeros((1, rows)), None, None))
        slots = np.array([mapping[bits] for bits in column.tolist()], np.uint32)
        hits = hits_of(truth, shape, 0, c, (column, None, None))
        count_values(slots, hits, cells[c])
        add_more(slots, hits, truth[0], 0, c, more)


def walk(text, middle, table, start, events, places, states):
    numbers = []
    for half, part in enumerate((text[:middle], text[middle:])):
        state, found = int(start), []
        for at, byte in enumerate(part.tolist()):
            state = int(table[256 * state + byte])
            if state < events:
                found.append((at, state))
        for number, (at, state) in enumerate(found):
            places[half, number], states[half, number] = at, state
        numbers.append(len(found))
    return tuple(numbers)


def field_of(text, first, after, keys, ends):
    wanted = [keys[ends[k] : ends[k + 1]].tolist() for k in range(len(ends) - 1)]
    here = text[first:after].tolist()
    return wanted.index(here) if here in wanted else -1


def keep_fields(text, places, states, keys, ends, meant, found):
    _, _, line_ends, good = found
    row, line = 0, []
    for at, state in zip(places.tolist(), states.tolist(), strict=True):
        if state > 1:
            line.append((at, state))
            continue
        right = _keep_line(text, line, keys, ends, meant, row, found)
        line_ends[row], good[row] = at + 1, state == 1 and right
        row, line = row + 1, []
    return row


def _keep_line(text, events, keys, ends, meant, row, found):
    """One line: its events one member after the other, each from a key to what ends its value."""
    fields, kinds, _, _ = found
    right, member = True, {}
    for at, state in events:
        member[state] = at
        if not 4 <= state <= 7:
            continue
        begun = [each for each in member if each >= 10]
        field = field_of(text, member[2] + 1, member[3], keys, ends) if begun else -1
        if field >= 0:
            right &= not kinds[row, field] and 9 not in member
            fields[row, field] = member[begun[0]] + (begun[0] == 10), member.get(8, member.get(9, at))
            kinds[row, field] = 3 if state >= 6 else 6 if 9 in member else meant[begun[0]]
        member = {}
    return right


def copy_fields(text, fields, ends, out):
    for (first, _), begin, end in zip(fields.tolist(), ends[:-1], ends[1:], strict=True):
        out[begin:end] = text[first : first + end - begin]


def _number(sums, place):
    return number_of(sums.limbs[place].tolist(), sums.low)


# ---- kernels that join records by the hashes of their ids; a ring's table is searched from end to end


def turned(word, bits):
    word = int(word)
    return ((word << bits) | (word >> (64 - bits))) % 2**64


def sip_round(a, b, c, d):
    """Figure 2.1 of the paper, in the order in which it is drawn."""
    a, b, c, d = (int(each) for each in (a, b, c, d))
    a, c = (a + b) % 2**64, (c + d) % 2**64
    b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
    a = turned(a, 32)
    c, a = (c + b) % 2**64, (a + d) % 2**64
    b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
    return a, b, turned(c, 32), d


def sip_words(text, key):
    text, (k0, k1) = bytes(text), (int(each) for each in key)
    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) % 256])
    words = [0x736F6D6570736575, 0x646F72616E646F6D ^ 0xEE, 0x6C7967656E657261, 0x7465646279746573]
    words = [word ^ half for word, half in zip(words, (k0, k1, k0, k1), strict=True)]
    for (word,) in struct.iter_unpack("<Q", padded):
        words[3] ^= word
        words = list(sip_round(*sip_round(*words)))
        words[0] ^= word
    return tuple(words)


def hash_texts(ends, data, key, hashes):
    for i in range(len(hashes)):
        words = list(sip_words(bytes(data)[ends[i] : ends[i + 1]], key))
        for half, (place, mark) in enumerate(((2, 0xEE), (1, 0xDD))):
            words[place] ^= mark
            for _ in range(4):
                words = list(sip_round(*words))
            hashes[i, half] = words[0] ^ words[1] ^ words[2] ^ words[3]


def find(table, keys, first, second):
    place = int(first) % len(table)
    while table[place] and tuple(map(int, keys[int(table[place]) % 2**32 - 1])) != (int(first), int(second)):
        place = (place + 1) % len(table)
    return place


def drop(table, place):
    """Empty the place, then put in anew all that stood behind it."""
    table[place] = 0
    behind = []
    after = (place + 1) % len(table)
    while table[after]:
        behind.append(int(table[after]))
        table[after] = 0
        after = (after + 1) % len(table)
    for entry in behind:
        place = (entry >> 32) % len(table)
        while table[place]:
            place = (place + 1) % len(table)
        table[place] = entry


def retire(span, limits, now, ring):
    table, keys, kinds, clocks, counts = ring
    for number in range(int(span[0]), int(span[1])):
        slot = number % len(kinds)
        if span[1] - number <= limits[0] and now - clocks[slot] <= limits[1]:
            return
        if kinds[slot] in (1, 2):
            counts[1 if kinds[slot] == 1 else 2] += 1
        if kinds[slot]:
            drop(table, find(table, keys, *keys[slot]))
        kinds[slot] = 0
        span[0] = number + 1


def pair(hashes, news, span, limits, ring, found):
    table, keys, kinds, clocks, counts = ring
    for i, kind in enumerate(news):
        slot = int(span[1]) % len(kinds)
        retire(span, limits, clocks[slot], ring)
        kinds[slot], found[i] = 0, -1
        alike = [n for n in range(int(span[0]), int(span[1])) if kinds[n % len(kinds)] and kind]
        alike = [n for n in alike if (keys[n % len(kinds)] == hashes[i]).all()]
        if alike and kinds[alike[0] % len(kinds)] == 3 - kind:
            kinds[alike[0] % len(kinds)], found[i] = 3, alike[0]
            counts[0] += 1
        elif alike:
            counts[3] += 1
        elif kind:
            keys[slot], kinds[slot] = hashes[i], kind
            table[find(table, keys, *hashes[i])] = int(hashes[i, 0]) % 2**32 * 2**32 + slot + 1
        span[1] += 1


def joined(records, most):
    """The pairs of (id, "truth" or "prediction", value) records, as a dictionary would make them, and what became of
    the rest; a record is remembered until `most` more have come after it."""
    held, pairs, counts = {}, [], Counter()

    def expire(number):
        for name in [name for name, (since, *_) in held.items() if number - since > most]:
            state = held.pop(name)[1]
            counts[{"prediction": "expired", "truth": "orphan"}.get(state, "")] += 1

    for number, (name, kind, value) in enumerate(records):
        expire(number)
        if name is None:
            counts["no_id"] += 1
        elif name not in held:
            held[name] = (number, kind, value)
        elif {held[name][1], kind} == {"prediction", "truth"}:
            other = held[name][2]
            pairs.append((value, other) if kind == "truth" else (other, value))
            held[name] = (held[name][0], "paired", None)
            counts["matched"] += 1
        else:
            counts["duplicate"] += 1
    del counts[""]
    return pairs, counts, {name: kind for name, (_, kind, _) in held.items() if kind != "paired"}
