"""The dictionary that people edit, as a version for tasks to rely on: checked, in canonical form, never replaced."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectExistsError, ObjectMissingError, ObjectStore
from platform_assets.tags.dictionary.dictionary import dump, load_dictionary
from platform_assets.tags.keys import DICTIONARY_SOURCES, dictionary_key


@dataclass(frozen=True, slots=True)
class PublishedDictionary:
    """A version of the dictionary.

    Attributes:
        version: What outputs say they were made with.
        source: Object key of the file that it was read from.
        tags: Distinct tags.
        terms: Terms and synonyms.
        notes: What is allowed but perhaps not meant, a line each.
    """

    version: str
    source: str
    tags: int
    terms: int
    notes: Sequence[str]


def publish_dictionary(objects: ObjectStore) -> PublishedDictionary:
    """Stores the dictionary as it is now under its version, if it is not there yet.

    Raises:
        PermanentError: kind `no_dictionary`: there is none; kind `two_dictionaries`: which one counts is not clear.
        RefusedError: kind `bad_dictionary`: it names every line that has something wrong.
        TransientError: The store does not answer.
    """
    source, data = _read_source(objects)
    loaded = load_dictionary(data, source)
    dictionary = loaded.dictionary
    with suppress(ObjectExistsError):  # the same words as before
        objects.put_new(dictionary_key(dictionary.version), dump(dictionary))
    return PublishedDictionary(
        version=dictionary.version,
        source=source,
        tags=len({term.tag_id for term in dictionary.terms}),
        terms=len(dictionary.terms),
        notes=loaded.notes,
    )


def _read_source(objects: ObjectStore) -> tuple[str, bytes]:
    found: list[tuple[str, bytes]] = []
    for key in DICTIONARY_SOURCES:
        try:
            found.append((key, objects.get(key)))
        except ObjectMissingError:
            continue
    if not found:
        raise PermanentError(
            f"there is no tag dictionary: put one at {' or '.join(map(objects.url, DICTIONARY_SOURCES))}",
            kind="no_dictionary",
        )
    if len(found) > 1:
        raise PermanentError(
            f"there are two tag dictionaries, {' and '.join(key for key, _ in found)}: remove one",
            kind="two_dictionaries",
        )
    return found[0]
