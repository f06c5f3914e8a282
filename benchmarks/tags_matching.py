"""How many sentences a second does the tagger do, particle rule included? Beside what does without the rule.

    python -m benchmarks.tags_matching [--sentences 100000] [--runs 5] [--text FILE [--field NAME]] [--json FILE]

Generated Korean sentences of about 55 characters with about one mention each, a dictionary of 10,000 and one of 100,000
terms. `--text` takes real ones: a sentence per line, or JSON Lines whose `--field` is one, plain or .gz; the terms are
then words of these texts, drawn evenly.

Times are CPU seconds of this process, so they are per core. The peers find characters, whatever word they stand in:
pyahocorasick as it comes, a regular expression of all terms, and `term in sentence` for each. The slow ones get a
sample of the sentences, and their time per sentence is taken for all.
"""

import argparse
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import ahocorasick

from benchmarks.korean_text import Corpus, make_corpus
from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from platform_assets.tags.dictionary.dictionary import Dictionary, dump, load_dictionary
from platform_assets.tags.dictionary.terms import Term
from platform_assets.tags.table.files import ROW_GROUP_ROWS
from platform_assets.tags.tagging.tagger import Tagger, load_tagger

TERMS = (10_000, 100_000)
GOAL_TERMS = 10_000
GOAL_MICROSECONDS = 5.0
"""200,000 sentences a second."""

OURS, OURS_SINGLE = "ours, a row group at a time", "ours, one by one"
AUTOMATON, REGEX, SUBSTRING = "pyahocorasick iter_long", "re alternation", "naive substring"
HEADERS = ("matcher", "terms", "sentences", "sentences / s", "us / sentence", "hits / s.", "x ours")
_WORD = re.compile("[가-힣]{2,5}")

Matcher = Callable[[Sequence[str]], int]
"""Looks for all terms in the sentences; how many hits."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One matcher over one dictionary.

    Attributes:
        name: Of the matcher.
        terms: In the dictionary.
        sentences: That it was measured with.
        microseconds: CPU time per sentence, median of the runs.
        hits: Per sentence.
        prepare_seconds: CPU time until it can match: from the canonical dictionary to the tagger, or to the peer.
    """

    name: str
    terms: int
    sentences: int
    microseconds: float
    hits: float
    prepare_seconds: float


def match_groups(tagger: Tagger, sentences: Sequence[str]) -> int:
    """As `tag_table` does: the texts of a row group joined."""
    groups = range(0, len(sentences), ROW_GROUP_ROWS)
    return sum(
        len(tagger.scan("\n".join(sentences[first : first + ROW_GROUP_ROWS]))) for first in groups
    )


def match_single(tagger: Tagger, sentences: Sequence[str]) -> int:
    """A call per sentence."""
    return sum(len(tagger.scan(sentence)) for sentence in sentences)


def match_automaton(automaton: Any, sentences: Sequence[str]) -> int:  # noqa: ANN401 - it has no types
    """Leftmost longest, no rule about words."""
    return sum(sum(1 for _ in automaton.iter_long(sentence)) for sentence in sentences)


def match_regex(pattern: re.Pattern[str], sentences: Sequence[str]) -> int:
    """The same by backtracking, longer terms first."""
    return sum(len(pattern.findall(sentence)) for sentence in sentences)


def match_substring(terms: Sequence[str], sentences: Sequence[str]) -> int:
    """One search per term."""
    return sum(sum(term in sentence for term in terms) for sentence in sentences)


def build_automaton(terms: Sequence[str]) -> Any:  # noqa: ANN401 - it has no types
    """Over the terms as they are."""
    automaton = ahocorasick.Automaton()
    for index, term in enumerate(terms):
        automaton.add_word(term, index)
    automaton.make_automaton()
    return automaton


def build_regex(terms: Sequence[str]) -> re.Pattern[str]:
    """Longest terms first, as alternatives are tried in turn."""
    return re.compile("|".join(map(re.escape, sorted(terms, key=len, reverse=True))))


def list_matchers(
    terms: Sequence[str], canonical: bytes
) -> Iterator[tuple[str, float, Callable[[], Matcher]]]:
    """Name, the share of the sentences that it gets at 10,000 terms, and what makes it ready."""
    yield OURS, 1.0, lambda: partial(match_groups, load_tagger(canonical))
    yield OURS_SINGLE, 1.0, lambda: partial(match_single, load_tagger(canonical))
    yield AUTOMATON, 0.2, lambda: partial(match_automaton, build_automaton(terms))
    yield REGEX, 0.001, lambda: partial(match_regex, build_regex(terms))
    yield SUBSTRING, 0.01, lambda: partial(match_substring, terms)


