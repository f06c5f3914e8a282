import pytest

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.dictionary.dictionary import dump, load_dictionary, parse
from platform_assets.tags.dictionary.publishing import publish_dictionary
from platform_assets.tags.keys import dictionary_key
from tests.fakes.memory_objects import MemoryObjectStore

CSV, JSONL = "dictionary/tags.csv", "dictionary/tags.jsonl"
STORED = "tags/dictionaries/"
HEAD = "tag_id,term,synonyms\n"
TERMS = f"{HEAD}T1,수분크림,보습크림|모이스처\nT1,워터크림,\nT2,감기,\n"


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


def edit(objects: MemoryObjectStore, text: str, key: str = CSV) -> None:
    objects.put(key, text.encode())


def stored(objects: MemoryObjectStore) -> dict[str, str]:
    """Version -> etag."""
    return {info.key: info.etag for info in objects.list(STORED)}


def test_a_dictionary_is_stored_in_canonical_form_under_its_version(objects: MemoryObjectStore):
    edit(objects, TERMS)
    published = publish_dictionary(objects)
    assert list(stored(objects)) == [dictionary_key(published.version)]
    data = objects.get(dictionary_key(published.version))
    assert data == dump(load_dictionary(TERMS.encode(), CSV).dictionary)
    assert parse(data).version == published.version


def test_its_tags_and_terms_are_counted_synonyms_included(objects: MemoryObjectStore):
    edit(objects, TERMS)
    published = publish_dictionary(objects)
    assert (published.source, published.tags, published.terms) == (CSV, 2, 5)
    assert list(published.notes) == []


def test_what_is_perhaps_not_meant_is_noted_and_published(objects: MemoryObjectStore):
    edit(objects, f"{HEAD}T1,크림,\nT2,수분크림,\n")
    published = publish_dictionary(objects)
    assert any("수분크림" in note for note in published.notes)
    assert len(stored(objects)) == 1


def test_a_version_that_is_there_is_not_written_again(objects: MemoryObjectStore):
    edit(objects, TERMS)
    first = publish_dictionary(objects)
    before = stored(objects)
    assert publish_dictionary(objects) == first
    assert stored(objects) == before


def test_the_same_terms_in_another_file_are_the_same_version(objects: MemoryObjectStore):
    edit(objects, TERMS)
    first = publish_dictionary(objects)
    before = stored(objects)
    objects.delete(CSV)
    lines = TERMS.replace(HEAD, "").splitlines()
    rows = [line.split(",") for line in reversed(lines)]
    edit(
        objects,
        "\n".join(
            f'{{"tag_id": "{tag}", "term": "{term}", "synonyms": "{others}"}}'
            for tag, term, others in rows
        ),
        JSONL,
    )
    second = publish_dictionary(objects)
    assert (second.version, second.source) == (first.version, JSONL)
    assert stored(objects) == before


def test_another_dictionary_is_another_version_beside_the_old_one(objects: MemoryObjectStore):
    edit(objects, TERMS)
    old = publish_dictionary(objects).version
    before = stored(objects)
    edit(objects, f"{TERMS}T3,두통,\n")
    new = publish_dictionary(objects).version
    assert new != old
    assert stored(objects).items() > before.items()
    assert len(stored(objects)) == 2


def test_a_stored_version_is_never_replaced(objects: MemoryObjectStore):
    edit(objects, TERMS)
    version = publish_dictionary(objects).version
    objects.put(dictionary_key(version), b"what tasks rely on")
    assert publish_dictionary(objects).version == version
    assert objects.get(dictionary_key(version)) == b"what tasks rely on"


def test_without_a_dictionary_it_says_where_to_put_one(objects: MemoryObjectStore):
    with pytest.raises(PermanentError) as error:
        publish_dictionary(objects)
    assert error.value.kind == "no_dictionary"
    assert objects.url(CSV) in str(error.value)
    assert objects.url(JSONL) in str(error.value)


def test_two_dictionaries_are_refused_even_if_they_say_the_same(objects: MemoryObjectStore):
    edit(objects, TERMS)
    edit(objects, '{"tag_id": "T1", "term": "감기"}', JSONL)
    with pytest.raises(PermanentError, match=f"{CSV} and {JSONL}: remove one") as error:
        publish_dictionary(objects)
    assert error.value.kind == "two_dictionaries"
    assert stored(objects) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "dictionary/tags.csv"),
        (HEAD, "has no terms"),
        (f"{TERMS}T9,,\n,두통,\n", "line 5"),
        (f"{TERMS}T9,,\n,두통,\n", "line 6"),
    ],
    ids=["empty", "no terms", "first line", "second line"],
)
def test_a_bad_dictionary_is_refused_and_nothing_is_stored(
    objects: MemoryObjectStore, text: str, said: str
):
    edit(objects, text)
    with pytest.raises(RefusedError, match=said) as error:
        publish_dictionary(objects)
    assert error.value.kind == "bad_dictionary"
    assert stored(objects) == {}


class FaultyStore(MemoryObjectStore):
    """Reads or writes of keys that begin so fail."""

    faulty = ""

    def get(self, key: str) -> bytes:
        self._check("reading", key)
        return super().get(key)

    def put_new(self, key: str, data: bytes) -> ObjectInfo:
        self._check("writing", key)
        return super().put_new(key, data)

    def _check(self, what: str, key: str) -> None:
        if self.faulty and f"{what} {key}".startswith(self.faulty):
            raise TransientError(f"{what} {key}: the store does not answer")


@pytest.mark.parametrize("key", [CSV, JSONL])
@pytest.mark.parametrize("faulty", [f"reading {CSV}", f"reading {JSONL}", f"writing {STORED}"])
def test_a_store_that_does_not_answer_is_no_missing_dictionary(key: str, faulty: str):
    objects = FaultyStore()
    edit(objects, TERMS if key == CSV else '{"tag_id": "T1", "term": "감기"}', key)
    objects.faulty = faulty
    with pytest.raises(TransientError, match="does not answer"):
        publish_dictionary(objects)
    assert stored(objects) == {}