def measure(corpus: Corpus, runs: int) -> list[Cost]:
    """Each matcher, in turns: what else the machine does hits all alike.

    Raises:
        RuntimeError: One by one the tagger finds other mentions than a row group at a time.
    """
    dictionary = Dictionary(
        tuple(sorted(Term(f"T{n}", each) for n, each in enumerate(corpus.terms)))
    )
    ready: list[tuple[str, float, Sequence[str], Matcher]] = []
    for name, share, prepare in list_matchers(corpus.terms, dump(dictionary)):
        share = min(1.0, share * GOAL_TERMS / len(corpus.terms)) if share < 1 else 1.0  # noqa: PLW2901
        sample = corpus.sentences[: max(10, round(share * len(corpus.sentences)))]
        started = time.process_time()
        matcher = prepare()
        ready.append((name, time.process_time() - started, sample, matcher))
    times: dict[str, list[float]] = {}
    hits: dict[str, int] = {}
    for _ in range(runs):
        for name, _, sample, matcher in ready:
            started = time.process_time()
            hits[name] = matcher(sample)
            times.setdefault(name, []).append((time.process_time() - started) / len(sample))
    if hits[OURS] != hits[OURS_SINGLE]:
        raise RuntimeError(f"joined {hits[OURS]} mentions, one by one {hits[OURS_SINGLE]}")
    return [
        Cost(
            name,
            len(corpus.terms),
            len(sample),
            median(times[name]) * 1e6,
            hits[name] / len(sample),
            prepared,
        )
        for name, prepared, sample, _ in ready
    ]


def measure_loading(terms: Sequence[str]) -> float:
    """CPU seconds to read and check a dictionary as people edit it."""
    data = "\n".join(["tag_id,term", *(f"T{n},{each}" for n, each in enumerate(terms))]).encode()
    started = time.process_time()
    load_dictionary(data, "terms.csv")
    return time.process_time() - started


def read_corpus(path: Path, field: str | None, sentences: int, terms: int) -> Corpus:
    """Real sentences, and words of theirs as terms; the rest of the terms is generated."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        texts = [json.loads(line)[field] if field else line.strip() for line in lines]
    rng = Random(4)  # noqa: S311 - nothing secret
    words = sorted({word for text in texts for word in _WORD.findall(text)})
    chosen = rng.sample(words, min(terms, len(words)))
    known = set(chosen)
    spare = [term for term in make_corpus(0, terms).terms if term not in known]
    return Corpus(rng.sample(texts, min(sentences, len(texts))), [*chosen, *spare][:terms])


def format_costs(costs: Sequence[Cost]) -> str:
    """One line each; the last column compares the time with ours over the same dictionary."""
    ours = {cost.terms: cost.microseconds for cost in costs if cost.name == OURS}
    rows = [
        (
            cost.name,
            str(cost.terms),
            str(cost.sentences),
            f"{1e6 / cost.microseconds:,.0f}",
            f"{cost.microseconds:,.2f}",
            f"{cost.hits:.2f}",
            f"{cost.microseconds / ours[cost.terms]:,.1f}",
        )
        for cost in costs
    ]
    return format_table(HEADERS, rows)


def list_goals(costs: Sequence[Cost]) -> list[Goal]:
    """The goal of the tagger (docs/benchmarks.md)."""
    found = [cost for cost in costs if (cost.name, cost.terms) == (OURS, GOAL_TERMS)]
    measured = found[0].microseconds if found else None
    return [Goal(f"us / sentence, {GOAL_TERMS} terms", GOAL_MICROSECONDS, measured)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--text", type=Path, help="real sentences, a line each, plain or .gz")
    parser.add_argument("--field", help="of the JSON objects that the lines of --text are")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    costs: list[Cost] = []
    loading: dict[int, float] = {}
    for terms in TERMS:
        if options.text:
            corpus = read_corpus(options.text, options.field, options.sentences, terms)
        else:
            corpus = make_corpus(options.sentences, terms)
        costs += measure(corpus, options.runs)
        loading[terms] = measure_loading(corpus.terms)
    goals = list_goals(costs)
    ready = {cost.terms: cost.prepare_seconds for cost in costs if cost.name == OURS}
    print(f"medians of {options.runs} runs, CPU time\n\n{format_costs(costs)}\n")
    for terms in TERMS:
        print(
            f"{terms} terms: tagger loaded in {ready[terms]:.2f} s, checked in {loading[terms]:.2f} s"
        )
    print(f"\n{format_goals(goals)}")
    write_json(
        options.json,
        {
            "text": str(options.text) if options.text else "generated",
            "runs": options.runs,
            "medians": [asdict(cost) for cost in costs],
            "check_seconds": loading,
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
